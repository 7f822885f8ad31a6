package postgres

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// A history of triggers, of which few are pending, and everything else that belongs to triggers.
const triggerHistory = `
insert into triggers (id, account, handler, transaction_id, call_uuid, contact, event_type, event_uuid, event_at, state,
                      occasion, cancel_on, cancel_scope, once_key, depth, created_at, reason)
select lpad(to_hex(n), 36, '0'), case n % 10 when 0 then 'small' else 'acme' end, 'handler-' || n % 20,
       case n % 7 when 0 then 'transaction-' || n end, lpad(to_hex(n / 3), 36, '0'), '+48' || n % 9000, 'call_missed',
       lpad(to_hex(n), 36, '0'), now(), case n % 20 when 3 then 'pending' else 'done' end,
       decode(repeat(md5(n::text), 20), 'hex'), '{call_answered,call_talking}',
       case n % 2 when 0 then 'call' else 'contact' end, case n % 3 when 0 then 'contact:+48' || n % 9000 end, 1,
       timestamptz '2024-01-01Z' + n * interval '1 second', ''
from generate_series(1, 40000) n;
insert into cancel_marks (account, key, event_type, event_at, seen_at)
select account, 'call:' || id, 'call_answered', created_at, created_at from triggers;
insert into requests (id, account, trigger_id, handler, spec, attempts, created_at, last_error)
select id, account, id, handler, occasion, 1, created_at, '' from triggers;
insert into subscribers (account, id, email, phone, first_name, last_name, locale, avatar, created_at, updated_at)
select account, id, '', '', '', '', '', '', created_at, created_at from triggers;
insert into topics (account, key, name, created_at) select account, id, '', created_at from triggers;
insert into topic_subscribers (account, topic_key, subscriber_id)
select account, 'topic-' || right(id, 1), id from triggers;
insert into broadcasts (account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at)
select account, id, '', '', '', '', 0, 0, 'done', created_at, created_at from triggers;
insert into idempotent_answers (account, key, status, body, answered_at)
select account, sha256(id::bytea), 201, '', created_at from triggers;
analyze`

// step is what explain tells of one step of a plan.
type step struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Plans    []step `json:"Plans"`
}

// walk gives the tables that are read from end to end, and the indexes that are used.
func (s step) walk() (whole, indexes []string) {
	if s.Type == "Seq Scan" {
		whole = append(whole, s.Relation)
	}
	if s.Index != "" {
		indexes = append(indexes, s.Index)
	}
	for _, below := range s.Plans {
		w, i := below.walk()
		whole, indexes = append(whole, w...), append(indexes, i...)
	}
	return whole, indexes
}

