package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A customer's problem becomes a fixture: recorded, scrubbed, and sent to another service.
func TestACallIsRecordedScrubbedAndReplayed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startService(t, nil, "--data-dir", dir)
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, recording(t), fixture(t, "../inbound_answered/webhooks.ndjson"))
	require.Zero(t, r.wait(), r.stderr.text())
	r = start(t, nil, "record", "--data-dir", dir, "--call", recordedCall)
	require.Equal(t, exitUsage, r.wait())
	require.Contains(t, r.stderr.text(), "stop the service first")
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())

	r = start(t, nil, "record", "--data-dir", dir, "--call", recordedCall)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Contains(t, r.stderr.text(), "8 webhooks recorded")
	recorded := r.stdout.text()
	for _, body := range webhooks(t) {
		require.Contains(t, recorded, `"body":`+body)
	}
	r = startBinary(t, binaries.webhookd, nil, strings.NewReader(recorded), "scrub", "--key", "ours")
	require.Zero(t, r.wait(), r.stderr.text())
	scrubbed := r.stdout.text()
	require.NotContains(t, scrubbed, recordedCall)
	require.NotContains(t, strings.ToLower(scrubbed), "kowalski")
	file := filepath.Join(t.TempDir(), "scrubbed.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(scrubbed), 0o600))

	s = startService(t, nil)
	r = start(t, nil, "replay", "--url", "http://"+s.HTTP, file)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Contains(t, r.stdout.text(), "8 accepted")
	status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls", "")
	require.Equal(t, 200, status)
	require.Contains(t, body, `"disposition":"answered"`)
	require.Contains(t, body, `"Person `)

	for _, args := range [][]string{
		{"record"},
		{"record", "--call", "nothing"},
		{"record", "--call", recordedCall, "--since", "1h"},
		{"record", "--since", "soon"},
		{"record", "--call", recordedCall, "--until", "1h"},
		{"scrub", "no-such-file"},
	} {
		r = start(t, nil, args...)
		require.Equal(t, exitUsage, r.wait(), "%v: %s", args, r.stderr.text())
	}
	r = start(t, nil, "record", "--data-dir", dir, "--call", "00000000-0000-4000-8000-000000000000")
	require.Equal(t, exitFailure, r.wait())
	require.Contains(t, r.stderr.text(), "there is no call")
}
