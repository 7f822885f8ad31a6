package sqlite

import (
	"cmp"
	"context"
	"slices"

	"webhookd/internal/store"
)

// What a rebuild asks for: the journal from end to end, and everything that is kept about some calls.

const (
	selectJournal = `select ` + journalColumns + ` from journal where id > ? order by id limit ?`

	entriesOfKey = `
select ` + journalColumns + ` from journal where account = ?1 and dialog_uuid = ?2
union all
select ` + journalColumns + ` from journal where account = ?1 and call_uuid = ?2`
)

// Journal implements [store.Reader].
func (s *Store) Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error) {
	var rows []journalRow
	if err := s.list(ctx, "read journal", &rows, selectJournal, after, max(0, limit)); err != nil {
		return nil, err
	}
	return entriesFrom(rows), nil
}

// Journal implements [store.Tx].
func (t *tx) Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error) {
	rows, err := gather[journalRow](ctx, t, "read journal", selectJournal, []int64{after},
		func(after int64) []any { return []any{after, max(0, limit)} })
	if err != nil {
		return nil, err
	}
	return entriesFrom(rows), nil
}

// EntriesOf implements [store.Tx].
func (t *tx) EntriesOf(ctx context.Context, keys []store.Key) ([]store.Entry, error) {
	rows, err := gather[journalRow](ctx, t, "read journal", entriesOfKey, keys, keyArgs)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b journalRow) int { return cmp.Compare(a.ID, b.ID) })
	rows = slices.CompactFunc(rows, func(a, b journalRow) bool { return a.ID == b.ID })
	return entriesFrom(rows), nil
}

const selectEvents = `
select id, journal_id, account, call_uuid, created_at, events from outbox where account = ?1 and call_uuid = ?2 order by id`

// EventsOf implements [store.Tx].
func (t *tx) EventsOf(ctx context.Context, calls []store.Key) ([]store.OutboxRow, error) {
	rows, err := gather[outboxRow](ctx, t, "read outbox", selectEvents, calls, keyArgs)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b outboxRow) int { return cmp.Compare(a.ID, b.ID) })
	return changesFrom(slices.CompactFunc(rows, func(a, b outboxRow) bool { return a.ID == b.ID }))
}

// DropCalls implements [store.Tx].
func (t *tx) DropCalls(ctx context.Context, calls []store.Key) error {
	const doing = "drop calls"
	t.touched = true
	if err := each(ctx, t, doing, `
delete from call_keys
where (account, key, started_at, call_uuid) in (
    select calls.account, kept.value, calls.started_at, calls.call_uuid
    from calls, json_each(calls.keys) as kept
    where calls.account = ?1 and calls.call_uuid = ?2)`, calls, keyArgs); err != nil {
		return err
	}
	if err := each(ctx, t, doing, deleteFacts, calls, keyArgs); err != nil {
		return err
	}
	return each(ctx, t, doing, `delete from calls where account = ? and call_uuid = ?`, calls, keyArgs)
}
