package sqlite

import (
	"context"
	"slices"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// allAccounts steps from one account to the next in indexes that begin with it.
const allAccounts = `
with recursive journaled as (
    select min(account) as account from journal
    union all
    select (select min(account) from journal where journal.account > journaled.account)
    from journaled where journaled.account is not null
), published as (
    select min(account) as account from outbox
    union all
    select (select min(account) from outbox where outbox.account > published.account)
    from published where published.account is not null
), refused as (
    select min(account) as account from quarantine
    union all
    select (select min(account) from quarantine where quarantine.account > refused.account)
    from refused where refused.account is not null
), subscribing as (
    select min(account) as account from subscribers
    union all
    select (select min(account) from subscribers where subscribers.account > subscribing.account)
    from subscribing where subscribing.account is not null
), broadcasting as (
    select min(account) as account from broadcasts
    union all
    select (select min(account) from broadcasts where broadcasts.account > broadcasting.account)
    from broadcasting where broadcasting.account is not null
)
select account from journaled where account is not null
union select account from published where account is not null
union select account from refused where account is not null
union select account from subscribing where account is not null
union select account from broadcasting where account is not null
order by account`

// Accounts implements [store.Retention].
func (t *tx) Accounts(ctx context.Context) ([]string, error) {
	return ask[string](ctx, t, "read accounts", allAccounts)
}

const callsFrom = `select ` + callColumns + `
from calls call
where call.account = ?1 and call.merged_into is null and (call.started_at, call.call_uuid) > (?2, ?3)
  and call.started_at < ?4
order by call.started_at, call.call_uuid
limit ?5`

// CallsFrom implements [store.Retention].
func (t *tx) CallsFrom(
	ctx context.Context, account string, after store.Cursor, before dialog.Time, limit int,
) ([]store.Call, error) {
	const doing = "read calls"
	from := int64(after.StartedAt)
	if after == (store.Cursor{}) {
		from = -1
	}
	rows, err := ask[callRow](ctx, t, doing, callsFrom, account, from, after.CallUUID, int64(before), max(0, limit))
	if err != nil {
		return nil, err
	}
	calls, err := callsOf(rows)
	return calls, t.fail(doing, err)
}

const unfinishedCall = `
select 1
where exists (
    select 1 from outbox where account = ?1 and call_uuid = ?2
      and (id > (select through from relay) or exists (select 1 from outbox_held where outbox_id = outbox.id))
) or exists (
    select 1 from due where account = ?1 and call_uuid = ?2 and kind in ('settle', 'reap')
) or exists (
    select 1 from triggers where account = ?1 and call_uuid = ?2 and (ended_at is null or ended_at >= ?3)
)`

// Unfinished implements [store.Retention].
func (t *tx) Unfinished(ctx context.Context, calls []store.Key, since time.Time) ([]store.Key, error) {
	return t.keys(ctx, "read what is unfinished", unfinishedCall, calls, moment(since))
}

// keys gives those of the keys for which a question has an answer.
func (t *tx) keys(ctx context.Context, doing, query string, keys []store.Key, more ...any) ([]store.Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	prepared, err := t.prepare(ctx, doing, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = prepared.Close() }()
	var found []store.Key
	for _, key := range distinct(keys) {
		var answers []int
		if err := prepared.list(&answers, append(keyArgs(key), more...)...); err != nil {
			return nil, err
		}
		if len(answers) > 0 {
			found = append(found, key)
		}
	}
	return found, nil
}

// keepIDs sees to it that no id is given again, whatever is removed.
func (t *tx) keepIDs(ctx context.Context) error {
	_, err := t.drop(ctx, "keep ids", `
update last_ids set journal = max(journal, coalesce((select max(id) from journal), 0)),
                    outbox = max(outbox, coalesce((select max(id) from outbox), 0))
returning single`)
	return err
}

const ofDialog = `where account = ?1 and dialog_uuid = ?2`

const (
	removeEntriesOfDialog = `delete from journal ` + ofDialog + ` returning 1`
	removeEntriesOfCall   = `delete from journal where account = ?1 and call_uuid = ?2 returning 1`
	removeLeg             = `delete from legs ` + ofDialog + ` returning 1`
	removeOutbox          = `delete from outbox where account = ?1 and call_uuid = ?2 returning 1`
	removeTriggers        = `
delete from triggers where account = ?1 and call_uuid = ?2 and state <> 'pending' returning 1`
	removeCallKeys = `
delete from call_keys
where (account, key, started_at, call_uuid) in (
    select calls.account, kept.value, calls.started_at, calls.call_uuid
    from calls, json_each(calls.keys) as kept
    where calls.account = ?1 and calls.call_uuid = ?2)
returning 1`
	removeCall   = `delete from calls where account = ?1 and call_uuid = ?2 returning 1`
	addTombstone = `
insert into tombstones (account, uuid, at) values (?1, ?2, ?3)
on conflict (account, uuid) do update set at = max(at, excluded.at)`
)

// RemoveCalls implements [store.Retention].
func (t *tx) RemoveCalls(ctx context.Context, keys []store.Key) (store.Removed, error) {
	const doing = "remove calls"
	var removed store.Removed
	if len(keys) == 0 {
		return removed, nil
	}
	if err := t.keepIDs(ctx); err != nil {
		return removed, err
	}
	t.touched = true
	keys = distinct(keys)
	for _, step := range []struct {
		query string
		count *int64
	}{
		{removeEntriesOfDialog, &removed.Journal},
		{removeEntriesOfCall, &removed.Journal},
		{removeLeg, &removed.Legs},
		{removeOutbox, &removed.Outbox},
		{removeTriggers, &removed.Triggers},
		{removeCallKeys, nil},
		{removeCall, &removed.Calls},
	} {
		rows, err := gather[int](ctx, t, doing, step.query, keys, keyArgs)
		if err != nil {
			return store.Removed{}, err
		}
		if step.count != nil {
			*step.count += int64(len(rows))
		}
	}
	return removed, nil
}

// Bury implements [store.Retention].
func (t *tx) Bury(ctx context.Context, keys []store.Key, at time.Time) error {
	return each(ctx, t, "add tombstones", addTombstone, distinct(keys), func(k store.Key) []any {
		return []any{k.Account, k.UUID, moment(at)}
	})
}

// Ignore implements [store.Retention].
func (t *tx) Ignore(ctx context.Context, ids []int64) error {
	return each(ctx, t, "mark journal entries as ignored", `update journal set ignored = 1 where id = ?`, ids, idArgs)
}

const (
	// A row of a page is old (1), is to be kept longer (0), or is not what is asked for (-1).
	ignoredPage = `
select id, account, 0 as journal_id,
       case when ignored and account in (select value from json_each(?1)) then received_at < ?3 else -1 end as old
from journal where id > ?2 order by id limit ?4`
	historyPage = `
select id, account, journal_id,
       case when not account in (select value from json_each(?1)) then -1 else created_at < ?3 end as old,
       exists (select 1 from outbox_held where outbox_id = outbox.id) as held
from outbox where id > ?2 and id <= (select through from relay) order by id limit ?4`

	removeEntry     = `delete from journal where id = ?`
	removeOutboxRow = `delete from outbox where id = ?`

	putRetentionMark = `
insert into retention_marks (account, what, through, journal_id) values (?, ?, ?, ?)
on conflict (account, what) do update set
    through = max(through, excluded.through), journal_id = max(journal_id, excluded.journal_id)`
)

// RemoveIgnored implements [store.Retention].
func (t *tx) RemoveIgnored(
	ctx context.Context, accounts []string, after int64, before time.Time, limit int,
) (removed int, through int64, err error) {
	return t.removePage(ctx, store.RemovedJournal, ignoredPage, removeEntry, accounts, after, before, limit)
}

// RemoveHistory implements [store.Retention].
func (t *tx) RemoveHistory(
	ctx context.Context, accounts []string, after int64, before time.Time, limit int,
) (removed int, through int64, err error) {
	return t.removePage(ctx, store.RemovedOutbox, historyPage, removeOutboxRow, accounts, after, before, limit)
}

func (t *tx) removePage(
	ctx context.Context, what store.RemovedWhat, page, remove string, accounts []string, after int64, before time.Time,
	limit int,
) (removed int, through int64, err error) {
	doing := "remove from " + string(what)
	type pageRow struct {
		ID        int64  `db:"id"`
		Account   string `db:"account"`
		JournalID int64  `db:"journal_id"`
		Old       int    `db:"old"`
		Held      bool   `db:"held"`
	}
	rows, err := ask[pageRow](ctx, t, doing, page, encodeKeys(accounts), after, moment(before), max(0, limit))
	if err != nil {
		return 0, 0, err
	}
	through = after
	var gone []int64
	last := map[string]int64{}
	for _, row := range rows {
		if row.Old == 0 {
			break
		}
		through = row.ID
		if row.Old == 1 && !row.Held {
			gone = append(gone, row.ID)
			last[row.Account] = max(last[row.Account], row.JournalID)
		}
	}
	if through == after {
		return 0, after, nil
	}
	if err := t.keepIDs(ctx); err != nil {
		return 0, 0, err
	}
	if err := each(ctx, t, doing, remove, gone, idArgs); err != nil {
		return 0, 0, err
	}
	return len(gone), through, each(ctx, t, doing, putRetentionMark, slices.Compact(slices.Sorted(slices.Values(accounts))),
		func(account string) []any { return []any{account, string(what), through, last[account]} })
}

const removedThrough = `
select coalesce(min(coalesce(through, 0)), 0)
from json_each(?2) as one left join retention_marks on retention_marks.account = one.value and what = ?1`

// RemovedThrough implements [store.Retention].
func (t *tx) RemovedThrough(ctx context.Context, what store.RemovedWhat, accounts []string) (int64, error) {
	through, err := ask[int64](ctx, t, "read marks of retention", removedThrough, string(what), encodeKeys(accounts))
	if err != nil {
		return 0, err
	}
	return through[0], nil // an aggregate gives one row
}

// EventsRemoved implements [store.Retention].
func (t *tx) EventsRemoved(ctx context.Context) (map[string]int64, error) {
	type markedRow struct {
		Account   string `db:"account"`
		JournalID int64  `db:"journal_id"`
	}
	rows, err := ask[markedRow](ctx, t, "read marks of retention",
		`select account, journal_id from retention_marks where what = 'outbox' and journal_id > 0`)
	if err != nil {
		return nil, err
	}
	last := make(map[string]int64, len(rows))
	for _, row := range rows {
		last[row.Account] = row.JournalID
	}
	return last, nil
}

const removeRefused = `
delete from quarantine
where id in (select id from quarantine where account = ? and last_at < ? order by last_at, id limit ?)
returning 1`

// RemoveRefused implements [store.Retention].
func (t *tx) RemoveRefused(ctx context.Context, account string, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "remove from quarantine", removeRefused, account, moment(before), max(0, limit))
}

const removeCallless = `
delete from triggers
where id in (
    select id from triggers where account = ?1 and call_uuid is null and created_at < ?2 and ended_at < ?2
    order by created_at limit ?3)
returning 1`

// RemoveTriggers implements [store.Retention].
func (t *tx) RemoveTriggers(ctx context.Context, account string, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "remove triggers", removeCallless, account, moment(before), max(0, limit))
}

// Tombstones implements [store.Retention].
func (t *tx) Tombstones(ctx context.Context, keys []store.Key) ([]store.Key, error) {
	return t.keys(ctx, "read tombstones", `select 1 from tombstones where account = ? and uuid = ?`, keys)
}

const dropTombstones = `
delete from tombstones
where (account, uuid) in (select account, uuid from tombstones where at < ? order by at limit ?)
returning 1`

// DropTombstones implements [store.Retention].
func (t *tx) DropTombstones(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "drop tombstones", dropTombstones, moment(before), max(0, limit))
}
