package postgres

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres/pgtest"
)

// A history of tens of thousands of calls: one account has most of them, another one few.
//
//nolint:dupword // two columns of one moment
const history = `
insert into calls (account, call_uuid, record, ledger, seq, revision, heard_at, updated_at, state, open, direction,
                   disposition, hangup_by, missed, connected, started_at, keys)
select case n % 10 when 0 then 'small' else 'acme' end, lpad(to_hex(n), 36, '0'),
       json_build_object('n', n, 'filler', repeat(md5(n::text), 20)), '', 1, 1, now(), now(),
       case n % 500 when 0 then 'talking' else 'ended' end, n % 500 = 0, 'inbound', 'answered', 'external', n % 50 = 1,
       true, timestamptz '2024-01-01Z' + n * interval '1 minute',
       array['consultant:' || n % 40, 'number:' || n % 9000, 'project:' || n % 3]
from generate_series(1, 40000) n;
insert into call_keys (account, key, started_at, call_uuid)
select account, key, started_at, call_uuid from calls, unnest(keys) key;
insert into call_facts (account, of_consultant, started_at, call_uuid, consultant, project, class, wait_s, talk_s, hold_s)
select account, of_consultant, started_at, call_uuid, case when of_consultant then right(call_uuid, 2) else '' end,
       right(call_uuid, 1), 1112, 5, 60, 0
from calls, (values (false), (true)) as unit(of_consultant);
insert into legs (account, dialog_uuid, call_uuid, evidence)
select account, call_uuid, call_uuid, decode(repeat(md5(call_uuid), 20), 'hex') from calls;
insert into journal (account, received_at, origin, event_name, dialog_uuid, call_uuid, ignored, sha256, body)
select account, now(), 'pbx', 'dialog_create', dialog_uuid, null, false, sha256(dialog_uuid::bytea), evidence from legs;
insert into outbox (id, journal_id, account, call_uuid, created_at, record, events)
select row_number() over (), 1, account, call_uuid, now(), record, '[]' from calls;
insert into due (account, call_uuid, kind, due_at)
select account, call_uuid, 'reap', started_at from calls;
insert into outbox_held (outbox_id, account, call_uuid, poison, reason, held_at)
select id, account, call_uuid, false, '', now() from outbox where id % 20 = 0;
insert into quarantine (account, received_at, last_at, count, code, reason, sha256, body, truncated)
select account, now(), now(), 1, '', '', sha256, body, false from journal;
insert into tombstones (account, uuid, at) select account, call_uuid, started_at from calls;
insert into triggers (id, account, handler, call_uuid, event_type, event_uuid, state, occasion, cancel_on, cancel_scope, depth,
                      created_at, ended_at, reason)
select call_uuid, account, 'h', call_uuid, 'call_ended', call_uuid, 'done', '', '{}', 'call', 1, now(), now(), '' from calls;
insert into subscribers (account, id, email, phone, first_name, last_name, locale, avatar, created_at, updated_at)
select account, call_uuid, '', '', '', '', '', '', started_at, started_at from calls;
insert into broadcasts (account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at)
select account, call_uuid, '', '', '', '', 0, 0, 'done', started_at, started_at from calls;
insert into retention_marks (account, what, through, journal_id) values ('acme', 'journal', 10, 0);
analyze`

// node is what explain tells of one step of a plan.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Plans    []node `json:"Plans"`
}

func (n node) scansWhole() []string {
	var tables []string
	if n.Type == "Seq Scan" {
		tables = append(tables, n.Relation)
	}
	for _, below := range n.Plans {
		tables = append(tables, below.scansWhole()...)
	}
	return tables
}

// ones stands for the places and lengths of a batch's long values.
func ones() pq.Int64Array {
	list := make(pq.Int64Array, batch)
	for i := range list {
		list[i] = 1
	}
	return list
}

// written is the statement of one piece.
func written(text string) string { return join([]piece{{sql: text}}) }

