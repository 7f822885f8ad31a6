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

	"github.com/stretchr/testify/require"

	"webhookd/internal/app"
	"webhookd/internal/config"
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
			webhook := func(event, rest string) []byte {
				return fmt.Appendf(nil, `{"event_name":%q,"event_time":"2026-03-01 10:00:00","dialog_uuid":"5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d11",`+
					`"dialog_type":"EXTERNAL","state":"ringing","self_target":%q,"self_name":%q%s}`, event, number, person, rest)
			}
			refused := map[string]int{}
			for _, c := range []struct {
				method, path string
				body         []byte
			}{
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
				{http.MethodPost, "/v1/subscribers", []byte(`{"subscriberId":"` + number + `","firstName":"` + person + `"}`)},
				{http.MethodPost, "/v1/subscribers", []byte(`{"subscriberId":"` + number + `","firstName":` + number + `}`)},
				{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"nothing","to":"` + number + `","payload":{"who":"` + person + `"}}`)},
				{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"template","to":{"subscriberId":"` + number + `","firstName":"` + person + `"}}`)},
				{http.MethodPost, "/v1/events/trigger", []byte(`{"name":"template","to":{"subscriberId":"` + number + `","phone":` + number + `}`)},
			} {
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

			text := log.String()
			for line := range strings.Lines(text) {
				var read map[string]any
				require.NoError(t, json.Unmarshal([]byte(line), &read), "not JSON: %s", line)
				if id, ok := read["request_id"].(string); ok {
					if status, known := refused[id]; known {
						require.EqualValues(t, status, read["status"])
						delete(refused, id)
					}
				}
			}
			require.Empty(t, refused, "requests that were refused, and of which the log has nothing under their id")
			slices.Sort(who)
			for _, one := range who {
				for line := range strings.Lines(text) {
					require.NotContains(t, line, one)
				}
			}
		})
	}
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
