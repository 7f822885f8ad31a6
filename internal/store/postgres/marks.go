package postgres

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
	seenAt                  time.Time
}

type markKey struct{ account, key, eventType string }

func callMark(callUUID string) string { return "call:" + callUUID }

func contactMark(contact string) string { return "contact:" + store.BoundedKey(contact) }

const (
	addMarks = `
insert into cancel_marks as known (account, key, event_type, event_at, seen_at)
select account, key, event_type, event_at::timestamptz, seen_at::timestamptz
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
     as new(account, key, event_type, event_at, seen_at)
on conflict (account, key, event_type) do update set
    event_at = greatest(known.event_at, excluded.event_at), seen_at = greatest(known.seen_at, excluded.seen_at)
where known.event_at < excluded.event_at or known.seen_at < excluded.seen_at`

	marksSince = `
select exists (
    select from cancel_marks
    where cancel_marks.account = asked.account collate "C"
      and cancel_marks.key in (asked.call_key collate "C", asked.contact_key collate "C")
      and cancel_marks.event_type = any(asked.event_types::text[] collate "C")
      and cancel_marks.event_at >= asked.since::timestamptz)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
     with ordinality as asked(account, call_key, contact_key, event_types, since, place)
order by place`

	dropMarks = `
delete from cancel_marks
where (account, key, event_type) in (
    select account, key, event_type from cancel_marks where seen_at < $1::timestamptz order by seen_at limit $2)`
)

// AddMarks implements [store.Triggers].
func (t *tx) AddMarks(ctx context.Context, marks []store.Mark) error {
	place := make(map[markKey]int, len(marks))
	rows := make([]markRow, 0, 2*len(marks))
	add := func(row markRow) {
		key := markKey{row.account, row.key, row.eventType}
		at, known := place[key]
		if !known {
			place[key] = len(rows)
			rows = append(rows, row)
			return
		}
		rows[at].at = max(rows[at].at, row.at)
		if row.seenAt.After(rows[at].seenAt) {
			rows[at].seenAt = row.seenAt
		}
	}
	for _, mark := range marks {
		seenAt := t.orNow(mark.SeenAt)
		if mark.CallUUID != "" {
			add(markRow{mark.Account, callMark(mark.CallUUID), mark.EventType, mark.At, seenAt})
		}
		if mark.Contact != "" {
			add(markRow{mark.Account, contactMark(mark.Contact), mark.EventType, mark.At, seenAt})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return t.exec(ctx, "write marks", addMarks,
		texts(rows, func(r markRow) string { return r.account }),
		texts(rows, func(r markRow) string { return r.key }),
		texts(rows, func(r markRow) string { return r.eventType }),
		texts(rows, func(r markRow) string { return second(r.at) }),
		moments(rows, func(r markRow) time.Time { return r.seenAt }))
}

// MarksSince implements [store.Triggers]. No mark has an empty call or contact, so asking for these finds nothing.
func (t *tx) MarksSince(ctx context.Context, queries []store.MarkQuery) ([]bool, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	marked := make([]bool, 0, len(queries))
	err := t.SelectContext(ctx, &marked, marksSince,
		texts(queries, func(q store.MarkQuery) string { return q.Account }),
		texts(queries, func(q store.MarkQuery) string { return callMark(q.CallUUID) }),
		texts(queries, func(q store.MarkQuery) string { return contactMark(q.Contact) }),
		texts(queries, func(q store.MarkQuery) string { return literal(q.EventTypes) }),
		texts(queries, func(q store.MarkQuery) string { return second(q.Since) }))
	if err != nil {
		return nil, t.fail(ctx, "read marks", err)
	}
	return marked, nil
}

// DropMarks implements [store.Triggers].
func (t *tx) DropMarks(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.count(ctx, "drop marks", dropMarks, moment(before), max(0, limit))
}