func TestNoQuestionReadsAWholeTable(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec(history)
	require.NoError(t, err)

	type question struct {
		query string
		args  []any
	}
	questions := map[string]question{
		"legs of calls": {legsOfCalls, []any{accounts(), uuids()}},
		"put legs":      {written(putLegs), []any{accounts(), uuids(), uuids(), []byte{}, ones(), ones()}},
		"calls":         {callsByKey, []any{accounts(), uuids()}},
		"put calls": {written(putCalls), []any{
			accounts(), uuids(), blanks(), []byte("{}"),
			[]byte{},
			ones(), ones(), times(), times(), same("ended"), blanks(),
			blanks(), blanks(), pq.BoolArray(make([]bool, batch)), pq.BoolArray(make([]bool, batch)), times(), blanks(),
			same("{number:1}"), ones(), ones(), ones(), ones(),
		}},
		"put keys": {written(putKeys), []any{accounts(), uuids(), times(), same("{number:1}")}},
		"put facts": {written(putFacts), []any{
			accounts(), uuids(), accounts(), pq.BoolArray(make([]bool, batch)), times(), uuids(), blanks(), blanks(), ones(),
			ones(), ones(), ones(),
		}},
		"add facts": {written(addFacts), []any{
			accounts(), pq.BoolArray(make([]bool, batch)), times(), uuids(), blanks(), blanks(), ones(), ones(), ones(), ones(),
		}},
		"facts":             {selectFacts, []any{accounts(), uuids()}},
		"backlog of facts":  {selectBacklogged, []any{"acme", uuid(30_000), 100}},
		"newest of keys":    {newestOf, []any{"acme", pq.StringArray{"project:1", "consultant:7", "number:none"}}},
		"journal":           {selectJournal, []any{39_000, 100}},
		"entries of keys":   {entriesOfKeys, []any{accounts(), uuids()}},
		"changes of calls":  {eventsOfCalls, []any{accounts(), uuids()}},
		"drop calls":        {dropCalls, []any{accounts(), uuids()}},
		"entries of a call": {entriesOfCall, []any{"acme", uuid(77)}},
		"append": {appendEntries, []any{
			accounts(), times(), blanks(), blanks(), blanks(), blanks(), blanks(), pq.BoolArray(make([]bool, batch)),
			[]byte{},
			[]byte{},
			ones(), ones(), uuids(),
		}},
		"entries by id":            {entriesByID, []any{pq.Int64Array{1, 2, 3}}},
		"accounts":                 {allAccounts, nil},
		"calls from":               {callsFrom, []any{"acme", "2024-01-10T00:00:00Z", uuid(9), "2024-02-01T00:00:00Z", 32}},
		"first calls":              {callsFrom, []any{"acme", "-infinity", "", "2024-02-01T00:00:00Z", 32}},
		"unfinished calls":         {unfinishedCalls, []any{accounts(), uuids(), "2024-01-01T00:00:00Z"}},
		"remove entries":           {removeEntriesOfDialogs, []any{accounts(), uuids()}},
		"remove entries of calls":  {removeEntriesOfCalls, []any{accounts(), uuids()}},
		"remove legs":              {removeLegs, []any{accounts(), uuids()}},
		"remove outbox":            {removeOutbox, []any{accounts(), uuids()}},
		"remove triggers":          {removeTriggers, []any{accounts(), uuids()}},
		"remove call keys":         {removeCallKeys, []any{accounts(), uuids()}},
		"remove calls":             {removeCalls, []any{accounts(), uuids()}},
		"add tombstones":           {addTombstones, []any{accounts(), uuids(), "2024-01-01T00:00:00Z"}},
		"tombstones":               {selectTombstones, []any{accounts(), uuids()}},
		"drop tombstones":          {dropTombstones, []any{"2024-01-01T00:00:00Z", 100}},
		"remove other families":    {removeIgnored, []any{accounts()[:2], 2000, "2024-01-01T00:00:00Z", 1000}},
		"remove history":           {removeHistory, []any{accounts()[:2], 2000, "2024-01-01T00:00:00Z", 1000}},
		"remove callless triggers": {removeCallless, []any{"acme", "2024-01-01T00:00:00Z", 1000}},
		"remove from quarantine":   {removeRefused, []any{"small", "2024-01-01T00:00:00Z", 1000}},
		"unsent":                   {selectUnsent, []any{39_000, 100}},
		"outbox rows":              {selectOutboxRows, []any{pq.Int64Array{5, 6, 7}}},
		"changes":                  {selectChanges, []any{"acme", uuid(77)}},
		"put due":                  {written(putDue), []any{accounts(), uuids(), same("reap"), times()}},
		"drop due":                 {written(dropDue), []any{accounts(), uuids(), same("reap")}},
		"due":                      {selectDue, []any{"2024-01-01T01:00:00Z", 100}},
		"next due":                 {nextDue, nil},
		"gauges":                   {selectGauges, []any{"2024-01-01T01:00:00Z", store.GaugesMost}},
		"open calls":               {selectOpen, []any{store.GaugesMost}},
		"quarantined":              {selectQuarantined, []any{"acme", 50}},
		"one call":                 {selectCall, []any{"acme", uuid(77)}},
		"one dialog":               {selectDialog, []any{"acme", uuid(77)}},
		"advance":                  {advance, []any{5, pq.Int64Array{20}, pq.Int64Array{21}, same("acme")[:1], same("")[:1], pq.BoolArray{true}, same("")[:1], times()[:1]}},
	}
	before := &store.Cursor{StartedAt: 1705000000, CallUUID: uuid(500)}
	yes, no := true, false
	for name, filter := range map[string]store.CallFilter{
		"page":                {},
		"page of few":         {Account: "small"},
		"page of nobody":      {Account: "nobody"},
		"later page":          {Before: before},
		"open":                {Open: true},
		"open, later page":    {Open: true, Before: before},
		"talking":             {State: "talking"},
		"ended":               {State: "ended"},
		"missed":              {Missed: &yes},
		"not missed":          {Missed: &no},
		"disposition":         {Disposition: "answered"},
		"between":             {From: 1705000000, To: 1705009000, HangupBy: "external", Direction: "inbound"},
		"number":              {Keys: []string{"number:77"}},
		"project":             {Keys: []string{"project:1"}, Before: before},
		"consultant, missed":  {Keys: []string{"consultant:7"}, Missed: &yes},
		"project, consultant": {Keys: []string{"project:1", "consultant:7"}, From: 1705000000},
		"unknown number":      {Keys: []string{"number:none", "project:1"}},
	} {
		if filter.Account == "" {
			filter.Account = "acme"
		}
		filter.Limit = 50
		query, args := searchCalls(filter)
		questions["search: "+name] = question{query, args}
	}
	// A day of a month; all of it would be read from end to end, as it should be.
	day := stats.Question{Account: "acme", From: 1705000000, To: 1705086400}
	consultant := "07"
	for name, change := range map[string]func(q *stats.Question){
		"hours": func(q *stats.Question) {
			for begin := q.From; begin < q.To; begin += 3600 {
				q.Begins = append(q.Begins, begin)
			}
		},
		"projects":    func(q *stats.Question) { q.ByProject = true },
		"consultants": func(q *stats.Question) { q.Consultants, q.ByConsultant = true, true },
		"a consultant": func(q *stats.Question) {
			q.Consultants, q.Consultant, q.Project = true, &consultant, &consultant
		},
	} {
		asked := day
		change(&asked)
		query, args := tallyFacts(asked)
		questions["statistics: "+name] = question{query, args}
	}
	for name, q := range questions {
		var plan []byte
		require.NoError(t, db.QueryRow("explain (format json) "+q.query, q.args...).Scan(&plan), name)
		var explained []struct{ Plan node }
		require.NoError(t, json.Unmarshal(plan, &explained), name)
		tables := explained[0].Plan.scansWhole()
		for _, table := range tables {
			require.Contains(t, []string{"relay", "writer"}, table, "%s reads the whole of %s:\n%s", name, tables, plan)
		}
	}
}

