package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

// What each route that changes something takes. Every route that shows something takes read; those in shownToKeys are shown
// to whoever may trigger or change, too.
var (
	changing = map[string]httpapi.Scope{
		"POST /v1/events/trigger":                        httpapi.ScopeTriggers,
		"POST /v1/events/trigger/bulk":                   httpapi.ScopeTriggers,
		"POST /v1/events/trigger/broadcast":              httpapi.ScopeTriggers,
		"DELETE /v1/events/trigger/+":                    httpapi.ScopeTriggers,
		"POST /v1/subscribers":                           httpapi.ScopeTriggers,
		"PUT /v1/subscribers/:subscriber_id":             httpapi.ScopeTriggers,
		"DELETE /v1/subscribers/:subscriber_id":          httpapi.ScopeTriggers,
		"POST /v1/topics":                                httpapi.ScopeTriggers,
		"PATCH /v1/topics/:topic_key":                    httpapi.ScopeTriggers,
		"DELETE /v1/topics/:topic_key":                   httpapi.ScopeTriggers,
		"POST /v1/topics/:topic_key/subscribers":         httpapi.ScopeTriggers,
		"POST /v1/topics/:topic_key/subscribers/removal": httpapi.ScopeTriggers,
		"POST /v1/handlers/:name/test":                   httpapi.ScopeTriggers,
		"POST /v1/handlers":                              httpapi.ScopeAdmin,
		"PUT /v1/handlers/:name":                         httpapi.ScopeAdmin,
		"PATCH /v1/handlers/:name":                       httpapi.ScopeAdmin,
		"DELETE /v1/handlers/:name":                      httpapi.ScopeAdmin,
		"POST /v1/calls/:call_uuid/close":                httpapi.ScopeAdmin,
		"POST /v1/quarantine/:id/redrive":                httpapi.ScopeAdmin,
		"DELETE /v1/quarantine/:id":                      httpapi.ScopeAdmin,
		"DELETE /v1/contacts/:number":                    httpapi.ScopeAdmin,
		"GET /v1/contacts/:number":                       httpapi.ScopeAdmin, // everything of a person at once
		"HEAD /v1/contacts/:number":                      httpapi.ScopeAdmin,
	}
	shownToKeys = []string{
		"/v1/events/trigger/broadcast/:transaction_id", "/v1/subscribers", "/v1/subscribers/:subscriber_id", "/v1/topics",
		"/v1/topics/:topic_key", "/v1/topics/:topic_key/subscribers", "/v1/handlers", "/v1/handlers/:name",
		"/v1/handlers/:name/triggers", "/v1/calls/:call_uuid/triggers",
	}
	// forms are what a browser's form sends; they and the doors of webhooks ask for something else.
	forms = []string{"/login", "/logout", "/preferences", "/v1/webhooks", "/v1/webhooks/:account", "/quarantine/:id/redrive", "/quarantine/:id/discard"}
)

// A token does what its scopes say, on every route there is, and nothing else.
func TestTokensDoWhatTheirScopesSay(t *testing.T) {
	t.Parallel()
	tokens := map[httpapi.Scope]string{
		httpapi.ScopeRead: "a-token-to-read", httpapi.ScopeTriggers: "a-token-to-trigger", httpapi.ScopeAdmin: "a-token-to-change",
	}
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) {
		for scope, token := range tokens {
			cfg.Tokens = append(cfg.Tokens, httpapi.Token{Account: "acme", Token: token, Scopes: scope})
		}
		cfg.WebhookSecrets = []string{"the-secret"}
	})
	unseen := len(changing)
	for _, route := range httpapi.Routes(b.server) {
		method, pattern := route[0], route[1]
		reads := method == http.MethodGet || method == http.MethodHead
		if slices.Contains(forms, pattern) || reads && slices.Contains(open, pattern) {
			continue
		}
		needs, listed := changing[method+" "+pattern]
		reads = reads && !listed
		require.NotEqual(t, reads, listed, "%s %s: this test does not know what it takes", method, pattern)
		if listed {
			unseen--
		}
		path := strings.NewReplacer(":call_uuid", uuidOf(1), ":dialog_uuid", uuidOf(1), ":subscriber_id", "anna", ":topic_key", "vip",
			":transaction_id", "tx", ":name", "of-default", ":id", "1", ":number", contactOfDefault, "+", "tx", "*", "goroutine").Replace(pattern)
		for scope, token := range tokens {
			may := scope == needs || reads && (scope == httpapi.ScopeRead || slices.Contains(shownToKeys, pattern))
			may = may && pattern != "/metrics" && pattern != "/debug/pprof/*" // of all accounts together
			schemes := []string{"Bearer"}
			if scope != httpapi.ScopeRead {
				schemes = append(schemes, "ApiKey")
			}
			for _, scheme := range schemes {
				got := b.do(t, method, path, strings.NewReader(`{}`), "Authorization", scheme+" "+token, "Accept", "application/json")
				if may {
					require.NotContains(t, []int{401, 403, 500}, got.status, "%s %s with %s: %s", method, path, scope, got.body)
				} else {
					require.Contains(t, []int{401, 403, 303}, got.status, "%s %s with %s: %s", method, path, scope, got.body) // 303: to the log-in
				}
				require.NotContains(t, string(got.body), "MARKER", "%s %s shows another account's data", method, path)
			}
		}
	}
	require.Zero(t, unseen, "routes that are not there any more")
}

func TestScopesAddUpInHeadersAndInSessions(t *testing.T) {
	t.Parallel()
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) {
		cfg.Tokens = []httpapi.Token{
			{Account: "acme", Token: "a-token-for-both", Scopes: httpapi.ScopeRead | httpapi.ScopeTriggers},
			{Account: "acme", Token: "a-token-to-trigger", Scopes: httpapi.ScopeTriggers},
			{Token: "", Scopes: httpapi.ScopeRead | httpapi.ScopeTriggers | httpapi.ScopeAdmin},
		}
	})
	both := bearer("a-token-for-both")
	require.Equal(t, 200, b.get(t, "/v1/calls", both...).status)
	require.Equal(t, 201, b.post(t, "/v1/subscribers", `{"subscriberId":"jan"}`, both...).status)
	requireProblem(t, b.post(t, "/v1/handlers", `{}`, both...), 403, "scope_missing")
	requireProblem(t, b.get(t, "/v1/calls", bearer("a-token-to-trigger")...), 403, "scope_missing")
	requireProblem(t, b.get(t, "/v1/calls", bearer("")...), 401, "read_token_refused")
	requireProblem(t, b.get(t, "/v1/calls", bearer(keyOfAcme)...), 401, "read_token_refused")

	session := []string{"Cookie", logIn(t, b, "a-token-for-both")}
	require.Equal(t, 200, b.get(t, "/v1/calls", session...).status)
	require.Equal(t, 201, b.post(t, "/v1/subscribers", `{"subscriberId":"ola"}`, session...).status)
	requireProblem(t, b.do(t, http.MethodDelete, "/v1/quarantine/1", nil, session...), 403, "read_only")
	requireProblem(t, b.post(t, "/v1/handlers", `{}`, session...), 401, "api_key_refused")

	// What may not read gets no session: it would read with it.
	form := strings.NewReader(url.Values{"token": {"a-token-to-trigger"}}.Encode())
	got := b.do(t, http.MethodPost, "/login", form, "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, 401, got.status)
	require.Empty(t, got.header.Get("Set-Cookie"))
}
