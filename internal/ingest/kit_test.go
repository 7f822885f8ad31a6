package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	fixtures = "../../fixtures"
	account  = "default"
	callUUID = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
)

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute,
		CallLimit: 4 * time.Hour,
	}
}

// start lets an Ingest work on a store until the test ends.
func start(t testing.TB, st store.Writer) *ingest.Ingest {
	t.Helper()
	return startEngine(t, st, newEngine())
}

// startEngine is start with an engine of the test's own.
func startEngine(t testing.TB, st store.Writer, engine *ingest.Engine) *ingest.Ingest {
	t.Helper()
	in := ingest.New(ingest.Config{
		Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	ended := make(chan error, 1)
	go func() { ended <- in.Run(context.Background()) }()
	t.Cleanup(func() {
		in.Stop()
		require.NoError(t, <-ended)
	})
	return in
}

// webhooks reads the bodies of a scenario.
func webhooks(t testing.TB, scenario string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

// scenarios gives every scenario of fixtures/.
func scenarios(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(fixtures, "*", "webhooks.ndjson"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	names := make([]string, len(found))
	for i, path := range found {
		names[i] = filepath.Base(filepath.Dir(path))
	}
	return names
}

// expected reads a scenario's records, by call.
func expected(t testing.TB, scenario string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "calls.json"))
	if err != nil {
		one, err := os.ReadFile(filepath.Join(fixtures, scenario, "call.json"))
		require.NoError(t, err)
		data = []byte("[" + string(one) + "]")
	}
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(data, &list))
	records := map[string]string{}
	for _, raw := range list {
		var call correlate.Call
		require.NoError(t, json.Unmarshal(raw, &call))
		records[call.CallUUID] = string(raw)
	}
	return records
}

// requireRecords holds the stored records of an account against expected ones, seq, revision and updated_at aside.
// Only the account named default may hold further calls.
func requireRecords(t testing.TB, st store.Reader, name string, want map[string]string) {
	t.Helper()
	for id, record := range want {
		call, err := st.Call(t.Context(), store.Key{Account: name, UUID: id})
		require.NoError(t, err, "call %s of account %s", id, name)
		requireRecord(t, record, call.Record, name)
	}
	if name != account {
		page, err := st.Calls(t.Context(), store.CallFilter{Account: name, Limit: 100})
		require.NoError(t, err)
		require.Len(t, page, len(want), "calls of account %s", name)
	}
}

func requireRecord(t testing.TB, want string, got json.RawMessage, account string) {
	t.Helper()
	var record map[string]any
	require.NoError(t, json.Unmarshal(got, &record))
	for _, key := range []string{"seq", "revision", "updated_at"} {
		require.Contains(t, record, key)
		delete(record, key)
	}
	bare, err := json.Marshal(record)
	require.NoError(t, err)
	want = strings.Replace(want, `"account": "default"`, `"account": "`+account+`"`, 1)
	require.JSONEq(t, want, string(bare))
}

// submit hands in bodies one after the other.
func submit(t testing.TB, in *ingest.Ingest, account string, bodies ...[]byte) {
	t.Helper()
	for _, body := range bodies {
		_, err := in.Submit(t.Context(), account, body)
		require.NoError(t, err)
	}
}

// published gives all events of the outbox, a line each, and checks that ids never repeat and seq has no gap.
func published(t testing.TB, st store.Outbox) map[string][]string {
	t.Helper()
	lines := map[string][]string{}
	ids := map[string]bool{}
	rows, err := st.Unsent(t.Context(), 0, 10000)
	require.NoError(t, err)
	for _, row := range rows {
		for _, event := range row.Events {
			call := row.Account + "/" + row.CallUUID
			lines[call] = append(lines[call], strings.TrimSpace(event.Type+" "+event.DialogUUID))
			require.EqualValues(t, len(lines[call]), event.Seq, "seq of %s", call)
			require.False(t, ids[event.UUID], "id of %s is given twice", event.Type)
			ids[event.UUID] = true
		}
		_, err := flow.Messages(row.Change, flow.Options{})
		require.NoError(t, err)
	}
	return lines
}

// body makes a dialog webhook; more is further JSON members, each after a comma.
func body(name, dialogUUID, at, more string) []byte {
	return fmt.Appendf(nil, `{"event_name":%q,"dialog_uuid":%q,"event_time":"2026-01-15 %s"%s}`, name, dialogUUID, at, more)
}
