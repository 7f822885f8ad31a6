package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoQuestionAboutTriggersReadsAWholeTable(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "calls.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	for name, q := range map[string]struct {
		query   string
		args    []any
		indexes []string // or what else the steps say
	}{
		"end triggers":   {endTrigger, []any{"1", "done", 1, ""}, []string{"sqlite_autoindex_triggers_1"}},
		"triggers by id": {triggerByID, []any{"1"}, []string{"sqlite_autoindex_triggers_1"}},
		"of transaction": {triggersOfTransaction, []any{"acme", "t"}, []string{"triggers_transaction_idx"}},
		"once taken":     {onceTaken, []any{"acme", "h", "k", 1}, []string{"triggers_once_idx"}},
		"pending of": {
			pendingOf,
			[]any{"acme", "1", "+48", "call_answered"},
			[]string{"triggers_pending_call_idx", "triggers_pending_contact_idx"},
		},
		"triggers of call":    {triggersOfCall, []any{"acme", "1"}, []string{"triggers_call_idx"}},
		"triggers of handler": {triggersOfHandler, []any{"h", 50}, []string{"triggers_handler_idx"}},
		"marks since": {
			marksSince, []any{"acme", "call:1", "contact:", "[]", 1}, []string{"PRIMARY KEY (account=? AND key=? AND event_type=?)"},
		},
		"drop marks":          {dropMarks, []any{1, 10}, []string{"cancel_marks_seen_idx", "PRIMARY KEY"}},
		"claim requests":      {claimRequest, []any{"1", 1, 1}, []string{"sqlite_autoindex_requests_1"}},
		"requests":            {selectRequests, []any{"[]"}, []string{"sqlite_autoindex_requests_1"}},
		"one subscriber":      {selectSubscriber, []any{"acme", "s"}, []string{"PRIMARY KEY (account=? AND id=?)"}},
		"subscribers by id":   {selectSubscriberList, []any{"acme", "[]"}, []string{"PRIMARY KEY (account=? AND id=?)"}},
		"page of subscribers": {subscribersPage, []any{"acme", "s", 200}, []string{"PRIMARY KEY (account=? AND id>?)"}},
		"drop from topics":    {dropFromTopics, []any{"acme", "s"}, []string{"topic_subscribers_subscriber_idx"}},
		"drop a topic's list": {dropTopicMembers, []any{"acme", "t"}, []string{"PRIMARY KEY (account=? AND topic_key=?)"}},
		"topic members": {
			topicSubscribers,
			[]any{"acme", "t", "s", 200},
			[]string{"PRIMARY KEY (account=? AND topic_key=? AND subscriber_id>?)", "PRIMARY KEY (account=? AND id=?)"},
		},
		"topics by key":  {topicsByKey, []any{"acme", "[]"}, []string{"PRIMARY KEY (account=? AND key=?)"}},
		"page of topics": {topicsPage, []any{"acme", "t", 200}, []string{"PRIMARY KEY (account=? AND key>?)"}},
		"broadcast":      {selectBroadcast, []any{"acme", "1"}, []string{"PRIMARY KEY (account=? AND id=?)"}},
		"answer":         {selectIdempotent, []any{"acme", []byte{}}, []string{"PRIMARY KEY (account=? AND key=?)"}},
		"drop answers":   {dropIdempotent, []any{1, 10}, []string{"idempotent_answers_at_idx", "PRIMARY KEY"}},
		"one handler":    {selectHandler, []any{"h"}, []string{"PRIMARY KEY (name=?)"}},
	} {
		var steps []struct {
			ID      int    `db:"id"`
			Parent  int    `db:"parent"`
			NotUsed int    `db:"notused"`
			Detail  string `db:"detail"`
		}
		require.NoError(t, s.writer.Select(&steps, "explain query plan "+q.query, q.args...), name)
		require.NotEmpty(t, steps, name)
		var details []string
		for _, step := range steps {
			require.NotRegexp(t, wholeTable, step.Detail, name)
			if strings.Contains(q.query, "limit") && name != "triggers of handler" {
				require.NotRegexp(t, sorts, step.Detail, name)
			}
			details = append(details, step.Detail)
		}
		for _, index := range q.indexes {
			require.Contains(t, strings.Join(details, "\n"), index, name)
		}
	}
}