// What belongs to triggers, and what else may hold something of a person: one account has most of it.
//
//nolint:dupword // two columns of one moment
const personHistory = triggerHistory + `;
insert into outbox (id, journal_id, account, call_uuid, created_at, record, events)
select row_number() over (), 1, account, call_uuid, now(), repeat(id, 9), '[]' from triggers;
insert into quarantine (account, received_at, last_at, count, code, reason, sha256, body, truncated)
select account, now(), now(), 1, '', '', sha256(id::bytea), occasion, false from triggers;
insert into call_keys (account, key, started_at, call_uuid) select account, 'number:+' || id, created_at, id from triggers;
insert into subscribers (account, id, email, phone, first_name, last_name, locale, avatar, created_at, updated_at)
select account, '+' || id, '', '+' || id, '', '', '', '', created_at, created_at from triggers;
analyze`

// A table is gone through from end to end when a person is looked for: each page begins, by an index, where the last one
// ended, and nothing is put in order. Rows are read again by their keys.
func TestAPersonIsLookedForPageByPage(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec(personHistory)
	require.NoError(t, err)
	require.Len(t, store.PersonTables, len(store.PersonKeys))
	for _, table := range store.PersonTables {
		page := []any{"acme"}
		for range store.PersonKeys[table] {
			switch table {
			case store.PersonOutbox, store.PersonQuarantine:
				page = append(page, "20000")
			case store.PersonAnswers:
				page = append(page, "80")
			default:
				page = append(page, uuid(20_000))
			}
		}
		requirePaged(t, db, string(table), personPage(table), append(page, 1000))
		args := []any{"acme"}
		for range store.PersonKeys[table] {
			keys := make(pq.StringArray, 100)
			for i := range keys {
				keys[i] = fmt.Sprintf("%064d", i)
			}
			args = append(args, keys)
		}
		requirePaged(t, db, string(table)+" by key", personByKey(table), args)
	}
	requirePaged(t, db, "parties", pageOfParties, []any{"acme", "+", "2024-01-01T00:00:00Z", 1000})
	requirePaged(t, db, "broadcasts", pageOfBroadcasts, []any{"acme", uuid(20_000), "2024-01-01T00:00:00Z", 1000})
	requirePaged(t, db, "broadcasts gone", removeBroadcasts, []any{"acme", same("b")})
}

