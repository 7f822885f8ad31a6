package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/erase"
	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

const (
	tokenOfAll  = "a-token-that-reads-every-account"
	tokenOfAcme = "a-token-that-reads-acme-alone"
	keyOfAcme   = "a-key-of-acme-that-may-change"
)

// withTokens configures a token for all accounts, one for acme, and an API key of acme.
func withTokens(cfg *httpapi.Config) {
	cfg.ReadTokens = []httpapi.ReadToken{{Token: tokenOfAll}, {Account: "acme", Token: tokenOfAcme}}
	cfg.APIKeys = []httpapi.APIKey{{Account: "acme", Key: keyOfAcme}}
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func TestReadTokens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tokens []string
		public bool
		sent   []string
		code   string // "" for 200
	}{
		"none configured, loopback":            {},
		"none configured, one sent":            {sent: bearer("x")},
		"none configured, public":              {public: true, code: "unauthorized"},
		"none configured, public, one sent":    {public: true, sent: bearer("x"), code: "unauthorized"},
		"none configured, public, secret sent": {public: true, sent: []string{"X-Webhook-Secret", "the-secret"}},
		"the first":                            {tokens: []string{"one", "two"}, sent: bearer("one")},
		"the second, public":                   {tokens: []string{"one", "two"}, public: true, sent: bearer("two")},
		"another case of the scheme":           {tokens: []string{"one"}, sent: []string{"authorization", "bEARER  one "}},
		"none sent":                            {tokens: []string{"one"}, code: "read_token_refused"},
		"an empty one":                         {tokens: []string{"one"}, sent: bearer(""), code: "read_token_refused"},
		"a wrong one":                          {tokens: []string{"one"}, sent: bearer("two"), code: "read_token_refused"},
		"the beginning of one":                 {tokens: []string{"one"}, sent: bearer("on"), code: "read_token_refused"},
		"another scheme":                       {tokens: []string{"one"}, sent: []string{"Authorization", "Basic one"}, code: "read_token_refused"},
		"the webhook secret":                   {tokens: []string{"one"}, public: true, sent: []string{"X-Webhook-Secret", "the-secret"}, code: "read_token_refused"},
		"an empty token lets nobody in":        {tokens: []string{""}, sent: bearer(""), code: "read_token_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *httpapi.Config) {
				cfg.WebhookSecrets, cfg.GuardReads = []string{"the-secret"}, tc.public
				for _, token := range tc.tokens {
					cfg.ReadTokens = append(cfg.ReadTokens, httpapi.ReadToken{Token: token})
				}
			})
			got := b.get(t, "/v1/calls", tc.sent...)
			if tc.code == "" {
				require.Equal(t, 200, got.status, "%s", got.body)
				return
			}
			requireProblem(t, got, 401, tc.code)
			if tc.code == "read_token_refused" {
				require.Equal(t, `Bearer realm="webhookd"`, got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// open are the routes that show nothing of any account.
var open = []string{"/healthz", "/readyz", "/assets/:hash/:name", "/login", "/api", "/asyncapi.json", "/openapi.json"}

// readRoutes gives the paths of all routes for GET that are not open, with ids of the account default in them.
func readRoutes(t *testing.T, b *bundle) []string {
	t.Helper()
	var paths []string
	for _, route := range httpapi.Routes(b.server) {
		if route[0] != http.MethodGet || slices.Contains(open, route[1]) || route[1] == "/v1/contacts/:number" {
			continue // the last one takes more than reading
		}
		paths = append(paths, strings.NewReplacer(
			":call_uuid", uuidOf(1), ":dialog_uuid", uuidOf(1), ":subscriber_id", "anna", ":topic_key", "vip",
			":transaction_id", "tx", ":name", "of-default", ":id", "1", "*", "goroutine",
		).Replace(route[1]))
	}
	require.Greater(t, len(paths), 15)
	for _, path := range paths {
		require.NotContains(t, path, ":", "a parameter that this test does not know")
	}
	return paths
}

// contactOfDefault is a number that the account default has calls of.
const contactOfDefault = "48501502503"

func persons(db store.Store) *erase.Service {
	return &erase.Service{
		Store: db, Engine: &ingest.Engine{Rules: correlate.DefaultRules()}, Region: "PL", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
}

// setupTwoAccounts starts a server with data of the account default, all of which says MARKER; changes may alter its
// configuration.
func setupTwoAccounts(t *testing.T, changes ...func(*httpapi.Config)) *bundle {
	t.Helper()
	db := openStore(t)
	m := newMemory()
	b := setup(t, func(cfg *httpapi.Config) {
		withTokens(cfg)
		cfg.Reader, cfg.Quarantine, cfg.Refusals, cfg.Persons = db, db, db, persons(db)
		cfg.Triggers, cfg.Directory, cfg.Handlers, cfg.TriggerReader = m, m, m, m
		cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "MARKER 1\n") })
		cfg.Live, cfg.Profiles = shortLive{}, cfg.Metrics
		for _, change := range changes {
			change(cfg)
		}
	})
	putCalls(t, db, callOf(1, func(c *store.Call) {
		record, err := json.Marshal(map[string]any{
			"account": "default", "call_uuid": c.CallUUID, "external": map[string]any{"number": "MARKER"},
			"legs": []any{map[string]any{"dialog_uuid": c.CallUUID, "close_cause": "MARKER"}},
		})
		require.NoError(t, err)
		c.Record = record
	}))
	write(t, db, func(ctx context.Context, tx store.Tx) error {
		if err := tx.PutLegs(ctx, []store.Leg{{Account: "default", DialogUUID: uuidOf(1), CallUUID: uuidOf(1), Evidence: []byte(`{}`)}}); err != nil {
			return err
		}
		return tx.Append(ctx, []*store.Entry{entryOf(uuidOf(1), "dialog_create", []byte(`{"a":"MARKER","b":"`+contactOfDefault+`"}`))})
	})
	require.NoError(t, db.Quarantine(t.Context(), store.Refused{
		Account: "default", ReceivedAt: time.Now(), Code: "malformed_json", Reason: "MARKER", Body: []byte("MARKER"),
	}))
	_, err := m.PutSubscriber(t.Context(), "default", store.Subscriber{ID: "anna", FirstName: "MARKER"})
	require.NoError(t, err)
	_, _, err = m.PutTopic(t.Context(), "default", triggerapi.Topic{Key: "vip", Name: "MARKER"})
	require.NoError(t, err)
	_, err = m.CreateHandler(t.Context(), "", []byte(`{"name":"of-default","account":"default","on":["call_missed"],"do":[{"text":"MARKER"}]}`))
	require.NoError(t, err)
	return b
}

