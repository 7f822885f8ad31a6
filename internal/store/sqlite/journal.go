package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

const appendEntry = `
insert into journal (id, account, received_at, origin, event_name, event_time, dialog_uuid, call_uuid, ignored, sha256, body)
values ((select max(journal, coalesce((select max(id) from journal), 0)) + 1 from last_ids),
        ?1, ?2, ?3, ?4, ?5, ?6, ?7,
        ?8 or exists (select 1 from tombstones where account = ?1 and uuid in (select value from json_each(?11))),
        ?9, ?10)
on conflict (account, sha256) do nothing
returning id, ignored`

// Append implements [store.Tx].
func (t *tx) Append(ctx context.Context, entries []*store.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	const doing = "append to journal"
	insert, err := t.prepare(ctx, doing, appendEntry)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return t.fail(doing, err)
		}
		var row struct {
			ID      int64 `db:"id"`
			Ignored bool  `db:"ignored"`
		}
		e.ID, e.Duplicate = 0, false
		err := insert.GetContext(context.WithoutCancel(ctx), &row, e.Account, moment(e.ReceivedAt), string(e.Origin),
			e.EventName, int64(e.EventTime), optional(e.DialogUUID), optional(e.CallUUID), e.Ignored, e.SHA256[:],
			blob(e.Body), encodeKeys(e.Named))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			e.Duplicate = true
		case err != nil:
			return t.fail(doing, err)
		default:
			e.ID, e.Ignored = row.ID, row.Ignored
		}
	}
	return t.putRanks(ctx, entries)
}

type journalRow struct {
	ID         int64  `db:"id"`
	Account    string `db:"account"`
	ReceivedAt int64  `db:"received_at"`
	Origin     string `db:"origin"`
	EventName  string `db:"event_name"`
	EventTime  int64  `db:"event_time"`
	DialogUUID string `db:"dialog_uuid"`
	CallUUID   string `db:"call_uuid"`
	Ignored    bool   `db:"ignored"`
	SHA256     []byte `db:"sha256"`
	Body       []byte `db:"body"`
	Rank       []byte `db:"rank"`
}

func (r journalRow) entry() store.Entry {
	return store.Entry{
		ID: r.ID, Account: r.Account, ReceivedAt: momentOf(r.ReceivedAt), Origin: store.Origin(r.Origin),
		EventName: r.EventName, EventTime: dialog.Time(r.EventTime), DialogUUID: r.DialogUUID,
		CallUUID: r.CallUUID, Ignored: r.Ignored, SHA256: [32]byte(r.SHA256), Rank: rankOf(r.Rank), Body: blob(r.Body),
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
    where legs.account = ?1 and legs.call_uuid = ?2
    union
    select id from journal where account = ?1 and call_uuid = ?2
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
