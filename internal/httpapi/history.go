package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// triggerJSON is a trigger, pending or ended, as clients see it.
type triggerJSON struct {
	UUID          string             `json:"uuid"`
	Account       string             `json:"account"`
	Handler       string             `json:"handler"`
	State         store.TriggerState `json:"state"`
	Reason        correlate.Word     `json:"reason"`
	TransactionID correlate.Word     `json:"transaction_id"`
	CallUUID      correlate.Word     `json:"call_uuid"`
	EventUUID     correlate.Word     `json:"event_uuid"`
	EventType     correlate.Word     `json:"event_type"`
	EventAt       dialog.Time        `json:"event_at"`
	Depth         int                `json:"depth"`
	CreatedAt     time.Time          `json:"created_at"`
	FireAt        *time.Time         `json:"fire_at"` // null for one that fired at once
	EndedAt       *time.Time         `json:"ended_at"`
}

type triggersJSON struct {
	Triggers []triggerJSON `json:"triggers"`
}

func triggersOf(triggers []store.Trigger) triggersJSON {
	list := make([]triggerJSON, 0, len(triggers))
	for i := range triggers {
		one := &triggers[i]
		list = append(list, triggerJSON{
			UUID:          one.ID,
			Account:       one.Account,
			Handler:       one.Handler,
			State:         one.State,
			Reason:        correlate.Word(one.Reason),
			TransactionID: correlate.Word(one.TransactionID),
			CallUUID:      correlate.Word(one.CallUUID),
			EventUUID:     correlate.Word(one.EventUUID),
			EventType:     correlate.Word(one.EventType),
			EventAt:       one.EventAt,
			Depth:         one.Depth,
			CreatedAt:     one.CreatedAt.UTC(),
			FireAt:        moment(one.FireAt),
			EndedAt:       moment(one.EndedAt),
		})
	}
	return triggersJSON{list}
}

// getHandlerTriggers answers with what a handler has triggered, the newest first.
func (s *Server) getHandlerTriggers(c *fiber.Ctx) error {
	q, err := readQuery(c, "limit")
	if err != nil {
		return err
	}
	limit, err := q.limit("limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	handler, err := s.findHandler(c)
	if err != nil {
		return err
	}
	triggers, err := s.triggersOfHandler(c, handler.Name, limit)
	if err != nil {
		return err
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, triggersOf(triggers))
}

// triggersOfHandler gives what a handler has triggered, the newest first; to who has a key or token of one account, those
// of that account among them.
func (s *Server) triggersOfHandler(c *fiber.Ctx, name string, limit int) ([]store.Trigger, error) {
	ctx, cancel := s.requestContext()
	defer cancel()
	triggers, err := s.cfg.TriggerReader.TriggersOfHandler(ctx, name, limit)
	if err != nil {
		return nil, fmt.Errorf("list triggers of handler: %w", err)
	}
	who := readerOf(c)
	return slices.DeleteFunc(triggers, func(one store.Trigger) bool { return !who.sees(one.Account) }), nil
}

// getCallTriggers answers with what a call has triggered, the oldest first.
func (s *Server) getCallTriggers(c *fiber.Ctx) error {
	call, ok, err := s.findCall(c, "/triggers")
	if err != nil || !ok {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	triggers, err := s.cfg.TriggerReader.TriggersOfCall(ctx, store.Key{Account: call.Account, UUID: call.CallUUID})
	if err != nil {
		return fmt.Errorf("list triggers of call: %w", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, triggersOf(triggers))
}

// limit reads how many entries a page is to have.
func (q query) limit(name string, otherwise, most int) (int, error) {
	text, ok := q[name]
	if !ok {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return 0, invalid(name, "It is a number from 1 to "+strconv.Itoa(most)+".")
	}
	return limit, nil
}