// A token of one account reads no other account's data on any route or page.
func TestATokenReadsItsAccountOnly(t *testing.T) {
	t.Parallel()
	b := setupTwoAccounts(t)
	shown := 0
	for _, path := range readRoutes(t, b) {
		for _, accept := range []string{"application/json", "text/html"} {
			nobody := b.get(t, path, "Accept", accept)
			require.Contains(t, []int{401, 303}, nobody.status, "%s without a token: %s", path, nobody.body)
			require.NotContains(t, string(nobody.body), "MARKER", path)

			for _, query := range []string{"", "?account=default"} {
				all := b.get(t, path+query, append(bearer(tokenOfAll), "Accept", accept)...)
				require.NotContains(t, []int{401, 403}, all.status, path)
				if strings.Contains(string(all.body), "MARKER") {
					shown++
				}
				acme := b.get(t, path+query, append(bearer(tokenOfAcme), "Accept", accept)...)
				require.NotContains(t, string(acme.body), "MARKER", path+query)
				require.NotEqual(t, 500, acme.status, "%s", acme.body)
				if query != "" && accept == "application/json" && strings.HasPrefix(path, "/v1/") {
					require.NotEqual(t, 200, acme.status, "%s answers about another account", path+query)
				}
				session := b.get(t, path+query, "Accept", accept, "Cookie", logIn(t, b, tokenOfAcme))
				require.NotContains(t, string(session.body), "MARKER", path+query)
			}
		}
	}
	require.Greater(t, shown, 15, "the data is there to be seen")
	requireProblem(t, b.get(t, "/v1/calls?account=default", bearer(tokenOfAcme)...), 400, "parameter_invalid")
	require.Equal(t, 200, b.get(t, "/v1/calls?account=acme", bearer(tokenOfAcme)...).status)
	for _, path := range []string{"/v1/stream", "/v1/stream/calls"} {
		require.Contains(t, string(b.get(t, path, bearer(tokenOfAcme)...).body), "OF-acme")
		require.Contains(t, string(b.get(t, path, bearer(tokenOfAll)...).body), "MARKER")
		require.Contains(t, string(b.get(t, path+"?account=crm", bearer(tokenOfAll)...).body), "OF-crm")
	}
	requireProblem(t, b.get(t, "/debug/pprof/goroutine", bearer(tokenOfAcme)...), 403, "read_foreign")
	requireProblem(t, b.get(t, "/metrics", bearer(tokenOfAcme)...), 403, "read_foreign")
}

