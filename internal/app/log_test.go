//go:build unix

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store/postgres/pgtest"
)

// logged is a log that a test may read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// personal are the members of a webhook that hold numbers or names of people.
var personal = regexp.MustCompile(`^(self|peer)_(target|name|username|firstname|surname)$|^(from|to)_display_(name|target)$|` +
	`^(caller|callee)_contact_address$|^(display|outbound)_name$|^(outbound|presentation|caller)_number$|^(firstname|surname|username|phone)$`)

// people gathers the numbers and names in a webhook. Texts of three characters and less are left out: they are in
// anything.
func people(found map[string]bool, key string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			people(found, name, inner)
		}
	case []any:
		for _, inner := range value {
			people(found, key, inner)
		}
	case string:
		if personal.MatchString(key) && len(value) > 3 {
			found[value] = true
		}
	}
}

// everyWebhook gives the webhooks of all fixtures, and the numbers and names in them.
func everyWebhook(t *testing.T) (bodies [][]byte, who []string) {
	t.Helper()
	files, err := filepath.Glob("../../fixtures/*/*.ndjson")
	require.NoError(t, err)
	require.Greater(t, len(files), 50)
	found := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			var webhook any
			require.NoError(t, json.Unmarshal(line, &webhook))
			people(found, "", webhook)
			bodies = append(bodies, line)
		}
	}
	for text := range found {
		who = append(who, text)
	}
	require.Greater(t, len(who), 50)
	require.Contains(t, who, "48505540454")
	require.Contains(t, who, "Konsultant Paweł")
	return bodies, who
}

// A customer in none of the fixtures, so that nothing of it can be in the log by chance.
const (
	number = "48611987654"
	person = "Bożydar Zmyślony"
)

// failingHandlers fail in each way that a handler can, over the number and the name of whoever calls.
var failingHandlers = []string{
	`{"name": "condition", "on": ["call_started"], "when": "int(contact.name) > 1", "do": [{"type": "send_msg", "text": "x"}]}`,
	`{"name": "template", "on": ["call_started"], "do": [{"type": "send_msg", "text": "${ int(contact.name + contact.number + 'x') }"}]}`,
	`{"name": "address", "on": ["call_started"], "do": [{"type": "call_webhook", "method": "POST",
	  "url": "http://127.0.0.1:1/${ contact.number }", "body": "${ contact.number } ${ contact.name }"}]}`,
	`{"name": "host", "on": ["call_started"], "do": [{"type": "call_webhook", "method": "GET",
	  "url": "http://${ contact.number }.invalid/"}]}`,
	`{"name": "payload", "on": ["api"], "do": [{"type": "send_msg", "text": "${ int(payload.who + subscriber.first_name) }"},
	  {"type": "call_webhook", "method": "POST", "url": "http://127.0.0.1:1/${ payload.who }", "body": "${ subscriber.phone }"}]}`,
	`{"name": "after", "on": ["api"], "after": "1s", "do": [{"type": "send_msg", "text": "${ int(payload.who + contact.number) }"}]}`,
}

