package postgres

import (
	"context"

	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// putFacts replaces the facts of calls by those that are given, where they differ from what is stored. No row is touched
// twice: what stays under its key is overwritten, and only what has no place any more is deleted.
const putFacts = `
facts_given as (
    select account collate "C" as account, of_consultant, started_at::timestamptz as started_at,
           call_uuid collate "C" as call_uuid, consultant collate "C" as consultant, project collate "C" as project,
           class, nullif(wait_s, -1) as wait_s, nullif(talk_s, -1) as talk_s, nullif(hold_s, -1) as hold_s
    from unnest($3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[],
                $10::integer[], $11::integer[], $12::integer[])
         as given(account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s)
), facts_before as (
    select fact.account, fact.of_consultant, fact.started_at, fact.call_uuid, fact.consultant, fact.project, fact.class,
           fact.wait_s, fact.talk_s, fact.hold_s` + factsOfCalls + `
), facts_dropped as (
    delete from call_facts
    using (
        select account, of_consultant, started_at, call_uuid, consultant from facts_before
        except select account, of_consultant, started_at, call_uuid, consultant from facts_given
    ) as gone
    where call_facts.account = gone.account and call_facts.of_consultant = gone.of_consultant
      and call_facts.started_at = gone.started_at and call_facts.call_uuid = gone.call_uuid
      and call_facts.consultant = gone.consultant
), facts_put as (
    insert into call_facts (account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s,
                            hold_s)
    select account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s
    from facts_given
    except select account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s
    from facts_before
    on conflict (account, of_consultant, started_at, call_uuid, consultant) do update set
        project = excluded.project, class = excluded.class, wait_s = excluded.wait_s, talk_s = excluded.talk_s,
        hold_s = excluded.hold_s
)`

// factsOfCalls finds the facts of calls by their keys, and by when they began as stored.
const factsOfCalls = `
    from unnest($1::text[], $2::text[]) as key(account, uuid)
         join calls call on call.account = key.account collate "C" and call.call_uuid = key.uuid collate "C"
         join call_facts fact on fact.account = call.account and fact.of_consultant in (false, true)
              and fact.started_at = call.started_at and fact.call_uuid = call.call_uuid`

// addFacts writes the facts of calls that have none, which is nearly always: when a call ends. It looks at nothing else.
// There are some all the same where an instance of an old version has opened a call again, which leaves them there.
const addFacts = `
facts_added as (
    insert into call_facts (account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s,
                            hold_s)
    select account, of_consultant, started_at::timestamptz, call_uuid, consultant, project, class, nullif(wait_s, -1),
           nullif(talk_s, -1), nullif(hold_s, -1)
    from unnest($1::text[], $2::boolean[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::integer[],
                $9::integer[], $10::integer[])
         as new(account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s)
    on conflict (account, of_consultant, started_at, call_uuid, consultant) do update set
        project = excluded.project, class = excluded.class, wait_s = excluded.wait_s, talk_s = excluded.talk_s,
        hold_s = excluded.hold_s
)`

// factOf is a fact and its call.
type factOf struct {
	call *store.Call
	fact stats.Fact
}

// factPieces take each call once, and leave those out whose facts cannot differ from what is stored: most of a batch.
func factPieces(calls []store.Call) (added, replaced piece) {
	var changed []store.Key
	var fresh, given []factOf
	for i := range calls {
		call := &calls[i]
		if !call.FactsDiffer() {
			continue
		}
		into := &given
		if call.Stored != nil && call.Stored.EndedAt.IsZero() {
			into = &fresh
		} else {
			changed = append(changed, keyOfCall(*call))
		}
		if call.MergedInto != "" {
			continue
		}
		for _, fact := range call.Index.Facts {
			*into = append(*into, factOf{call, fact})
		}
	}
	if len(fresh) > 0 {
		added = piece{sql: addFacts, args: factColumns(fresh)}
	}
	if len(changed) > 0 {
		replaced = piece{sql: putFacts, args: append([]any{accountsOf(changed), uuidsOf(changed)}, factColumns(given)...)}
	}
	return added, replaced
}

func factColumns(facts []factOf) []any {
	return []any{
		texts(facts, func(f factOf) string { return f.call.Account }),
		bools(facts, func(f factOf) bool { return f.fact.Consultant != "" }),
		texts(facts, func(f factOf) string { return second(f.call.Index.StartedAt) }),
		texts(facts, func(f factOf) string { return f.call.CallUUID }),
		texts(facts, func(f factOf) string { return f.fact.Consultant }),
		texts(facts, func(f factOf) string { return f.fact.Project }),
		ints(facts, func(f factOf) int64 { return int64(f.fact.Class) }),
		ints(facts, func(f factOf) int64 { return f.fact.Wait }),
		ints(facts, func(f factOf) int64 { return f.fact.Talk }),
		ints(facts, func(f factOf) int64 { return f.fact.Hold }),
	}
}

// PutFacts implements [store.Tx].
func (t *tx) PutFacts(ctx context.Context, calls []store.Call) error {
	added, replaced := factPieces(latest(calls, keyOfCall))
	return t.keep(ctx, "write facts", added, replaced)
}

type factRow struct {
	Account    string `db:"account"`
	CallUUID   string `db:"call_uuid"`
	Consultant string `db:"consultant"`
	Project    string `db:"project"`
	Class      int16  `db:"class"`
	Wait       int64  `db:"wait_s"`
	Talk       int64  `db:"talk_s"`
	Hold       int64  `db:"hold_s"`
}

const selectFacts = `
select fact.account, fact.call_uuid, fact.consultant, fact.project, fact.class, coalesce(fact.wait_s, -1) as wait_s,
       coalesce(fact.talk_s, -1) as talk_s, coalesce(fact.hold_s, -1) as hold_s` + factsOfCalls + `
order by fact.account, fact.call_uuid, fact.consultant`

// FactsOf implements [store.Tx].
func (t *tx) FactsOf(ctx context.Context, calls []store.Key) (map[store.Key][]stats.Fact, error) {
	if len(calls) == 0 {
		return map[store.Key][]stats.Fact{}, nil
	}
	calls = latest(calls, func(k store.Key) store.Key { return k })
	var rows []factRow
	if err := t.SelectContext(ctx, &rows, selectFacts, accountsOf(calls), uuidsOf(calls)); err != nil {
		return nil, t.fail(ctx, "read facts", err)
	}
	facts := map[store.Key][]stats.Fact{}
	for _, r := range rows {
		key := store.Key{Account: r.Account, UUID: r.CallUUID}
		facts[key] = append(facts[key], stats.Fact{
			Consultant: r.Consultant, Project: r.Project, Class: stats.Class(r.Class), Wait: r.Wait, Talk: r.Talk, Hold: r.Hold,
		})
	}
	return facts, nil
}

const (
	selectFactBacklog = `select account, call_uuid from fact_backlog`

	selectBacklogged = `select ` + wholeCallColumns + `
from calls call
where (call.account, call.call_uuid) > ($1::text, $2::text) and not call.open and call.merged_into is null
order by call.account, call.call_uuid
limit $3`

	moveFactBacklog = `update fact_backlog set account = $1, call_uuid = $2`
	endFactBacklog  = `delete from fact_backlog`
)

// FactBacklog implements [store.Tx].
func (t *tx) FactBacklog(ctx context.Context, limit int) (calls []store.Call, more bool, err error) {
	var places []struct {
		Account  string `db:"account"`
		CallUUID string `db:"call_uuid"`
	}
	if err := t.SelectContext(ctx, &places, selectFactBacklog); err != nil {
		return nil, false, t.fail(ctx, "read backlog of facts", err)
	}
	if len(places) == 0 {
		return nil, false, nil
	}
	var rows []callRow
	err = t.SelectContext(ctx, &rows, selectBacklogged, places[0].Account, places[0].CallUUID, max(0, limit))
	if err != nil {
		return nil, false, t.fail(ctx, "read backlog of facts", err)
	}
	return callsOf(rows), true, nil
}

// MoveFactBacklog implements [store.Tx].
func (t *tx) MoveFactBacklog(ctx context.Context, through store.Key) error {
	if through == (store.Key{}) {
		return t.exec(ctx, "end backlog of facts", endFactBacklog)
	}
	return t.exec(ctx, "move backlog of facts", moveFactBacklog, through.Account, through.UUID)
}

// FactsComplete implements [store.Reader].
func (s *Store) FactsComplete(ctx context.Context) (bool, error) {
	var complete bool
	err := s.read(ctx, "read backlog of facts", &complete, `select not exists (select 1 from fact_backlog)`)
	return complete, err
}

// newestOf finds, for each key, the call that began last: one step into an index each.
const newestOf = `
select key.text as search_key, ` + wholeCallColumns + `
from unnest($2::text[]) as key(text)
     cross join lateral (
         select call_uuid from call_keys
         where account = $1 and call_keys.key = key.text collate "C"
         order by started_at desc, call_uuid desc
         limit 1
     ) as newest
     join calls call on call.account = $1 and call.call_uuid = newest.call_uuid`

// NewestOf implements [store.Reader].
func (s *Store) NewestOf(ctx context.Context, account string, keys []string) (map[string]store.Call, error) {
	if len(keys) == 0 {
		return map[string]store.Call{}, nil
	}
	var rows []struct {
		Key string `db:"search_key"`
		callRow
	}
	err := s.list(ctx, "read newest calls", &rows, newestOf, account, texts(keys, searchKey))
	if err != nil {
		return nil, err
	}
	found := make(map[string]store.Call, len(rows))
	for _, row := range rows {
		found[row.Key] = row.call()
	}
	newest := make(map[string]store.Call, len(found))
	for _, key := range keys {
		if call, ok := found[searchKey(key)]; ok {
			newest[key] = call
		}
	}
	return newest, nil
}
