package httpapi

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/web"
)

// getCallPage shows one call with its webhooks, its events and what it triggered. A call that was merged into another leads
// there.
func (s *Server) getCallPage(c *fiber.Ctx) error {
	call, ok, err := s.findCallAt(c, "/calls/", "")
	if err != nil || !ok {
		return err
	}
	record, err := recordOf(call)
	if err != nil {
		return err
	}
	key := store.Key{Account: call.Account, UUID: call.CallUUID}
	ctx, cancel := s.requestContext()
	defer cancel()
	entries, err := s.cfg.Reader.Entries(ctx, key)
	if err != nil {
		return fmt.Errorf("read journal of call: %w", err)
	}
	history, err := s.cfg.Reader.Changes(ctx, key)
	if err != nil {
		return fmt.Errorf("read history of call: %w", err)
	}
	page := web.CallPage{Call: &record, Webhooks: webhooksOf(entries), Events: eventsOf(history)}
	if s.cfg.Triggers != nil {
		page.HasTriggers = true
		triggers, err := s.cfg.TriggerReader.TriggersOfCall(ctx, key)
		if err != nil {
			return fmt.Errorf("list triggers of call: %w", err)
		}
		page.Triggers = shownTriggers(triggers)
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.Call(w, shell, page) })
}

func webhooksOf(entries []store.Entry) []web.Webhook {
	list := make([]web.Webhook, 0, len(entries))
	for i := range entries {
		one := &entries[i]
		list = append(list, web.Webhook{
			JournalID: one.ID, ReceivedAt: one.ReceivedAt, Own: one.Origin != store.OriginPBX, Origin: string(one.Origin),
			EventName: one.EventName, EventTime: one.EventTime, DialogUUID: one.DialogUUID, Body: one.Body,
		})
	}
	return list
}

// eventsOf gives the events of a call's history in order; those of handlers stand where they were made.
func eventsOf(history []store.OutboxRow) []flow.Event {
	slices.SortStableFunc(history, func(a, b store.OutboxRow) int { return cmp.Compare(a.ID, b.ID) })
	var events []flow.Event
	for i := range history {
		events = append(events, history[i].Events...)
	}
	return events
}

func shownTriggers(triggers []store.Trigger) []web.Trigger {
	list := make([]web.Trigger, 0, len(triggers))
	for i := range triggers {
		one := &triggers[i]
		list = append(list, web.Trigger{
			Handler: one.Handler, State: string(one.State), Reason: one.Reason, EventType: one.EventType,
			CreatedAt: one.CreatedAt, FireAt: one.FireAt, EndedAt: one.EndedAt,
		})
	}
	return list
}