// odd makes requests of all kinds that hold the number and the name, in the places where they may be and in others.
func odd() []asked {
	webhook := func(event, rest string) []byte {
		return fmt.Appendf(nil, `{"event_name":%q,"event_time":"2026-03-01 10:00:00","dialog_uuid":"5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d11",`+
			`"dialog_type":"EXTERNAL","state":"ringing","self_target":%q,"self_name":%q%s}`, event, number, person, rest)
	}
	return []asked{
		{http.MethodPost, "/v1/webhooks", webhook("dialog_create", "")},                                  // handlers fail over it
		{http.MethodPost, "/v1/webhooks", webhook("dialog_create", `,"close_cause":"`+number+`"`)},       // an odd cause
		{http.MethodPost, "/v1/webhooks", webhook("dialog_state_update", `,"media":"`+person+`\u0000"`)}, // no database's favourite
		{http.MethodPost, "/v1/webhooks", webhook("x\\u0000"+number, "")},
		{http.MethodPost, "/v1/webhooks", webhook("dialog_create", "")[:90]},                                       // cut off
		{http.MethodPost, "/v1/webhooks", []byte(`{"self_target":"` + number + `","self_name":"` + person + `"}`)}, // nothing that is needed
		{http.MethodPost, "/v1/webhooks", []byte(`{"event_name":"dialog_create","event_time":"` + number + `","dialog_uuid":"` + person + `"}`)},
		{http.MethodPost, "/v1/webhooks", []byte(number)},
		{http.MethodPost, "/v1/webhooks", []byte(person)},
		{http.MethodPost, "/v1/webhooks", bytes.Repeat([]byte(number), 200_000)},
		{http.MethodPost, "/v1/webhooks/+" + number, webhook("dialog_create", "")},
		{http.MethodGet, "/v1/calls?number=" + number, nil},
		{http.MethodGet, "/v1/calls?direction=" + number, nil},
		{http.MethodGet, "/v1/calls?" + number + "=1", nil},
		{http.MethodGet, "/v1/calls/" + number, nil},
		{http.MethodGet, "/" + number, nil},
		{http.MethodDelete, "/v1/subscribers/" + number, nil},
		{http.MethodGet, "/v1/subscribers/" + number, nil},
		{http.MethodPut, "/v1/subscribers/" + number, []byte(`{"firstName":"` + person + `","phone":` + number + `}`)},
		{http.MethodPost, "/v1/subscribers", []byte(`{"subscriberId":"` + number + `","firstName":"` + person + `"}`)},
		{http.MethodPost, "/v1/subscribers", []byte(`{"subscriberId":"` + number + `","firstName":` + number + `}`)},
		{http.MethodPost, "/v1/topics", []byte(`{"key":"` + number + `","name":"` + person + `"}`)},
		{http.MethodPost, "/v1/topics/" + number + "/subscribers", []byte(`{"subscribers":["` + number + `","` + person + `"]}`)},
		{http.MethodDelete, "/v1/topics/nothing-" + number, nil},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"nothing","to":"` + number + `","payload":{"who":"` + person + `"}}`)},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"template","to":{"subscriberId":"` + number + `","firstName":"` + person + `"}}`)},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"template","to":{"subscriberId":"` + number + `","phone":` + number + `}`)},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"` + person + `","to":"` + number + `"}`)},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"payload","to":{"subscriberId":"` + number + `","phone":"+` + number +
			`","firstName":"` + person + `"},"payload":{"who":"` + person + `"},"transactionId":"` + number + `"}`)},
		{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"after","to":{"subscriberId":"` + number + `","phone":"+` + number +
			`"},"payload":{"who":"` + person + `"},"transactionId":"after ` + person + `"}`)},
		{http.MethodPost, "/v1/events/trigger/bulk", []byte(`{"events":[{"name":"` + person + `","to":"` + number +
			`"},{"name":7,"to":"` + number + `"},{"name":"payload","to":"` + number + `","payload":{"who":"` + person + `"}}]}`)},
		{http.MethodPost, "/v1/events/trigger/broadcast", []byte(`{"name":"payload","payload":{"who":"` + person + `"},"transactionId":"` + person + `"}`)},
		{http.MethodPost, "/v1/events/trigger/broadcast", []byte(`{"name":"` + number + `","payload":"` + person + `"}`)},
		{http.MethodGet, "/v1/events/trigger/broadcast/" + number, nil},
		{http.MethodDelete, "/v1/events/trigger/" + number, nil},
		{http.MethodPost, "/v1/handlers", []byte(`{"name":"` + number + `","on":["` + person + `"],"when":"` + person + `","do":[]}`)},
		{http.MethodGet, "/v1/handlers/" + number + "/triggers", nil},
	}
}

type asked struct {
	method, path string
	body         []byte
}

// Nobody's number or name is in the log at info, whatever is sent and whatever fails.
func TestTheLogHoldsNoNumberAndNoName(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": "", "postgres": pgtest.URL(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load(config.Sources{Flags: map[string][]string{
				"listen": {"127.0.0.1:0"}, "nats_listen": {"127.0.0.1:0"}, "data_dir": {t.TempDir()}, "database_url": {database},
				"rate_limit_account": {"1000000"},
			}})
			require.NoError(t, err)
			log := &logged{}
			s := startLogging(t, cfg, log)
			bodies, who := everyWebhook(t)
			who = append(who, number, person)

			for _, definition := range failingHandlers {
				status, _, answer := s.do(t, http.MethodPost, "/v1/handlers", []byte(definition))
				require.Equal(t, http.StatusCreated, status, answer)
			}
			for _, body := range bodies {
				s.do(t, http.MethodPost, "/v1/webhooks", body)
			}
			refused := map[string]int{}
			for _, c := range odd() {
				status, header, _ := s.do(t, c.method, c.path, c.body)
				require.NotEmpty(t, header.Get("X-Request-ID"))
				if status >= 400 {
					refused[header.Get("X-Request-ID")] = status
				}
			}
			require.Greater(t, len(refused), 10)
			// The call-outs have failed, and the log has told of a handler.
			require.Eventually(t, func() bool {
				_, _, page := s.do(t, http.MethodGet, "/metrics", nil)
				return strings.Contains(page, "webhookd_handlers_failures_total ") && !strings.Contains(page, "webhookd_handlers_failures_total 0\n") &&
					!strings.Contains(page, "webhookd_handlers_requests_total 0\n")
			}, patience, patience/1000)
			require.NoError(t, s.Stop(t.Context()))

			for _, read := range linesOf(t, log) {
				if id, ok := read["request_id"].(string); ok {
					if status, known := refused[id]; known {
						require.EqualValues(t, status, read["status"])
						delete(refused, id)
					}
				}
			}
			require.Empty(t, refused, "requests that were refused, and of which the log has nothing under their id")
			requireNobody(t, log, who)
		})
	}
}

