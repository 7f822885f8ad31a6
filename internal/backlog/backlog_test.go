package backlog_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/backlog"
	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var everything = stats.Question{Account: "default", From: 1, To: 253402300799, AnswerWithin: 20, AbandonAfter: 5, ByProject: true}

// before makes a database as an old version left it: calls of every scenario, none of them counted. It gives the path,
// and what statistics are to be.
func before(t *testing.T, damage string) (path string, want []stats.Tally) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "webhookd.db")
	st, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	found, err := filepath.Glob("../../fixtures/*/webhooks.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	engine := &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: time.Second, RingLimit: time.Minute, CallLimit: time.Hour,
	}
	var pieces []*ingest.Piece
	for _, file := range found {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			body := bytes.TrimSpace(line)
			if webhook, err := dialog.Decode(body); err == nil {
				pieces = append(pieces, ingest.NewPiece("default", time.Now(), &webhook, body))
			}
		}
	}
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		return engine.Apply(t.Context(), tx, time.Now(), pieces)
	}))
	want, err = st.Tallies(t.Context(), everything)
	require.NoError(t, err)
	require.NotEmpty(t, want)
	require.NoError(t, st.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(`delete from call_facts; insert into fact_backlog values (1, '', ''); ` + damage)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return path, want
}

func open(t *testing.T, path string) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func run(t *testing.T, st store.Store) string {
	t.Helper()
	var log bytes.Buffer
	require.NoError(t, backlog.New(backlog.Config{
		Store: st, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	}).Run(t.Context()))
	return log.String()
}

func TestCallsFromBeforeTheUpdateAreCounted(t *testing.T) {
	t.Parallel()
	path, want := before(t, "")
	st := open(t, path)
	complete, err := st.FactsComplete(t.Context())
	require.NoError(t, err)
	require.False(t, complete)

	log := run(t, st)
	require.Contains(t, log, "are being counted")
	require.Contains(t, log, "statistics are complete")
	got, err := st.Tallies(t.Context(), everything)
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
	complete, err = st.FactsComplete(t.Context())
	require.NoError(t, err)
	require.True(t, complete)

	require.Empty(t, run(t, st), "the next start has nothing to say")
}

// A record that cannot be read is told, and holds nothing up.
func TestARecordThatCannotBeReadIsLeftOut(t *testing.T) {
	t.Parallel()
	const id = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	path, want := before(t, `update calls set record = '{"legs": 5}' where call_uuid = '`+id+`'`)
	st := open(t, path)
	log := run(t, st)
	require.Contains(t, log, `"call_uuid":"`+id+`"`)
	require.Contains(t, log, "statistics are complete")
	got, err := st.Tallies(t.Context(), everything)
	require.NoError(t, err)
	count := func(tallies []stats.Tally) (count int64) {
		for _, tally := range tallies {
			count += tally.Count
		}
		return count
	}
	require.Equal(t, count(want)-1, count(got))
}

// A stop in the middle loses nothing: the next start goes on, and no call is counted twice.
func TestTheNextStartGoesOn(t *testing.T) {
	t.Parallel()
	path, want := before(t, "")
	st := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	pages := 0
	stopped := stopper{st, func() {
		pages++
		if pages == 1 {
			cancel()
		}
	}}
	require.NoError(t, backlog.New(backlog.Config{Store: stopped, Logger: slog.New(slog.DiscardHandler)}).Run(ctx))
	complete, err := st.FactsComplete(t.Context())
	require.NoError(t, err)
	require.False(t, complete)
	run(t, st)
	got, err := st.Tallies(t.Context(), everything)
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
}

// stopper is a real store that says when a Write has ended.
type stopper struct {
	store.Store
	written func()
}

func (s stopper) Write(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Write(ctx, fn)
	s.written()
	return err
}