// A read token changes nothing, however it is sent, and whether or not there is a key that would. Nor does whoever sends none.
func TestAReadTokenChangesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*httpapi.Config){
		"keys":    func(*httpapi.Config) {},
		"no keys": func(cfg *httpapi.Config) { cfg.APIKeys = nil },
		"no keys, and a token of one account alone": func(cfg *httpapi.Config) {
			cfg.APIKeys, cfg.ReadTokens = nil, nil
			cfg.Tokens = []httpapi.Token{
				{Account: "acme", Token: tokenOfAcme, Scopes: httpapi.ScopeRead}, {Token: tokenOfAll, Scopes: httpapi.ScopeRead},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireNothingChanges(t, setupTwoAccounts(t, change))
		})
	}
}

func requireNothingChanges(t *testing.T, b *bundle) {
	t.Helper()
	for _, route := range httpapi.Routes(b.server) {
		if slices.Contains([]string{"GET", "HEAD"}, route[0]) || slices.Contains([]string{"/login", "/logout", "/preferences", "/v1/webhooks", "/v1/webhooks/:account"}, route[1]) {
			continue // these have answers of their own: the door is for the PBX
		}
		path := strings.NewReplacer(":call_uuid", uuidOf(1), ":subscriber_id", "anna", ":topic_key", "vip", ":name", "of-default", ":id", "1", ":number", contactOfDefault, "+", "tx").Replace(route[1])
		for _, headers := range [][]string{bearer(tokenOfAll), bearer(tokenOfAcme), {"Cookie", logIn(t, b, tokenOfAll)}, nil} {
			got := b.do(t, route[0], path, strings.NewReader(`{}`), headers...)
			require.Contains(t, []int{401, 403}, got.status, "%s %s: %s", route[0], path, got.body)
		}
	}
}

// Without any token a server on loopback is open to its own machine; where there are some, if only to read, it is not.
func TestTriggersAreOpenOnlyWhereThereIsNoToken(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, func(cfg *httpapi.Config) { cfg.ReadTokens = []httpapi.ReadToken{{Token: tokenOfAll}} })
	requireNovuError(t, b.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`), 401, "/v1/events/trigger")
	requireNovuError(t, b.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`, bearer(tokenOfAll)...), 401, "/v1/events/trigger")
	require.Empty(t, m.requests())
	open, m := setupTriggers(t, nil)
	require.Equal(t, 201, open.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`).status)
	require.Len(t, m.requests(), 1)
}