// linesOf gives what a log holds, which is JSON throughout.
func linesOf(t *testing.T, log *logged) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var read map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &read), "not JSON: %s", line)
		lines = append(lines, read)
	}
	return lines
}

// requireNobody requires that none of the numbers and names is in a log.
func requireNobody(t *testing.T, log *logged, who []string) {
	t.Helper()
	slices.Sort(who)
	text := log.String()
	for _, one := range who {
		for line := range strings.Lines(text) {
			require.NotContains(t, line, one)
		}
	}
}

// Nor is it while the database is away, when everything goes to the spool, nor when it is back and the spool drains: what
// is refused and what cannot be processed included.
func TestTheLogOfAnOutageHoldsNoNumberAndNoName(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	cfg := configure(t, cluster.URL)
	cfg.RateLimitAccount = 1_000_000
	bodies, who := everyWebhook(t)
	who = append(who, number, person)
	// Taken by a version that could read it.
	poison := [][]byte{
		[]byte(`{"event_name":"dialog_create","event_time":"` + number + `","dialog_uuid":"` + dialogID + `"}`),
		[]byte(`{"event_name":"dialog_create","event_time":"2026-03-01 10:00:00","dialog_uuid":"` + person + `"}`),
		[]byte(`{"self_target":"` + number + `","self_name":"` + person + `",`), []byte(number), []byte(person),
	}
	earlier, err := spool.Open(spool.Config{Dir: filepath.Join(cfg.DataDir, "spool"), Limit: cfg.SpoolLimit})
	require.NoError(t, err)
	for _, body := range poison {
		require.NoError(t, earlier.Append([]spool.Record{
			{Kind: spool.Webhook, Account: "default", ReceivedAt: time.Now(), Body: body},
		}))
	}
	require.NoError(t, earlier.Close())

	log := &logged{}
	s := startLogging(t, cfg, log)
	spooled, refused := 0, 0
	send := func(c asked) {
		status, _, answer := s.do(t, c.method, c.path, c.body)
		switch {
		case strings.Contains(answer, `"spooled":true`):
			spooled++
		case status == http.StatusBadRequest && strings.HasPrefix(c.path, "/v1/webhooks"):
			refused++
		}
	}
	for _, body := range bodies {
		send(asked{http.MethodPost, "/v1/webhooks", body})
	}
	for _, c := range odd() {
		send(c)
	}
	require.Greater(t, spooled, len(bodies)*9/10)
	require.Greater(t, refused, 3)
	_, _, dependencies := s.ready(t)
	require.Contains(t, dependencies["spool"], "in use: ")

	cluster.Start()
	s.awaitReady(t)
	cluster.Stop()
	for _, c := range odd() { // and once more, of a database that was there
		send(c)
	}
	cluster.Start()
	s.awaitReady(t)
	_, _, quarantined := s.do(t, http.MethodGet, "/v1/quarantine?limit=100", nil)
	for _, code := range []string{"invalid_event_time", "invalid_dialog_uuid", "malformed_json", "not_an_object"} {
		require.Contains(t, quarantined, `"`+code+`"`)
	}
	require.NoError(t, s.Stop(t.Context()))

	told := map[string]int{}
	for _, read := range linesOf(t, log) {
		text, ok := read["msg"].(string)
		require.True(t, ok)
		told[text]++
	}
	require.Equal(t, len(poison), told["set a webhook of the spool apart that cannot be processed"])
	require.Equal(t, 2, told["the spool drains"])
	require.Equal(t, 2, told["the spool is drained"])
	requireNobody(t, log, who)
}

func startLogging(t *testing.T, cfg config.Config, log *logged) *service {
	t.Helper()
	running, err := app.New(t.Context(), cfg, app.Options{
		Version: "test", Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, running.Stop(ctx))
	})
	require.NoError(t, running.Start(t.Context()))
	return &service{running, "http://" + running.Addr()}
}
