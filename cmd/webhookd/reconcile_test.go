package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/pbxapi/pbxtest"
	"webhookd/internal/store/postgres/pgtest"
)

// pbxSetUp is a configuration file with a PBX to ask.
func pbxSetUp(t *testing.T, pbx *pbxtest.PBX) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhookd.yaml")
	// The recorded call is of 2020, and is not to be asked about for its age alone.
	text := "ring_limit: 1s\ncall_limit: 1s\nsettle_delay: 100ms\nreconcile_open_after: 100000h\n" +
		"accounts: {default: {pbx_api: {url: '" + pbx.URL + "', secret: " + pbxtest.Key + ", rate: 50}}}\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// recordsOfTheCall are the PBX's records of the recorded call.
func recordsOfTheCall() []pbxtest.Record {
	return []pbxtest.Record{{
		"dialog_uuid": "c2b19c63-f17b-4726-b3a1-5b5046e887ef", "dialog_type": "CONSULTANT", "business_direction": "OUTBOUND",
		"start_time": "2020-08-25 16:24:41", "serve_time": "2020-08-25 16:25:01", "hangup_time": "2020-08-25 16:25:09",
		"business_end_cause": "DIALOG_LEFT",
	}, {
		"dialog_uuid": "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d", "dialog_type": "EXTERNAL", "business_direction": "OUTBOUND",
		"start_time": "2020-08-25 16:24:47", "alert_time": "2020-08-25 16:24:50", "answer_time": "2020-08-25 16:25:00",
		"serve_time": "2020-08-25 16:25:01", "hangup_time": "2020-08-25 16:25:09", "business_end_cause": "HANGUP",
	}}
}

// endBasis gives what the end of a call rests on, by an event of it.
func endBasis(t *testing.T, m message) string {
	t.Helper()
	var body struct {
		Data struct {
			Call map[string]any `json:"call"`
		} `json:"event_data"`
	}
	require.NoError(t, json.Unmarshal(m.body, &body))
	basis, _ := body.Data.Call["end_basis"].(string)
	return basis
}

// A call whose hang-up was lost is closed for its silence; the PBX is asked, and NATS hears how it really ended.
func TestALostHangUpIsFoundInThePBXsRecords(t *testing.T) {
	t.Parallel()
	each := func(name string, environ func(t *testing.T) []string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pbx := pbxtest.New(t, recordsOfTheCall()...)
			pbx.Next(pbxtest.Status(503)) // it is asked again by hand, or later
			file := pbxSetUp(t, pbx)
			dir := t.TempDir()
			around := environ(t)
			s := startService(t, around, "--config", file, "--data-dir", dir)
			for body := range strings.Lines(strings.Join(strings.SplitAfter(read(t, "webhooks.ndjson"), "\n")[:6], "")) {
				post(t, s, strings.TrimSpace(body))
			}
			s.logged("the PBX could not be asked about calls")
			all := streamed(t, s, "a settled call", func(seen []message) bool { return count(seen, "call_settled") == 1 })
			require.Equal(t, "timeout", endBasis(t, all[len(all)-1]))
			if name == "Postgres" {
				r := start(t, around, "reconcile", "--config", file, "--since", "")
				require.Zero(t, r.wait(), r.stderr.text())
				require.Contains(t, r.stdout.text(), "1 calls asked about: 1 changed")
				require.Contains(t, r.stdout.text(), " records taken, 0 of dialogs that retention removed")
			} else {
				r := start(t, nil, "reconcile", "--config", file, "--data-dir", dir, "--since", "")
				require.Equal(t, exitUsage, r.wait())
				require.Contains(t, r.stderr.text(), "stop the service first")
				s.signal(syscall.SIGTERM)
				require.Zero(t, s.wait())
				r = start(t, nil, "reconcile", "--config", file, "--data-dir", dir, "--since", "", "--dry-run")
				require.Zero(t, r.wait(), r.stderr.text())
				require.Contains(t, r.stdout.text(), "1 calls asked about: 1 would change")
				r = start(t, nil, "reconcile", "--config", file, "--data-dir", dir, "--since", "")
				require.Zero(t, r.wait(), r.stderr.text())
				s = startService(t, nil, "--config", file, "--data-dir", dir)
			}
			all = streamed(t, s, "a corrected call", func(seen []message) bool { return count(seen, "call_settled") == 3 })
			require.Equal(t, "reconciled", endBasis(t, all[len(all)-1]))
			require.Equal(t, 1, count(all, "call_ended"))
			requireReconciled(t, s)
			require.NotContains(t, s.stderr.text(), pbxtest.Key)
		})
	}
	each("embedded", func(*testing.T) []string { return nil })
	each("Postgres", func(t *testing.T) []string {
		t.Helper()
		return []string{"WEBHOOKD_DATABASE_URL=" + pgtest.URL(t), "WEBHOOKD_NATS_URL=" + startNATS(t)}
	})
}

// requireReconciled: the record is what it must be, but for the basis of its end.
func requireReconciled(t *testing.T, s *service) {
	t.Helper()
	status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/c2b19c63-f17b-4726-b3a1-5b5046e887ef", "")
	require.Equal(t, 200, status)
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &record))
	require.Equal(t, "reconciled", record["end_basis"])
	record["end_basis"] = "reported"
	requireRecord(t, record)
}

