package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// setupIngest starts a server over a real intake and a database of the test's own.
func setupIngest(t *testing.T) (*bundle, store.Store) {
	t.Helper()
	db := openStore(t)
	taker := ingest.New(ingest.Config{
		Store: db,
		Engine: &ingest.Engine{
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
		},
		Logger: slog.New(slog.DiscardHandler),
		Now:    time.Now,
	})
	ran := make(chan error, 1)
	go func() { ran <- taker.Run(context.Background()) }()
	t.Cleanup(func() {
		taker.Stop()
		require.NoError(t, <-ran)
	})
	b := setup(t, func(cfg *httpapi.Config) { cfg.Intake, cfg.Reader, cfg.Quarantine, cfg.Refusals = taker, db, db, db })
	return b, db
}

// documentedCall gives the webhooks of the documented call, one body each.
func documentedCall(t *testing.T) [][]byte {
	t.Helper()
	file, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	var bodies [][]byte
	for line := range bytes.Lines(file) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			bodies = append(bodies, line)
		}
	}
	require.NotEmpty(t, bodies)
	return bodies
}

func TestDocumentedCallThroughTheDoor(t *testing.T) {
	t.Parallel()
	b, db := setupIngest(t)
	bodies := documentedCall(t)
	for i, body := range bodies {
		got := b.post(t, "/v1/webhooks", string(body))
		require.Equal(t, 200, got.status, "%s", got.body)
		require.JSONEq(t, fmt.Sprintf(`{"status":"accepted","journal_id":%d,"dialog_uuid":%q,"call_uuid":%q}`,
			i+1, uuidIn(t, body), aDialog), string(got.body))

		// What was answered with 200 is read at once.
		record, err := db.Call(t.Context(), store.Key{Account: "default", UUID: aDialog})
		require.NoError(t, err)
		require.Equal(t, string(record.Record), string(b.get(t, "/v1/calls/"+aDialog).body))
		require.Equal(t, int64(i+1), lastWebhook(t, b))

		require.JSONEq(t, `{"status":"duplicate"}`, string(b.post(t, "/v1/webhooks", string(body)).body))
	}

	want, err := os.ReadFile("../../fixtures/outbound_answered/call.json")
	require.NoError(t, err)
	var expected, got map[string]any
	require.NoError(t, json.Unmarshal(want, &expected))
	require.NoError(t, json.Unmarshal(b.get(t, "/v1/calls/"+aDialog).body, &got))
	for _, added := range []string{"seq", "revision", "updated_at"} {
		require.Contains(t, got, added)
		delete(got, added)
		delete(expected, added)
	}
	require.Equal(t, expected, got)

	for query, calls := range map[string]int{
		"state=ended": 1, "state=open": 0, "direction=outbound": 1, "disposition=answered": 1, "hangup_by=external": 1,
		"missed=true": 0, "project=1": 1, "project=2": 0, "consultant=PKowalski": 1, "consultant=1": 1,
		"number=48xxxxxxxxx": 1, "from=2020-08-25&to=2020-08-26": 1, "to=2020-08-25": 0, "account=acme": 0,
	} {
		require.Len(t, getPage(t, b, "/v1/calls?"+query).Calls, calls, query)
	}
	leg := b.get(t, "/v1/dialogs/"+aCall)
	require.Equal(t, 200, leg.status)
	require.True(t, strings.HasPrefix(string(leg.body), `{"call_uuid":"`+aDialog+`","dialog_uuid":"`+aCall+`"`), "%s", leg.body)
}

func uuidIn(t *testing.T, body []byte) string {
	t.Helper()
	var webhook struct {
		DialogUUID string `json:"dialog_uuid"`
	}
	require.NoError(t, json.Unmarshal(body, &webhook))
	return strings.ToLower(webhook.DialogUUID)
}

// lastWebhook gives the journal id of the last webhook in the timeline of the documented call, and sees that each
// webhook is followed by its own events.
func lastWebhook(t *testing.T, b *bundle) int64 {
	t.Helper()
	var timeline struct {
		Items []struct {
			Kind      string `json:"kind"`
			JournalID int64  `json:"journal_id"`
			Seq       int64  `json:"seq"`
		} `json:"items"`
	}
	require.NoError(t, json.Unmarshal(b.get(t, "/v1/calls/"+aDialog+"/timeline").body, &timeline))
	var webhook, seq int64
	for _, item := range timeline.Items {
		if item.Kind == "webhook" {
			require.Greater(t, item.JournalID, webhook)
			webhook = item.JournalID
			continue
		}
		require.Equal(t, webhook, item.JournalID)
		require.Equal(t, seq+1, item.Seq)
		seq = item.Seq
	}
	require.NotZero(t, seq)
	return webhook
}