func TestNoQuestionAboutTriggersReadsAWholeTable(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec(triggerHistory)
	require.NoError(t, err)

	numbers, keys, nothing := same("+4877"), same("contact:+4877"), []byte{}
	for name, q := range map[string]struct {
		query   string
		args    []any
		indexes []string
	}{
		"add triggers": {addTriggers, []any{
			uuids(), accounts(), same("h"), blanks(), uuids(), numbers, blanks(), blanks(), blanks(), same("done"), nothing,
			ones(), ones(), same("{}"), same("call"), blanks(), ones(), times(), blanks(), blanks(), blanks(),
		}, nil},
		"end triggers":   {endTriggers, []any{uuids(), same("done"), times(), blanks()}, []string{"triggers_pkey"}},
		"triggers by id": {triggersByID, []any{uuids()}, []string{"triggers_pkey"}},
		"of transaction": {triggersOfTransaction, []any{"acme", "transaction-7"}, []string{"triggers_transaction_idx"}},
		"once taken":     {onceTaken, []any{accounts(), same("handler-3"), keys, times()}, []string{"triggers_once_idx"}},
		"pending of": {
			pendingOf,
			[]any{accounts(), uuids(), numbers, same("call_answered")},
			[]string{"triggers_pkey", "triggers_pending_call_idx", "triggers_pending_contact_idx"},
		},
		"triggers of call":    {triggersOfCall, []any{"acme", uuid(77)}, []string{"triggers_call_idx"}},
		"triggers of handler": {triggersOfHandler, []any{"handler-3", 50}, []string{"triggers_handler_idx"}},
		"add marks":           {addMarks, []any{accounts(), uuids(), blanks(), times(), times()}, nil},
		"marks since": {
			marksSince, []any{accounts(), uuids(), uuids(), same("{call_answered}"), times()}, []string{"cancel_marks_pkey"},
		},
		"drop marks": {
			dropMarks, []any{"2024-01-01T00:10:00Z", 100}, []string{"cancel_marks_seen_idx", "cancel_marks_pkey"},
		},
		"put requests": {putRequests, []any{
			uuids(), accounts(), uuids(), blanks(), nothing, ones(), ones(), ones(), times(), blanks(), blanks(),
		}, nil},
		"claim requests": {
			claimRequests, []any{uuids(), "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"}, []string{"requests_pkey"},
		},
		"requests":      {selectRequests, []any{uuids()}, []string{"requests_pkey"}},
		"drop requests": {dropRequests, []any{uuids()}, []string{"requests_pkey"}},
		"put subscribers": {putSubscribers, []any{
			accounts(), uuids(), blanks(), blanks(), blanks(), blanks(), blanks(), blanks(), blanks(), times(), times(),
		}, nil},
		"drop subscribers":  {dropSubscribers, []any{"acme", uuids()}, []string{"topic_subscribers_subscriber_idx", "subscribers_pkey"}},
		"one subscriber":    {selectSubscriber, []any{"acme", uuid(77)}, []string{"subscribers_pkey"}},
		"subscribers by id": {subscribersByID, []any{"acme", uuids()}, []string{"subscribers_pkey"}},
		"page of subscribers": {
			subscribersPage, []any{"acme", uuid(77), 200}, []string{"subscribers_pkey"},
		},
		"put topics":    {putTopics, []any{accounts(), uuids(), blanks(), times()}, nil},
		"drop topics":   {dropTopics, []any{"acme", same("topic-7")[:1]}, nil},
		"topic exists":  {topicExists, []any{"acme", uuid(77)}, []string{"topics_pkey"}},
		"join topic":    {joinTopic, []any{"acme", "topic-7", uuids()}, []string{"subscribers_pkey"}},
		"leave topic":   {leaveTopic, []any{"acme", "topic-7", uuids()}, nil},
		"topic members": {topicSubscribers, []any{"acme", "topic-7", uuid(77), 200}, nil},
		"topics by key": {topicsByKey, []any{"acme", uuids()}, nil},
		"page of topics": {
			topicsPage, []any{"acme", uuid(77), 200}, nil,
		},
		"one topic":      {selectTopic, []any{"acme", uuid(77)}, nil},
		"broadcast":      {selectBroadcast, []any{"acme", uuid(77)}, []string{"broadcasts_pkey"}},
		"answer":         {selectIdempotent, []any{"acme", nothing}, []string{"idempotent_answers_pkey"}},
		"drop answers":   {dropIdempotent, []any{"2024-01-01T00:10:00Z", 100}, []string{"idempotent_answers_at_idx", "idempotent_answers_pkey"}},
		"count handlers": {countHandlers, []any{same("h"), ones(), ones(), pq.BoolArray(make([]bool, batch)), blanks(), times()}, nil},
	} {
		var plan []byte
		require.NoError(t, db.QueryRow("explain (format json) "+q.query, q.args...).Scan(&plan), name)
		var explained []struct{ Plan step }
		require.NoError(t, json.Unmarshal(plan, &explained), name)
		whole, indexes := explained[0].Plan.walk()
		for _, table := range whole {
			require.Equal(t, "handlers", table, "%s reads the whole of %s:\n%s", name, table, plan) // it is small
		}
		for _, index := range q.indexes {
			require.Contains(t, indexes, index, "%s:\n%s", name, plan)
		}
	}
}

// Counting what handlers do is part of most batches: it must not touch an index.
func TestCountingHandlersTouchesNoIndex(t *testing.T) {
	t.Parallel()
	url := pgtest.Migrated(t)
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var columns pq.StringArray
	require.NoError(t, db.QueryRow(`
select array_agg(distinct attname)
from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
where indrelid = 'handlers'::regclass`).Scan(&columns))
	require.Equal(t, pq.StringArray{"name"}, columns, fmt.Sprint(columns))
}
