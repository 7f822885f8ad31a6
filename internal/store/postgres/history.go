package postgres

import (
	"context"

	"webhookd/internal/store"
)

// What a rebuild asks for: the journal from end to end, and everything that is kept about some calls.

const (
	selectJournal = `select ` + journalColumns + ` from journal where id > $1 order by id limit $2`

	entriesOfKeys = `
with wanted as (
    select account collate "C" as account, uuid collate "C" as uuid
    from unnest($1::text[], $2::text[]) as key(account, uuid)
)
select ` + journalColumns + `
from journal
where id in (
    select entry.id from wanted join journal entry on entry.account = wanted.account and entry.dialog_uuid = wanted.uuid
    union
    select entry.id from wanted join journal entry on entry.account = wanted.account and entry.call_uuid = wanted.uuid
)
order by id`

	eventsOfCalls = `
select outbox.id, outbox.journal_id, outbox.account, outbox.call_uuid, outbox.created_at, outbox.events
from (select distinct account collate "C" as account, uuid collate "C" as uuid
      from unnest($1::text[], $2::text[]) as key(account, uuid)) wanted
     join outbox on outbox.account = wanted.account and outbox.call_uuid = wanted.uuid
order by outbox.id`

	dropCalls = `
with gone as (
    delete from calls
    using unnest($1::text[], $2::text[]) as key(account, uuid)
    where calls.account = key.account collate "C" and calls.call_uuid = key.uuid collate "C"
    returning calls.account, calls.call_uuid, calls.started_at, calls.keys
), facts_gone as (
    delete from call_facts using gone
    where call_facts.account = gone.account and call_facts.of_consultant in (false, true)
      and call_facts.started_at = gone.started_at and call_facts.call_uuid = gone.call_uuid
)
delete from call_keys
using (select account, call_uuid, started_at, unnest(keys) as key from gone) as unkept
where call_keys.account = unkept.account and call_keys.key = unkept.key
  and call_keys.started_at = unkept.started_at and call_keys.call_uuid = unkept.call_uuid`
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
	var rows []journalRow
	if err := t.SelectContext(ctx, &rows, selectJournal, after, max(0, limit)); err != nil {
		return nil, t.fail(ctx, "read journal", err)
	}
	return entriesFrom(rows), nil
}

// EntriesOf implements [store.Tx].
func (t *tx) EntriesOf(ctx context.Context, keys []store.Key) ([]store.Entry, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []journalRow
	if err := t.SelectContext(ctx, &rows, entriesOfKeys, accountsOf(keys), uuidsOf(keys)); err != nil {
		return nil, t.fail(ctx, "read journal", err)
	}
	return entriesFrom(rows), nil
}

// EventsOf implements [store.Tx].
func (t *tx) EventsOf(ctx context.Context, calls []store.Key) ([]store.OutboxRow, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	var rows []outboxRow
	if err := t.SelectContext(ctx, &rows, eventsOfCalls, accountsOf(calls), uuidsOf(calls)); err != nil {
		return nil, t.fail(ctx, "read outbox", err)
	}
	return changesFrom(rows)
}

// DropCalls implements [store.Tx].
func (t *tx) DropCalls(ctx context.Context, calls []store.Key) error {
	if len(calls) == 0 {
		return nil
	}
	t.touched = true
	return t.exec(ctx, "drop calls", dropCalls, accountsOf(calls), uuidsOf(calls))
}

func accountsOf(keys []store.Key) any {
	return texts(keys, func(k store.Key) string { return k.Account })
}

func uuidsOf(keys []store.Key) any { return texts(keys, func(k store.Key) string { return k.UUID }) }