func TestBadInputIsToldAndKept(t *testing.T) {
	t.Parallel()
	const good = `{"event_type":"dialog","event_name":"dialog_create","event_time":"2020-08-25 16:24:41","dialog_uuid":"` + aDialog + `","state":"ringing"}`
	for name, tc := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string // of the problem, or
		result  string // of the door
		rows    int    // in quarantine
	}{
		"empty":                   {body: "", status: 400, code: "empty_body", rows: 1},
		"no JSON":                 {body: "{", status: 400, code: "malformed_json", rows: 1},
		"a NUL byte":              {body: "{\"a\":\"\x00\"}", status: 400, code: "malformed_json", rows: 1},
		"a list":                  {body: "[]", status: 400, code: "not_an_object", rows: 1},
		"no dialog":               {body: `{"event_name":"dialog_close","event_time":"2020-08-25 16:24:41"}`, status: 400, code: "missing_dialog_uuid", rows: 1},
		"no time":                 {body: `{"event_name":"dialog_close","dialog_uuid":"` + aDialog + `"}`, status: 400, code: "missing_event_time", rows: 1},
		"a time that is none":     {body: strings.Replace(good, "2020-08-25", "2020-02-30", 1), status: 400, code: "invalid_event_time", rows: 1},
		"gzip":                    {body: "\x1f\x8b\x08\x00", headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "content_encoding_unsupported", rows: 1},
		"over the limit":          {body: strings.Repeat(" ", httpapi.DefaultBodyLimit+1), status: 413, code: "body_too_large"},
		"another family":          {body: `{"event_name":"contact_created"}`, status: 200, result: "ignored"},
		"JSON labelled as a form": {body: good, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 200, result: "accepted"},
		"NUL in a name":           {body: strings.Replace(good, `"state"`, `"self_name":"a\u0000b","state"`, 1), status: 200, result: "accepted"},
		"bad UTF-8 in a name":     {body: strings.Replace(good, `"state"`, "\"self_name\":\"a\xff\",\"state\"", 1), status: 200, result: "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, db := setupIngest(t)
			for range 2 { // what is refused once is refused again
				got := b.post(t, "/v1/webhooks", tc.body, tc.headers...)
				if tc.code != "" {
					requireProblem(t, got, tc.status, tc.code)
					continue
				}
				require.Equal(t, tc.status, got.status, "%s", got.body)
				require.Contains(t, string(got.body), `"status":"`+tc.result+`"`)
				tc.result = "duplicate"
			}
			kept, err := db.Quarantined(t.Context(), "default", 10)
			require.NoError(t, err)
			require.Len(t, kept, tc.rows)
			if tc.rows > 0 {
				require.Equal(t, tc.body, string(kept[0].Body))
				require.Equal(t, tc.code, kept[0].Code)
				require.Equal(t, 2, kept[0].Count)
			}
			if tc.result == "" {
				empty, err := db.Empty(t.Context())
				require.NoError(t, err)
				require.True(t, empty, "the journal holds only webhooks")
				return
			}
			record := b.get(t, "/v1/calls/"+aDialog)
			if record.status == 200 {
				require.True(t, json.Valid(record.body), "%s", record.body)
				entries, err := db.Entries(t.Context(), store.Key{Account: "default", UUID: aDialog})
				require.NoError(t, err)
				require.Equal(t, tc.body, string(entries[0].Body), "the journal has it byte for byte")
			}
		})
	}
}

func TestManySendersAtOnce(t *testing.T) {
	t.Parallel()
	b, db := setupIngest(t)
	const senders, each = 8, 20
	failed := make(chan string, senders*each)
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range each {
				id := uuidOf(sender*each + i)
				body := fmt.Sprintf(`{"event_name":"dialog_create","event_time":"2020-08-25 16:24:41","dialog_uuid":%q,"state":"ringing","pad":%q}`,
					id, strings.Repeat(id, i))
				response, err := b.client.Post("http://"+b.addr+"/v1/webhooks", "application/json", strings.NewReader(body))
				if err != nil {
					failed <- err.Error()
					continue
				}
				text, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"call_uuid":"`+id+`"`) {
					failed <- string(text)
				}
			}
		})
	}
	all.Wait()
	close(failed)
	require.Empty(t, failed)
	for n := range senders * each {
		entries, err := db.Entries(t.Context(), store.Key{Account: "default", UUID: uuidOf(n)})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, uuidOf(n), uuidIn(t, entries[0].Body))
	}
}

func TestStoppingIntake(t *testing.T) {
	t.Parallel()
	stopped := ingest.New(ingest.Config{Store: openStore(t), Engine: &ingest.Engine{Rules: correlate.DefaultRules()}, Now: time.Now})
	stopped.Stop()
	b := setup(t, func(cfg *httpapi.Config) { cfg.Intake = stopped })
	got := b.post(t, "/v1/webhooks", `{"event_name":"contact_created"}`)
	requireProblem(t, got, 503, "stopping")
	require.Equal(t, "5", got.header.Get("Retry-After"))
}

func TestCloseByHand(t *testing.T) {
	t.Parallel()
	b, _ := setupIngest(t)
	path := "/v1/calls/" + aDialog + "/close"
	requireProblem(t, b.post(t, path, ""), 404, "call_not_found")
	bodies := documentedCall(t)
	for _, body := range bodies[:6] {
		require.Equal(t, 200, b.post(t, "/v1/webhooks", string(body)).status)
	}
	var record struct {
		State    string
		EndBasis string `json:"end_basis"`
	}
	for range 2 {
		got := b.post(t, path, "")
		require.Equal(t, 200, got.status, "%s", got.body)
		require.NoError(t, json.Unmarshal(got.body, &record))
		require.Equal(t, "ended", record.State)
		require.Equal(t, "manual", record.EndBasis)
		require.JSONEq(t, string(b.get(t, "/v1/calls/"+aDialog).body), string(got.body))
	}
	requireProblem(t, b.post(t, "/v1/calls/nothing/close", ""), 404, "call_not_found")
	requireProblem(t, b.get(t, path), 405, "method_not_allowed")
}

func TestCloseAsksForTheSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.WebhookSecrets, cfg.GuardReads = []string{"a-secret-of-some-length"}, true
	})
	requireProblem(t, b.post(t, "/v1/calls/"+aCall+"/close", ""), 401, "unauthorized")
	got := b.post(t, "/v1/calls/"+aCall+"/close", "", "X-Webhook-Secret", "a-secret-of-some-length")
	requireProblem(t, got, 404, "call_not_found")
}
