package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// scenarios gives the webhooks file of every scenario, and the records that all of them must give, by call.
func scenarios(t *testing.T) (files []string, records map[string]map[string]any) {
	t.Helper()
	files, err := filepath.Glob(fixture(t, "../*/webhooks.ndjson"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	records = map[string]map[string]any{}
	for _, file := range files {
		var list []map[string]any
		if data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "calls.json")); err == nil {
			require.NoError(t, json.Unmarshal(data, &list))
		} else {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "call.json"))
			require.NoError(t, err)
			var record map[string]any
			require.NoError(t, json.Unmarshal(data, &record))
			list = append(list, record)
		}
		for _, record := range list {
			id, _ := record["call_uuid"].(string)
			require.NotContains(t, records, id)
			records[id] = record
		}
	}
	return files, records
}

func requireEveryRecord(t *testing.T, s *service, records map[string]map[string]any) {
	t.Helper()
	for id, want := range records {
		status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+id, "")
		require.Equal(t, 200, status, "%s: %s", id, body)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		for _, key := range []string{"seq", "revision", "updated_at"} {
			require.Contains(t, got, key)
			delete(got, key)
		}
		require.Equal(t, want, got)
	}
}

// Every scenario, replayed into one fresh service, gives its record; a rebuild then finds nothing to mend.
func TestEveryScenarioThroughAService(t *testing.T) {
	t.Parallel()
	files, records := scenarios(t)
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := startService(t, nil, "--data-dir", dir)
		r := start(t, nil, append([]string{"replay", "--url", "http://" + s.HTTP}, files...)...)
		require.Zero(t, r.wait(), r.stderr.text())
		requireEveryRecord(t, s, records)

		r = start(t, nil, "rebuild", "--data-dir", dir)
		require.Equal(t, exitUsage, r.wait())
		require.Contains(t, r.stderr.text(), "stop the service first")
		s.signal(syscall.SIGTERM)
		require.Zero(t, s.wait())
		r = start(t, nil, "rebuild", "--data-dir", dir, "--check")
		require.Zero(t, r.wait(), r.stdout.text())
		require.Contains(t, r.stdout.text(), ": 0 differences, 0 events put into the outbox")
	})
	t.Run("Postgres, two services that get half of the webhooks each", func(t *testing.T) {
		t.Parallel()
		environ := []string{"WEBHOOKD_DATABASE_URL=" + pgtest.URL(t), "WEBHOOKD_NATS_URL=" + startNATS(t)}
		services := []*service{startService(t, environ), startService(t, environ)}
		dir := t.TempDir()
		var replays []*running
		for half, s := range services {
			file := filepath.Join(dir, "half.ndjson")
			file = strings.Replace(file, "half", "half"+string(rune('0'+half)), 1)
			require.NoError(t, os.WriteFile(file, everyOther(t, files, half), 0o600))
			replays = append(replays, start(t, nil, "replay", "--connections", "8", "--url", "http://"+s.HTTP, file))
		}
		for _, r := range replays {
			require.Zero(t, r.wait(), r.stderr.text())
		}
		requireEveryRecord(t, services[0], records)
		r := start(t, environ, "rebuild") // while they run
		require.Zero(t, r.wait(), r.stderr.text())
		require.Contains(t, r.stdout.text(), ": 0 differences, 0 events put into the outbox")
	})
}

// everyOther gives every second line of all files.
func everyOther(t *testing.T, files []string, begin int) []byte {
	t.Helper()
	var half []byte
	n := begin
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			if n%2 == 0 {
				half = append(append(half, strings.TrimSuffix(line, "\n")...), '\n')
			}
			n++
		}
	}
	return half
}

// A call that was merged into another one goes on answering under its old id.
func TestAMergedCallRedirects(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, fixture(t, "../chain_child_first/webhooks.ndjson"))
	require.Zero(t, r.wait(), r.stderr.text())
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, "../chain_child_first/call.json")), &record))
	merged := slices.DeleteFunc(headings(t, "../chain_child_first/events.txt"),
		func(id string) bool { return id == record["call_uuid"] })
	require.NotEmpty(t, merged)
	for _, id := range merged {
		status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+id, "") // follows the redirect
		require.Equal(t, 200, status)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		require.Equal(t, record["call_uuid"], got["call_uuid"])
	}
}

// headings gives the calls that events.txt has events of.
func headings(t *testing.T, file string) []string {
	t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(read(t, file)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok {
			found[id] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestACallIsClosedByHand(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-that-is-long-enough"
	s := startService(t, []string{"WEBHOOKD_WEBHOOK_SECRET=" + secret}, "--settle-delay", "1s")
	file := filepath.Join(t.TempDir(), "open.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(webhooks(t)[:6], "\n")), 0o600))
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, "--secret", secret, file)
	require.Zero(t, r.wait(), r.stderr.text())

	r = start(t, nil, "close", "--url", "http://"+s.HTTP, recordedCall)
	require.Equal(t, exitFailure, r.wait())
	require.Contains(t, r.stderr.text(), "401")
	r = start(t, nil, "close", "--url", "http://"+s.HTTP, "--secret", secret, recordedCall)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Contains(t, r.stdout.text(), `"end_basis":"manual"`)
	r = start(t, nil, "close", "--url", "http://"+s.HTTP, "--secret", secret, "00000000-0000-4000-8000-000000000000")
	require.Equal(t, exitFailure, r.wait())
	require.Contains(t, r.stderr.text(), "404")
	r = start(t, nil, "close", "nothing")
	require.Equal(t, exitUsage, r.wait())
}

// Events that the stream has lost are sent again, with the ids that they had.
func TestHistoryIsRepublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startService(t, nil, "--data-dir", dir, "--settle-delay", "1s")
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, recording(t))
	require.Zero(t, r.wait(), r.stderr.text())
	before := tailed(t, s, 17)
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "nats")))
	r = start(t, nil, "republish", "--data-dir", dir, "--nats-listen", "127.0.0.1:0", "--since", "1h")
	require.Zero(t, r.wait(), r.stderr.text())
	require.Contains(t, r.stdout.text(), "17 events of 9 changes sent, 0 given up, 0 changes no longer held back")
	s = startService(t, nil, "--data-dir", dir)
	require.Equal(t, before, tailed(t, s, 17))

	for _, args := range [][]string{
		{"republish"},
		{"republish", "--since", "1h", "--call", recordedCall},
		{"republish", "--since", "soon"},
		{"republish", "--call", "nothing"},
		{"republish", "--call", recordedCall, "--data-dir", dir},
	} {
		r = start(t, nil, args...)
		require.Equal(t, exitUsage, r.wait(), "%v: %s", args, r.stderr.text())
	}
}
