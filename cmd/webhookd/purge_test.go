package main

import (
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/sqlite"
)

// requireNoRecord says that none of the calls is there.
func requireNoRecord(t *testing.T, s *service, records map[string]map[string]any) {
	t.Helper()
	for id := range records {
		status, _ := do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+id, "")
		require.Equal(t, 404, status, id)
	}
}

// endedOf gives the records of calls that ended more than a day ago.
func endedOf(records map[string]map[string]any) map[string]map[string]any {
	ended := map[string]map[string]any{}
	before := time.Now().UTC().Add(-24 * time.Hour).Format(time.RFC3339)
	for id, record := range records {
		if at, ok := record["ended_at"].(string); ok && at < before {
			ended[id] = record
		}
	}
	return ended
}

// requireSettled waits until every one of the calls is settled: until then it stays.
func (s *service) requireSettled(t *testing.T, ended map[string]map[string]any) {
	t.Helper()
	for id := range ended {
		require.Eventually(t, func() bool {
			_, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+id, "")
			var record struct {
				Revision int `json:"revision"`
			}
			return json.Unmarshal([]byte(body), &record) == nil && record.Revision > 0
		}, time.Minute, 20*time.Millisecond, id)
	}
}

// relayed says whether the relay is through with everything, as the database has it: what it is not through with stays.
func relayed(t *testing.T, st store.Store) bool {
	t.Helper()
	rows, err := st.Unsent(t.Context(), 0, 100_000)
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	position, err := st.Position(t.Context())
	require.NoError(t, err)
	require.Empty(t, position.Held)
	return position.Through >= rows[len(rows)-1].ID
}

// What a dry run counts is what is removed then; nothing is removed unless the configuration says so; and a rebuild of
// the rest finds nothing.
func TestPurge(t *testing.T) {
	t.Parallel()
	files, records := scenarios(t)
	ended := endedOf(records)
	require.NotEmpty(t, ended)
	t.Run("embedded, while the service is stopped", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := startService(t, nil, "--data-dir", dir, "--settle-delay", "100ms")
		r := start(t, nil, append([]string{"replay", "--url", "http://" + s.HTTP}, files...)...)
		require.Zero(t, r.wait(), r.stderr.text())
		s.requireSettled(t, ended)
		r = start(t, nil, "purge", "--data-dir", dir, "--retention-calls", "1d")
		require.Equal(t, exitUsage, r.wait())
		require.Contains(t, r.stderr.text(), "stop the service first")
		for through := false; !through; {
			s.signal(syscall.SIGTERM)
			require.Zero(t, s.wait())
			st, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "webhookd.db")})
			require.NoError(t, err)
			through = relayed(t, st)
			require.NoError(t, st.Close())
			if !through { // it was stopped before that; it goes on where it was
				s = startService(t, nil, "--data-dir", dir)
				s.requireSettled(t, ended)
			}
		}

		r = start(t, nil, "purge", "--data-dir", dir)
		require.Zero(t, r.wait(), r.stderr.text())
		require.Equal(t, "removed: 0 calls, 0 legs, 0 journal entries, 0 outbox rows, 0 triggers, 0 subscribers, "+
			"0 broadcasts, 0 quarantined bodies, 0 tombstones, 0 marks of erasures\n", r.stdout.text())
		dry := start(t, nil, "purge", "--data-dir", dir, "--retention-calls", "1d", "--dry-run")
		require.Zero(t, dry.wait(), dry.stderr.text())
		r = start(t, nil, "purge", "--data-dir", dir, "--retention-calls", "1d")
		require.Zero(t, r.wait(), r.stderr.text())
		require.Equal(t, dry.stdout.text(), "would remove"+r.stdout.text()[len("removed"):])
		r = start(t, nil, "rebuild", "--data-dir", dir, "--check")
		require.Zero(t, r.wait(), r.stdout.text())

		s = startService(t, nil, "--data-dir", dir)
		requireNoRecord(t, s, ended)
	})
	t.Run("Postgres, while the service runs", func(t *testing.T) {
		t.Parallel()
		url := pgtest.URL(t)
		environ := []string{"WEBHOOKD_DATABASE_URL=" + url, "WEBHOOKD_NATS_URL=" + startNATS(t)}
		s := startService(t, environ, "--settle-delay", "100ms")
		r := start(t, nil, append([]string{"replay", "--url", "http://" + s.HTTP}, files...)...)
		require.Zero(t, r.wait(), r.stderr.text())
		s.requireSettled(t, ended)
		st, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, st.Close()) })
		require.Eventually(t, func() bool { return relayed(t, st) }, time.Minute, 50*time.Millisecond)
		r = start(t, environ, "purge", "--retention-calls", "1d", "--account", "another")
		require.Zero(t, r.wait(), r.stderr.text())
		require.Contains(t, r.stdout.text(), "removed: 0 calls, ")
		r = start(t, environ, "purge", "--retention-calls", "1d")
		require.Zero(t, r.wait(), r.stderr.text())
		requireNoRecord(t, s, ended)
		r = start(t, environ, "rebuild", "--check")
		require.Zero(t, r.wait(), r.stdout.text())
	})
}
