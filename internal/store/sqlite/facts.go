package sqlite

import (
	"context"

	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// ofCall finds the facts of a call by its key, and by when it began as stored.
const ofCall = `
account = ?1 and of_consultant in (0, 1) and call_uuid = ?2
  and started_at = (select started_at from calls where account = ?1 and call_uuid = ?2)`

const (
	deleteFacts = `delete from call_facts where ` + ofCall

	insertFact = `
insert into call_facts (account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, -1), nullif(?, -1), nullif(?, -1))`

	selectFacts = `
select account, call_uuid, consultant, project, class, coalesce(wait_s, -1) as wait_s, coalesce(talk_s, -1) as talk_s,
       coalesce(hold_s, -1) as hold_s
from call_facts where ` + ofCall + `
order by consultant`
)

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

func (r factRow) fact() stats.Fact {
	return stats.Fact{
		Consultant: r.Consultant, Project: r.Project, Class: stats.Class(r.Class), Wait: r.Wait, Talk: r.Talk, Hold: r.Hold,
	}
}

// PutFacts implements [store.Tx]. It must come before the calls are written: the facts that are stored are found by when
// the call began as stored.
func (t *tx) PutFacts(ctx context.Context, calls []store.Call) error {
	const doing = "write facts"
	type row struct {
		call *store.Call
		fact stats.Fact
	}
	var changed []store.Key
	var given []row
	calls = latest(calls)
	for i := range calls {
		call := &calls[i]
		if !call.FactsDiffer() {
			continue
		}
		changed = append(changed, store.Key{Account: call.Account, UUID: call.CallUUID})
		if call.MergedInto != "" {
			continue
		}
		for _, fact := range call.Index.Facts {
			given = append(given, row{call, fact})
		}
	}
	if err := each(ctx, t, doing, deleteFacts, changed, keyArgs); err != nil {
		return err
	}
	return each(ctx, t, doing, insertFact, given, func(r row) []any {
		return []any{
			r.call.Account, r.fact.Consultant != "", int64(r.call.Index.StartedAt), r.call.CallUUID, r.fact.Consultant,
			r.fact.Project, int64(r.fact.Class), r.fact.Wait, r.fact.Talk, r.fact.Hold,
		}
	})
}

// FactsOf implements [store.Tx].
func (t *tx) FactsOf(ctx context.Context, calls []store.Key) (map[store.Key][]stats.Fact, error) {
	rows, err := gather[factRow](ctx, t, "read facts", selectFacts, distinct(calls), keyArgs)
	if err != nil {
		return nil, err
	}
	facts := map[store.Key][]stats.Fact{}
	for _, row := range rows {
		key := store.Key{Account: row.Account, UUID: row.CallUUID}
		facts[key] = append(facts[key], row.fact())
	}
	return facts, nil
}

const selectBacklogged = `select ` + wholeCallColumns + `
from calls call
where (call.account, call.call_uuid) > (?, ?) and call.state = 'ended' and call.merged_into is null
order by call.account, call.call_uuid
limit ?`

// FactBacklog implements [store.Tx].
func (t *tx) FactBacklog(ctx context.Context, limit int) (calls []store.Call, more bool, err error) {
	const doing = "read backlog of facts"
	type place struct {
		Account  string `db:"account"`
		CallUUID string `db:"call_uuid"`
	}
	places, err := ask[place](ctx, t, doing, `select account, call_uuid from fact_backlog`)
	if err != nil || len(places) == 0 {
		return nil, false, err
	}
	rows, err := ask[callRow](ctx, t, doing, selectBacklogged, places[0].Account, places[0].CallUUID, max(0, limit))
	if err != nil {
		return nil, false, err
	}
	calls, err = callsOf(rows)
	return calls, true, t.fail(doing, err)
}

// MoveFactBacklog implements [store.Tx].
func (t *tx) MoveFactBacklog(ctx context.Context, through store.Key) error {
	if through == (store.Key{}) {
		return each(ctx, t, "end backlog of facts", `delete from fact_backlog`, []store.Key{through},
			func(store.Key) []any { return nil })
	}
	return each(ctx, t, "move backlog of facts", `update fact_backlog set account = ?, call_uuid = ?`,
		[]store.Key{through}, keyArgs)
}

// FactsComplete implements [store.Reader].
func (s *Store) FactsComplete(ctx context.Context) (bool, error) {
	var complete bool
	err := s.read(ctx, "read backlog of facts", &complete, `select not exists (select 1 from fact_backlog)`)
	return complete, err
}

const newestOf = `
select ` + wholeCallColumns + `
from calls call
where call.account = ?1 and call.call_uuid = (
    select call_uuid from call_keys where account = ?1 and key = ?2
    order by started_at desc, call_uuid desc limit 1)`

// NewestOf implements [store.Reader].
func (s *Store) NewestOf(ctx context.Context, account string, keys []string) (map[string]store.Call, error) {
	newest := map[string]store.Call{}
	for _, key := range keys {
		var rows []callRow
		if err := s.list(ctx, "read newest calls", &rows, newestOf, account, key); err != nil {
			return nil, err
		}
		calls, err := callsOf(rows)
		if err != nil {
			return nil, err
		}
		for _, call := range calls {
			newest[key] = call
		}
	}
	return newest, nil
}
