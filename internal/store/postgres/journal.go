package postgres

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

const appendEntries = `
insert into journal (account, received_at, origin, event_name, event_time, dialog_uuid, call_uuid, ignored, sha256, body)
select account, received_at::timestamptz, origin, event_name, nullif(event_time, '')::timestamptz,
       nullif(dialog_uuid, ''), nullif(call_uuid, ''),
       ignored or exists (
           select from tombstones
           where tombstones.account = new.account collate "C"
             and tombstones.uuid = any(string_to_array(new.named, ' ') collate "C")),
       substring($9::bytea from (place::integer - 1) * 32 + 1 for 32), substring($10::bytea from body_at for body_size)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $11::integer[], $12::integer[], $13::text[])
     with ordinality as new(account, received_at, origin, event_name, event_time, dialog_uuid, call_uuid, ignored,
                            body_at, body_size, named, place)
order by place
on conflict (account, sha256) do nothing
returning id, account, sha256, ignored`

type bodyKey struct {
	account string
	sha256  [32]byte
}

// Append implements [store.Tx].
func (t *tx) Append(ctx context.Context, entries []*store.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	first := make(map[bodyKey]*store.Entry, len(entries))
	fresh := make([]*store.Entry, 0, len(entries))
	for _, entry := range entries {
		entry.ID, entry.Duplicate = 0, true // until it turns out to be new
		key := bodyKey{entry.Account, entry.SHA256}
		if first[key] == nil {
			first[key] = entry
			fresh = append(fresh, entry)
		}
	}
	var added []struct {
		ID      int64  `db:"id"`
		Account string `db:"account"`
		SHA256  []byte `db:"sha256"`
		Ignored bool   `db:"ignored"`
	}
	bodies := pack(fresh, func(e *store.Entry) []byte { return e.Body })
	err := t.SelectContext(ctx, &added, appendEntries,
		texts(fresh, func(e *store.Entry) string { return e.Account }),
		moments(fresh, func(e *store.Entry) time.Time { return e.ReceivedAt }),
		texts(fresh, func(e *store.Entry) string { return string(e.Origin) }),
		texts(fresh, func(e *store.Entry) string { return e.EventName }),
		texts(fresh, func(e *store.Entry) string { return optional(e.EventTime) }),
		texts(fresh, func(e *store.Entry) string { return e.DialogUUID }),
		texts(fresh, func(e *store.Entry) string { return e.CallUUID }),
		bools(fresh, func(e *store.Entry) bool { return e.Ignored }),
		pack(fresh, func(e *store.Entry) []byte { return e.SHA256[:] }).data,
		bodies.data, bodies.at, bodies.size,
		texts(fresh, func(e *store.Entry) string { return strings.Join(e.Named, " ") }),
	)
	if err != nil {
		return t.fail(ctx, "append to journal", err)
	}
	for _, row := range added {
		entry := first[bodyKey{row.Account, [32]byte(row.SHA256)}]
		entry.ID, entry.Duplicate, entry.Ignored = row.ID, false, row.Ignored
	}
	return t.putRanks(ctx, fresh)
}

type journalRow struct {
	ID         int64        `db:"id"`
	Account    string       `db:"account"`
	ReceivedAt time.Time    `db:"received_at"`
	Origin     string       `db:"origin"`
	EventName  string       `db:"event_name"`
	EventTime  sql.NullTime `db:"event_time"`
	DialogUUID string       `db:"dialog_uuid"`
	CallUUID   string       `db:"call_uuid"`
	Ignored    bool         `db:"ignored"`
	SHA256     []byte       `db:"sha256"`
	Body       []byte       `db:"body"`
	Rank       []byte       `db:"rank"`
}

func (r journalRow) entry() store.Entry {
	return store.Entry{
		ID: r.ID, Account: r.Account, ReceivedAt: r.ReceivedAt.UTC(), Origin: store.Origin(r.Origin),
		EventName: r.EventName, EventTime: dialog.TimeOf(r.EventTime.Time), DialogUUID: r.DialogUUID,
		CallUUID: r.CallUUID, Ignored: r.Ignored, SHA256: [32]byte(r.SHA256), Rank: rankOf(r.Rank), Body: r.Body,
	}
}

// rankOf gives the zero rank for null.
func rankOf(rank []byte) (sum [32]byte) {
	copy(sum[:], rank)
	return sum
}

func entriesFrom(rows []journalRow) []store.Entry {
	entries := make([]store.Entry, len(rows))
	for i, row := range rows {
		entries[i] = row.entry()
	}
	return entries
}

const journalColumns = `id, account, received_at, origin, event_name, event_time, coalesce(dialog_uuid, '') as dialog_uuid,
       coalesce(call_uuid, '') as call_uuid, ignored, sha256, body, rank`

const entriesOfCall = `
select ` + journalColumns + `
from journal
where id in (
    select entry.id
    from legs join journal entry on entry.account = legs.account and entry.dialog_uuid = legs.dialog_uuid
    where legs.account = $1 and legs.call_uuid = $2
    union
    select id from journal where account = $1 and call_uuid = $2
)
order by id`

// Entries implements [store.Reader].
func (s *Store) Entries(ctx context.Context, call store.Key) ([]store.Entry, error) {
	var rows []journalRow
	if err := s.list(ctx, "read journal", &rows, entriesOfCall, call.Account, call.UUID); err != nil {
		return nil, err
	}
	return entriesFrom(rows), nil
}

// Empty implements [store.Reader].
func (s *Store) Empty(ctx context.Context) (bool, error) {
	var empty bool
	err := s.read(ctx, "read journal", &empty, `select not exists (select 1 from journal)`)
	return empty, err
}