// The running service asks by itself, soon after it has closed the call.
func TestAServiceRepairsByItself(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, recordsOfTheCall()...)
	s := startService(t, nil, "--config", pbxSetUp(t, pbx), "--data-dir", t.TempDir())
	for _, body := range strings.Split(read(t, "webhooks.ndjson"), "\n")[:6] {
		post(t, s, body)
	}
	all := streamed(t, s, "a corrected call", func(seen []message) bool {
		return len(seen) > 0 && seen[len(seen)-1].Type == "call_settled" && endBasis(t, seen[len(seen)-1]) == "reconciled"
	})
	require.Equal(t, 1, count(all, "call_ended"))
	requireReconciled(t, s)
}

// History comes in by the command, is found over HTTP, and is told to nobody.
func TestHistoryIsImportedByTheCommand(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, recordsOfTheCall()...)
	file, dir := pbxSetUp(t, pbx), t.TempDir()
	importing := func(more ...string) *running {
		r := start(t, nil, append([]string{
			"backfill", "--config", file, "--data-dir", dir, "--from", "2020-08-25T16:00:00Z", "--to", "2020-08-26",
		}, more...)...)
		require.Zero(t, r.wait(), r.stderr.text())
		return r
	}
	r := start(t, nil, "migrate", "--data-dir", dir)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Contains(t, importing("--dry-run").stdout.text(),
		"2 records: 1 would be imported (1 of dialogs that were not known), 0 known already, 1 that nothing links to a call")
	require.Contains(t, importing().stdout.text(), "2 records: 1 imported")
	// It may come before the first webhook.
	fresh := filepath.Join(t.TempDir(), "not", "there", "yet")
	r = importing("--data-dir", fresh)
	require.Contains(t, r.stdout.text(), "2 records: 1 imported")
	require.Equal(t, "database: "+filepath.Join(fresh, "webhookd.db")+"\n", r.stderr.text())
	require.Contains(t, importing().stdout.text(), "2 records: 0 imported (0 of dialogs that were not known), 1 known already")
	for _, wrong := range [][]string{
		{"--from", "2020-08-26", "--to", "2020-08-25"},
		{"--from", "yesterday", "--to", "2020-08-25"},
		{"--from", "2020-08-25", "--to", "2999-01-01"},
		{"--from", "2020-08-25", "--to", "2020-08-26", "--account", "crm"},
	} {
		require.Equal(t, exitUsage, start(t, nil, append([]string{"backfill", "--config", file, "--data-dir", dir}, wrong...)...).wait())
	}
	s := startService(t, nil, "--config", file, "--data-dir", dir)
	status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d", "")
	require.Equal(t, 200, status)
	require.Contains(t, body, `"end_basis":"reconciled"`)
	post(t, s, strings.Split(read(t, "webhooks.ndjson"), "\n")[0])
	all := streamed(t, s, "the first event", func(seen []message) bool { return len(seen) > 0 })
	require.Equal(t, "c2b19c63-f17b-4726-b3a1-5b5046e887ef", all[0].Data.Call.CallUUID)
}

// What cannot be read is counted, and keeps nothing else out.
func TestARecordOfHistoryThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, pbxtest.Record{"start_time": "2020-08-25 16:24:45", "dialog_uuid": "Jan +48501502503"})
	pbx.Put(recordsOfTheCall()...)
	r := start(t, nil, "backfill", "--config", pbxSetUp(t, pbx), "--data-dir", t.TempDir(),
		"--from", "2020-08-25T16:00:00Z", "--to", "2020-08-26")
	require.Equal(t, exitFailure, r.wait())
	require.Contains(t, r.stdout.text(), "3 records: 1 imported")
	require.Contains(t, r.stdout.text(), ", 1 that cannot be read")
	require.Contains(t, r.stderr.text(), "the log says which")
	require.NotContains(t, r.stderr.text(), "48501502503")
}

func TestWithoutAPBXNobodyIsAsked(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "reconcile", "--data-dir", t.TempDir())
	require.Equal(t, exitUsage, r.wait())
	require.Contains(t, r.stderr.text(), "no account has a pbx_api")
}

// Whoever repairs by hand is told what is waited for, and may leave it at that.
func TestARepairByHandTellsWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t)
	file, dir := pbxSetUp(t, pbx), t.TempDir()
	s := startService(t, nil, "--config", file, "--data-dir", dir, "--ring-limit", "1h", "--call-limit", "1h")
	for body := range strings.Lines(read(t, "webhooks.ndjson")) {
		if !strings.Contains(body, `"dialog_create"`) {
			post(t, s, strings.TrimSpace(body)) // their beginnings are lost
		}
	}
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
	pbx.Always(pbxtest.Status(429, "Retry-After", "3000"))
	r := start(t, nil, "reconcile", "--config", file, "--data-dir", dir, "--since", "")
	r.next(r.stderr, "wants to be left alone until")
	r.signal(syscall.SIGINT)
	require.NotZero(t, r.wait())
	require.Contains(t, r.stderr.text(), "interrupt it to leave it at that")
}
