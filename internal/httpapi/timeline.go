package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// timeline is what came in about a call and what was told of it, in order.
type timeline struct {
	CallUUID string `json:"call_uuid"`
	Items    []any  `json:"items"`
}

// webhookItem is one entry of the journal.
type webhookItem struct {
	Kind       string          `json:"kind"` // "webhook"
	JournalID  int64           `json:"journal_id"`
	ReceivedAt time.Time       `json:"received_at"`
	Origin     store.Origin    `json:"origin"`
	EventName  correlate.Word  `json:"event_name"`
	EventTime  dialog.Time     `json:"event_time"`
	DialogUUID correlate.Word  `json:"dialog_uuid"`
	Body       json.RawMessage `json:"body,omitempty"`
	BodyBase64 []byte          `json:"body_base64,omitempty"` // where the body is no JSON in UTF-8
}

// eventItem is one event that an entry made.
type eventItem struct {
	Kind       string              `json:"kind"` // "event"
	Seq        int64               `json:"seq"`
	Type       string              `json:"type"`
	UUID       string              `json:"uuid"`
	CreatedOn  dialog.Time         `json:"created_on"`
	DialogUUID correlate.Word      `json:"dialog_uuid"`
	Late       bool                `json:"late"`
	JournalID  int64               `json:"journal_id"`
	From       string              `json:"from,omitempty"`     // of call_merged
	Transfer   *correlate.Transfer `json:"transfer,omitempty"` // of call_transferred
}

// getTimeline answers with a call's webhooks, each followed by the events it made.
func (s *Server) getTimeline(c *fiber.Ctx) error {
	call, ok, err := s.findCall(c, "/timeline")
	if err != nil || !ok {
		return err
	}
	key := store.Key{Account: call.Account, UUID: call.CallUUID}
	ctx, cancel := s.requestContext()
	defer cancel()
	entries, err := s.cfg.Reader.Entries(ctx, key)
	if err != nil {
		return fmt.Errorf("read journal of call: %w", err)
	}
	changes, err := s.cfg.Reader.Changes(ctx, key)
	if err != nil {
		return fmt.Errorf("read history of call: %w", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, timeline{
		CallUUID: call.CallUUID,
		Items:    timelineItems(entries, changes),
	})
}

// timelineItems orders by journal id. A change whose entry is not among the call's own (its leg went to another call
// later) still stands where it happened; what handlers published has no entry, and stands behind the change before it.
func timelineItems(entries []store.Entry, history []store.OutboxRow) []any {
	type placed struct {
		at  int64
		row *store.OutboxRow
	}
	changes := make([]placed, len(history))
	last := int64(0)
	for i := range history {
		last = max(last, history[i].JournalID)
		changes[i] = placed{cmp.Or(history[i].JournalID, last), &history[i]}
	}
	slices.SortStableFunc(changes, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	items := make([]any, 0, len(entries)+2*len(changes))
	next := 0
	eventsThrough := func(journalID int64) {
		for ; next < len(changes) && changes[next].at <= journalID; next++ {
			items = appendEvents(items, changes[next].row)
		}
	}
	for i := range entries {
		eventsThrough(entries[i].ID - 1)
		items = append(items, webhookOf(&entries[i]))
		eventsThrough(entries[i].ID)
	}
	if next < len(changes) {
		eventsThrough(changes[len(changes)-1].at)
	}
	return items
}

func webhookOf(entry *store.Entry) webhookItem {
	item := webhookItem{
		Kind:       "webhook",
		JournalID:  entry.ID,
		ReceivedAt: entry.ReceivedAt.UTC(),
		Origin:     entry.Origin,
		EventName:  correlate.Word(entry.EventName),
		EventTime:  entry.EventTime,
		DialogUUID: correlate.Word(entry.DialogUUID),
	}
	if utf8.Valid(entry.Body) && json.Valid(entry.Body) {
		item.Body = entry.Body
	} else {
		item.BodyBase64 = entry.Body
	}
	return item
}

func appendEvents(items []any, change *store.OutboxRow) []any {
	for _, event := range change.Events {
		items = append(items, eventItem{
			Kind:       "event",
			Seq:        event.Seq,
			Type:       event.Type,
			UUID:       event.UUID,
			CreatedOn:  event.CreatedOn,
			DialogUUID: correlate.Word(event.DialogUUID),
			Late:       event.Late,
			JournalID:  change.JournalID,
			From:       event.From,
			Transfer:   event.Transfer,
		})
	}
	return items
}
