package postgres

import (
	"context"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// What retention asks for and takes out: by keys and in the order of primary keys and of calls_page_idx, so that no table
// has an index for its sake.

// allAccounts steps from one account to the next in indexes that begin with it.
const allAccounts = `
with recursive journaled as (
    (select account from journal order by account limit 1)
    union all
    select (select account from journal where journal.account > journaled.account order by account limit 1)
    from journaled where journaled.account is not null
), published as (
    (select account from outbox order by account limit 1)
    union all
    select (select account from outbox where outbox.account > published.account order by account limit 1)
    from published where published.account is not null
), refused as (
    (select account from quarantine order by account limit 1)
    union all
    select (select account from quarantine where quarantine.account > refused.account order by account limit 1)
    from refused where refused.account is not null
), subscribing as (
    (select account from subscribers order by account limit 1)
    union all
    select (select account from subscribers where subscribers.account > subscribing.account order by account limit 1)
    from subscribing where subscribing.account is not null
), broadcasting as (
    (select account from broadcasts order by account limit 1)
    union all
    select (select account from broadcasts where broadcasts.account > broadcasting.account order by account limit 1)
    from broadcasting where broadcasting.account is not null
), every as (
    select account from journaled union select account from published union select account from refused
    union select account from subscribing union select account from broadcasting
)
select account from every where account is not null order by account`

// Accounts implements [store.Retention].
func (t *tx) Accounts(ctx context.Context) ([]string, error) {
	var accounts []string
	err := t.SelectContext(ctx, &accounts, allAccounts)
	return accounts, t.fail(ctx, "read accounts", err)
}

const callsFrom = `select ` + callColumns + `
from calls call
where call.account = $1 and call.merged_into is null and (call.started_at, call.call_uuid) > ($2::timestamptz, $3::text)
  and call.started_at < $4::timestamptz
order by call.started_at, call.call_uuid
limit $5`

// CallsFrom implements [store.Retention].
func (t *tx) CallsFrom(
	ctx context.Context, account string, after store.Cursor, before dialog.Time, limit int,
) ([]store.Call, error) {
	from := any("-infinity")
	if after != (store.Cursor{}) {
		from = second(after.StartedAt)
	}
	var rows []callRow
	err := t.SelectContext(ctx, &rows, callsFrom, account, from, after.CallUUID, second(before), max(0, limit))
	if err != nil {
		return nil, t.fail(ctx, "read calls", err)
	}
	return callsOf(rows), nil
}

const unfinishedCalls = `
with wanted as (
    select distinct account collate "C" as account, uuid collate "C" as uuid
    from unnest($1::text[], $2::text[]) as key(account, uuid)
)
select account, uuid
from wanted
where exists (
    select from outbox where outbox.account = wanted.account and outbox.call_uuid = wanted.uuid
      and (outbox.id > (select through from relay)
           or exists (select from outbox_held where outbox_held.outbox_id = outbox.id))
) or exists (
    select from due where due.account = wanted.account and due.call_uuid = wanted.uuid and due.kind in ('settle', 'reap')
) or exists (
    select from triggers where triggers.account = wanted.account and triggers.call_uuid = wanted.uuid
      and (triggers.ended_at is null or triggers.ended_at >= $3::timestamptz)
)`

// Unfinished implements [store.Retention].
func (t *tx) Unfinished(ctx context.Context, calls []store.Key, since time.Time) ([]store.Key, error) {
	return t.keys(ctx, "read what is unfinished", unfinishedCalls, calls, moment(since))
}

// keys asks a question about keys that gives some of them.
func (t *tx) keys(ctx context.Context, doing, query string, keys []store.Key, more ...any) ([]store.Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []struct {
		Account string `db:"account"`
		UUID    string `db:"uuid"`
	}
	if err := t.SelectContext(ctx, &rows, query, append([]any{accountsOf(keys), uuidsOf(keys)}, more...)...); err != nil {
		return nil, t.fail(ctx, doing, err)
	}
	found := make([]store.Key, len(rows))
	for i, row := range rows {
		found[i] = store.Key(row)
	}
	return found, nil
}

const usingKeys = `
using (select account collate "C" as account, uuid collate "C" as uuid
       from unnest($1::text[], $2::text[]) as key(account, uuid)) as gone
`

const (
	removeEntriesOfDialogs = `
delete from journal` + usingKeys + `where journal.account = gone.account and journal.dialog_uuid = gone.uuid`

	removeEntriesOfCalls = `
delete from journal` + usingKeys + `where journal.account = gone.account and journal.call_uuid = gone.uuid`

	removeLegs = `
delete from legs` + usingKeys + `where legs.account = gone.account and legs.dialog_uuid = gone.uuid`

	removeOutbox = `
delete from outbox` + usingKeys + `where outbox.account = gone.account and outbox.call_uuid = gone.uuid`

	removeTriggers = `
delete from triggers` + usingKeys + `where triggers.account = gone.account and triggers.call_uuid = gone.uuid
  and triggers.state <> 'pending'`

	removeCallKeys = `
delete from call_keys
using (
    select call.account, call.call_uuid, call.started_at, unnest(call.keys) as key` + callsOfKeys + `
) as unkept
where call_keys.account = unkept.account and call_keys.key = unkept.key
  and call_keys.started_at = unkept.started_at and call_keys.call_uuid = unkept.call_uuid`

	removeCalls = `
delete from calls` + usingKeys + `where calls.account = gone.account and calls.call_uuid = gone.uuid`

	addTombstones = `
insert into tombstones as known (account, uuid, at)
select account, uuid, $3::timestamptz from unnest($1::text[], $2::text[]) as key(account, uuid)
on conflict (account, uuid) do update set at = greatest(known.at, excluded.at)`
)

// RemoveCalls implements [store.Retention].
func (t *tx) RemoveCalls(ctx context.Context, keys []store.Key) (store.Removed, error) {
	var removed store.Removed
	if len(keys) == 0 {
		return removed, nil
	}
	t.touched = true
	keys = latest(keys, func(k store.Key) store.Key { return k })
	accounts, uuids := accountsOf(keys), uuidsOf(keys)
	for _, step := range []struct {
		query string
		count *int64
	}{
		{removeEntriesOfDialogs, &removed.Journal},
		{removeEntriesOfCalls, &removed.Journal},
		{removeLegs, &removed.Legs},
		{removeOutbox, &removed.Outbox},
		{removeTriggers, &removed.Triggers},
		{removeCallKeys, nil},
		{removeCalls, &removed.Calls},
	} {
		count, err := t.count(ctx, "remove calls", step.query, accounts, uuids)
		if err != nil {
			return store.Removed{}, err
		}
		if step.count != nil {
			*step.count += int64(count)
		}
	}
	return removed, nil
}

// Bury implements [store.Retention].
func (t *tx) Bury(ctx context.Context, keys []store.Key, at time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	keys = latest(keys, func(k store.Key) store.Key { return k })
	return t.exec(ctx, "add tombstones", addTombstones, accountsOf(keys), uuidsOf(keys), moment(at))
}

const ignoreEntries = `update journal set ignored = true where id = any($1::bigint[])`

// Ignore implements [store.Retention].
func (t *tx) Ignore(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return t.exec(ctx, "mark journal entries as ignored", ignoreEntries, ids)
}

// Of a page, what is removed lies before the first row that is to be kept longer; so far it was looked at.
const removedReach = `, reach as (
    select coalesce(max(page.id), $2) as through
    from page
    where page.id < (select coalesce(min(id), ` + noID + `) from page where old is false)
)`

const noID = "9223372036854775807" // above every other

const (
	removeIgnored = `
with page as materialized (
    select id, case when ignored and account = any($1::text[]) then received_at < $3::timestamptz end as old
    from journal where id > $2 order by id limit $4
)` + removedReach + `, gone as (
    delete from journal using page, reach where journal.id = page.id and page.old and page.id <= reach.through
    returning journal.id
), marked as (
    insert into retention_marks as known (account, what, through, journal_id)
    select account, 'journal', reach.through, 0 from unnest($1::text[]) as account, reach where reach.through > $2
    on conflict (account, what) do update set through = greatest(known.through, excluded.through)
)
select (select count(*) from gone) as removed, through from reach`

	removeHistory = `
with page as materialized (
    select id, case when account = any($1::text[]) then created_at < $3::timestamptz end as old
    from outbox where id > $2 and id <= (select through from relay) order by id limit $4
)` + removedReach + `, gone as (
    delete from outbox using page, reach
    where outbox.id = page.id and page.old and page.id <= reach.through
      and not exists (select from outbox_held where outbox_held.outbox_id = page.id)
    returning outbox.account, outbox.journal_id
), marked as (
    insert into retention_marks as known (account, what, through, journal_id)
    select one.account, 'outbox', reach.through,
           coalesce((select max(gone.journal_id) from gone where gone.account = one.account collate "C"), 0)
    from unnest($1::text[]) as one(account), reach where reach.through > $2
    on conflict (account, what) do update set
        through = greatest(known.through, excluded.through), journal_id = greatest(known.journal_id, excluded.journal_id)
)
select (select count(*) from gone) as removed, through from reach`
)

// RemoveIgnored implements [store.Retention].
func (t *tx) RemoveIgnored(
	ctx context.Context, accounts []string, after int64, before time.Time, limit int,
) (removed int, through int64, err error) {
	return t.removePage(ctx, "remove from journal", removeIgnored, accounts, after, before, limit)
}

// RemoveHistory implements [store.Retention].
func (t *tx) RemoveHistory(
	ctx context.Context, accounts []string, after int64, before time.Time, limit int,
) (removed int, through int64, err error) {
	return t.removePage(ctx, "remove from outbox", removeHistory, accounts, after, before, limit)
}

func (t *tx) removePage(
	ctx context.Context, doing, query string, accounts []string, after int64, before time.Time, limit int,
) (removed int, through int64, err error) {
	accounts = latest(accounts, func(account string) string { return account })
	var rows []struct {
		Removed int   `db:"removed"`
		Through int64 `db:"through"`
	}
	if err := t.SelectContext(ctx, &rows, query, list(accounts), after, moment(before), max(0, limit)); err != nil {
		return 0, 0, t.fail(ctx, doing, err)
	}
	return rows[0].Removed, rows[0].Through, nil // an aggregate gives one row
}

const removedThrough = `
select coalesce(min(coalesce(through, 0)), 0)
from unnest($2::text[]) as one(account)
     left join retention_marks on retention_marks.account = one.account collate "C" and what = $1`

// RemovedThrough implements [store.Retention].
func (t *tx) RemovedThrough(ctx context.Context, what store.RemovedWhat, accounts []string) (int64, error) {
	var through []int64
	if err := t.SelectContext(ctx, &through, removedThrough, string(what), list(accounts)); err != nil {
		return 0, t.fail(ctx, "read marks of retention", err)
	}
	return through[0], nil // an aggregate gives one row
}

// EventsRemoved implements [store.Retention].
func (t *tx) EventsRemoved(ctx context.Context) (map[string]int64, error) {
	var rows []struct {
		Account   string `db:"account"`
		JournalID int64  `db:"journal_id"`
	}
	err := t.SelectContext(ctx, &rows,
		`select account, journal_id from retention_marks where what = 'outbox' and journal_id > 0`)
	if err != nil {
		return nil, t.fail(ctx, "read marks of retention", err)
	}
	last := make(map[string]int64, len(rows))
	for _, row := range rows {
		last[row.Account] = row.JournalID
	}
	return last, nil
}

const removeRefused = `
delete from quarantine
where id in (
    select id from quarantine where account = $1 and last_at < $2::timestamptz order by last_at, id limit $3)`

// RemoveRefused implements [store.Retention].
func (t *tx) RemoveRefused(ctx context.Context, account string, before time.Time, limit int) (int, error) {
	return t.count(ctx, "remove from quarantine", removeRefused, account, moment(before), max(0, limit))
}

const removeCallless = `
delete from triggers
where id in (
    select id from triggers
    where account = $1 and call_uuid is null and created_at < $2::timestamptz and ended_at < $2::timestamptz
    order by created_at limit $3)`

// RemoveTriggers implements [store.Retention].
func (t *tx) RemoveTriggers(ctx context.Context, account string, before time.Time, limit int) (int, error) {
	return t.count(ctx, "remove triggers", removeCallless, account, moment(before), max(0, limit))
}

const selectTombstones = `
select tombstones.account, tombstones.uuid
from (select distinct account collate "C" as account, uuid collate "C" as uuid
      from unnest($1::text[], $2::text[]) as key(account, uuid)) as wanted
     join tombstones on tombstones.account = wanted.account and tombstones.uuid = wanted.uuid`

// Tombstones implements [store.Retention].
func (t *tx) Tombstones(ctx context.Context, keys []store.Key) ([]store.Key, error) {
	return t.keys(ctx, "read tombstones", selectTombstones, keys)
}

const dropTombstones = `
delete from tombstones
where (account, uuid) in (select account, uuid from tombstones where at < $1::timestamptz order by at limit $2)`

// DropTombstones implements [store.Retention].
func (t *tx) DropTombstones(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.count(ctx, "drop tombstones", dropTombstones, moment(before), max(0, limit))
}
