package sqlite

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

// What SQLite says of a step that reads a table from end to end, and of one that sorts.
var (
	wholeTable = regexp.MustCompile(`^SCAN \w+$`)
	sorts      = regexp.MustCompile(`TEMP B-TREE FOR ORDER BY`)
)

func TestNoQuestionReadsAWholeTableAndNoPageIsSorted(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "calls.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	type question struct {
		query string
		args  []any
	}
	questions := map[string]question{
		"legs of a call": {legsOfCall, []any{"acme", "1"}},
		"entries":        {entriesOfCall, []any{"acme", "1"}},
		"unsent":         {selectUnsent, []any{1, 10}},
		"outbox rows":    {selectOutboxRows, []any{"[1,2]"}},
		"changes":        {selectChanges, []any{"acme", "1"}},
		"due":            {selectDue, []any{1, 10}},
		"next due":       {nextDue, nil},
		"gauges":         {selectGauges, []any{1, store.GaugesMost}},
		"open calls":     {selectOpen, []any{store.GaugesMost}},
		"quarantined":    {selectQuarantined, []any{"acme", 10}},
		"calls from":     {callsFrom, []any{"acme", 5, "1", 9, 32}},
		"unfinished":     {unfinishedCall, []any{"acme", "1", 9}},
		"entries gone":   {removeEntriesOfDialog, []any{"acme", "1"}},
		"settled gone":   {removeEntriesOfCall, []any{"acme", "1"}},
		"leg gone":       {removeLeg, []any{"acme", "1"}},
		"outbox gone":    {removeOutbox, []any{"acme", "1"}},
		"triggers gone":  {removeTriggers, []any{"acme", "1"}},
		"call gone":      {removeCall, []any{"acme", "1"}},
		"families":       {ignoredPage, []any{`["acme"]`, 5, 9, 1000}},
		"history":        {historyPage, []any{`["acme"]`, 5, 9, 1000}},
		"refused gone":   {removeRefused, []any{"acme", 9, 1000}},
		"callless":       {removeCallless, []any{"acme", 9, 1000}},
		"old tombstones": {dropTombstones, []any{9, 1000}},
	}
	before := &store.Cursor{StartedAt: 1705000000, CallUUID: "1"}
	yes, no := true, false
	for name, filter := range map[string]store.CallFilter{
		"page":                {},
		"later page":          {Before: before},
		"open":                {Open: true, Before: before},
		"talking":             {State: "talking"},
		"ended":               {State: "ended"},
		"missed":              {Missed: &yes},
		"not missed":          {Missed: &no},
		"between":             {From: 1705000000, To: 1705009000, HangupBy: "external", Direction: "inbound"},
		"project":             {Keys: []string{"project:1"}, Before: before},
		"consultant, missed":  {Keys: []string{"consultant:7"}, Missed: &yes},
		"project, consultant": {Keys: []string{"project:1", "consultant:7"}, From: 1705000000},
	} {
		filter.Account, filter.Limit = "acme", 50
		query, args := searchCalls(filter)
		questions["search: "+name] = question{query, args}
	}
	for name, q := range questions {
		var steps []struct {
			ID      int    `db:"id"`
			Parent  int    `db:"parent"`
			NotUsed int    `db:"notused"`
			Detail  string `db:"detail"`
		}
		require.NoError(t, s.reader.Select(&steps, "explain query plan "+q.query, q.args...), name)
		require.NotEmpty(t, steps, name)
		for _, step := range steps {
			if step.Detail != "SCAN relay" { // it has one row
				require.NotRegexp(t, wholeTable, step.Detail, name)
			}
			if strings.HasPrefix(name, "search: ") {
				require.NotRegexp(t, sorts, step.Detail, name)
			}
		}
	}
	query, _ := searchCalls(store.CallFilter{Account: "acme", Open: true})
	requireIndex(t, s, "calls_open_idx", query)
	query, _ = searchCalls(store.CallFilter{Account: "acme", Missed: &yes})
	requireIndex(t, s, "calls_missed_idx", query)
}

// A table is gone through from end to end when a person is looked for: each page begins, by an index, where the last one
// ended, and nothing is put in order.
func TestAPersonIsLookedForPageByPage(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "calls.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	questions := map[string]string{
		"entry by id": entryByID, "parties": pageOfParties, "broadcasts": pageOfBroadcasts, "broadcast gone": removeBroadcast,
		"accounts": allAccounts,
	}
	require.Len(t, store.PersonTables, len(store.PersonKeys))
	for _, table := range store.PersonTables {
		questions[string(table)+", page"] = personPage(table)
		questions[string(table)+", by key"] = selectPerson(table) + "where " + named(table)
	}
	for name, query := range questions {
		var args []any
		for range strings.Count(query, "?") {
			args = append(args, 1)
		}
		if strings.Contains(query, "?4") { // numbered, and named more than once
			args = args[:4]
		}
		var steps []struct {
			ID      int    `db:"id"`
			Parent  int    `db:"parent"`
			NotUsed int    `db:"notused"`
			Detail  string `db:"detail"`
		}
		require.NoError(t, s.reader.Select(&steps, "explain query plan "+query, args...), name)
		require.NotEmpty(t, steps, name)
		for _, step := range steps {
			detail := step.Detail
			if name == "accounts" { // it steps from one to the next, and puts these few in order
				require.NotRegexp(t, `^SCAN (journal|outbox|quarantine|subscribers|broadcasts)$`, detail)
				continue
			}
			require.NotRegexp(t, wholeTable, detail, name)
			require.NotRegexp(t, sorts, detail, name)
			if strings.HasSuffix(name, ", page") {
				require.Regexp(t, `^SEARCH`, detail, name)
			}
		}
	}
}

func requireIndex(t *testing.T, s *Store, index, query string) {
	t.Helper()
	rows, err := s.reader.Query("explain query plan "+query, "acme")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	require.True(t, rows.Next())
	var id, parent, notUsed int
	var detail string
	require.NoError(t, rows.Scan(&id, &parent, &notUsed, &detail))
	require.Contains(t, detail, index)
	require.NoError(t, rows.Err())
}
