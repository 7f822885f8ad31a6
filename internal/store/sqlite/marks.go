package sqlite

import (
	"context"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// markRow is one row of cancel_marks: a mark has one for its call and one for its contact.
type markRow struct {
	account, key, eventType string
	at                      dialog.Time
	seenAt                  int64
}

func callMark(callUUID string) string { return "call:" + callUUID }

func contactMark(contact string) string { return "contact:" + store.BoundedKey(contact) }

const (
	addMark = `
insert into cancel_marks as known (account, key, event_type, event_at, seen_at)
values (?, ?, ?, ?, ?)
on conflict (account, key, event_type) do update set
    event_at = max(known.event_at, excluded.event_at), seen_at = max(known.seen_at, excluded.seen_at)
where known.event_at < excluded.event_at or known.seen_at < excluded.seen_at`

	marksSince = `
select exists (
    select 1 from cancel_marks
    where account = ? and key in (?, ?) and event_type in (select value from json_each(?)) and event_at >= ?)`

	dropMarks = `
delete from cancel_marks
where (account, key, event_type) in (
    select account, key, event_type from cancel_marks where seen_at < ? order by seen_at limit ?)
returning 1`
)

// AddMarks implements [store.Triggers].
func (t *tx) AddMarks(ctx context.Context, marks []store.Mark) error {
	rows := make([]markRow, 0, 2*len(marks))
	for _, mark := range marks {
		seenAt := t.orNow(mark.SeenAt)
		if mark.CallUUID != "" {
			rows = append(rows, markRow{mark.Account, callMark(mark.CallUUID), mark.EventType, mark.At, seenAt})
		}
		if mark.Contact != "" {
			rows = append(rows, markRow{mark.Account, contactMark(mark.Contact), mark.EventType, mark.At, seenAt})
		}
	}
	return each(ctx, t, "write marks", addMark, rows, func(r markRow) []any {
		return []any{r.account, r.key, r.eventType, int64(r.at), r.seenAt}
	})
}

// MarksSince implements [store.Triggers]. No mark has an empty call or contact, so asking for these finds nothing.
func (t *tx) MarksSince(ctx context.Context, queries []store.MarkQuery) ([]bool, error) {
	return gather[bool](ctx, t, "read marks", marksSince, queries, func(q store.MarkQuery) []any {
		return []any{q.Account, callMark(q.CallUUID), contactMark(q.Contact), encodeKeys(q.EventTypes), int64(q.Since)}
	})
}

// DropMarks implements [store.Triggers].
func (t *tx) DropMarks(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "drop marks", dropMarks, moment(before), max(0, limit))
}