// requirePaged says that nothing is read from end to end, and nothing sorted.
func requirePaged(t *testing.T, db *sql.DB, name, query string, args []any) {
	t.Helper()
	var plan []byte
	require.NoError(t, db.QueryRow("explain (format json) "+query, args...).Scan(&plan), name)
	var explained []struct{ Plan step }
	require.NoError(t, json.Unmarshal(plan, &explained), name)
	whole, _ := explained[0].Plan.walk()
	require.Empty(t, whole, "%s reads the whole of a table:\n%s", name, plan)
	require.NotContains(t, string(plan), `"Sort"`, "%s is sorted:\n%s", name, plan)
}

// A call's search keys are written once, however many webhooks follow.
func TestSearchKeysAreWrittenOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	s, err := Open(t.Context(), Config{URL: url})
	require.NoError(t, err)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })

	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var keysBefore string
	for step, state := range []string{"ringing", "talking", "ended"} {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			var rows []store.Call
			for n := range 10 {
				rows = append(rows, store.Call{
					Account: "acme", CallUUID: uuid(n), Record: fmt.Appendf(nil, `{"state":%q}`, state), Seq: int64(step),
					Index: store.Index{State: state, StartedAt: 1705000000, Keys: []string{"number:1", "project:1"}},
				})
			}
			return tx.PutCalls(t.Context(), rows)
		}))
		var keys string
		require.NoError(t, db.QueryRow(`select string_agg(ctid || ' ' || xmin, ',' order by ctid) from call_keys`).Scan(&keys))
		if step > 0 {
			require.Equal(t, keysBefore, keys, "search keys were written again")
		}
		keysBefore = keys
	}
}

// Every webhook updates calls and legs. That leaves the indexes alone as long as they, conditions included, use no
// column that changes at every webhook.
func TestIndexesUseNoColumnThatWebhooksChange(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var columns pq.StringArray
	require.NoError(t, db.QueryRow(`
select array_agg(distinct attrelid::regclass || '.' || attname)
from pg_depend join pg_attribute on attrelid = refobjid and attnum = refobjsubid
where refclassid = 'pg_class'::regclass and refobjid in ('calls'::regclass, 'legs'::regclass) and refobjsubid > 0
  and (classid = 'pg_class'::regclass and objid in (select indexrelid from pg_index)
       or classid = 'pg_constraint'::regclass)`).Scan(&columns))
	require.ElementsMatch(t, []string{
		"calls.account", "calls.call_uuid", "calls.merged_into", "calls.missed", "calls.open", "calls.started_at",
		"legs.account", "legs.call_uuid", "legs.dialog_uuid",
	}, columns)
}

const batch = 50

func uuid(n int) string { return fmt.Sprintf("%036x", n) }

func accounts() pq.StringArray { return same("acme") }
func blanks() pq.StringArray   { return same("") }
func times() pq.StringArray    { return same("2024-01-01T00:00:00Z") }

func same(value string) pq.StringArray {
	values := make(pq.StringArray, batch)
	for i := range values {
		values[i] = value
	}
	return values
}

func uuids() pq.StringArray {
	values := make(pq.StringArray, batch)
	for i := range values {
		values[i] = uuid(i * 700)
	}
	return values
}
