package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	three := []httpapi.APIKey{{Key: "old-key"}, {Account: "default", Key: "new-key"}, {Account: "acme", Key: "key-of-acme"}}
	for name, tc := range map[string]struct {
		keys    []httpapi.APIKey
		public  bool
		sent    []string
		account string // "" for 401
	}{
		"none configured, on loopback":           {account: "default"},
		"none configured, on loopback, one sent": {sent: []string{"Authorization", "ApiKey x"}, account: "default"},
		"none configured, elsewhere":             {public: true},
		"none configured, elsewhere, one sent":   {public: true, sent: []string{"Authorization", "ApiKey "}},
		"the first":                              {keys: three, sent: []string{"Authorization", "ApiKey old-key"}, account: "default"},
		"the second":                             {keys: three, public: true, sent: []string{"Authorization", "ApiKey new-key"}, account: "default"},
		"another account's":                      {keys: three, sent: []string{"Authorization", "ApiKey key-of-acme"}, account: "acme"},
		"the scheme in another case":             {keys: three, sent: []string{"authorization", "apikey  key-of-acme "}, account: "acme"},
		"none sent":                              {keys: three},
		"another scheme":                         {keys: three, sent: []string{"Authorization", "Bearer old-key"}},
		"no scheme":                              {keys: three, sent: []string{"Authorization", "old-key"}},
		"an empty one":                           {keys: three, sent: []string{"Authorization", "ApiKey "}},
		"a wrong one":                            {keys: three, sent: []string{"Authorization", "ApiKey bad-key"}},
		"the beginning of one":                   {keys: three, sent: []string{"Authorization", "ApiKey old"}},
		"another case":                           {keys: three, sent: []string{"Authorization", "ApiKey Old-Key"}},
		"an empty key lets nobody in":            {keys: []httpapi.APIKey{{Key: ""}}, sent: []string{"Authorization", "ApiKey "}},
		"an empty key closes the door":           {keys: []httpapi.APIKey{{Key: ""}}},
		"the webhook secret":                     {keys: three, sent: []string{"X-Webhook-Secret", "the-secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, m := setupTriggers(t, func(cfg *httpapi.Config) {
				cfg.APIKeys, cfg.GuardReads, cfg.WebhookSecrets = tc.keys, tc.public, []string{"the-secret"}
			})
			got := b.post(t, "/v1/events/trigger", `{"name":"callback","to":"anna"}`, tc.sent...)
			if tc.account != "" {
				require.Equal(t, 201, got.status, "%s", got.body)
				require.Equal(t, tc.account, m.requests()[0].account)
				return
			}
			e := requireNovuError(t, got, 401, "/v1/events/trigger")
			require.Contains(t, e.Message, "api_key")
			require.Equal(t, `ApiKey realm="webhookd"`, got.header.Get("WWW-Authenticate"))
			require.Empty(t, m.requests())
			for route, body := range map[string]string{
				"POST /v1/events/trigger/bulk": `{}`, "POST /v1/events/trigger/broadcast": `{}`, "DELETE /v1/events/trigger/x": "",
				"POST /v1/subscribers": `{}`, "PUT /v1/subscribers/x": `{}`, "DELETE /v1/subscribers/x": "", "POST /v1/topics": `{}`,
				"PATCH /v1/topics/x": `{}`, "DELETE /v1/topics/x": "", "POST /v1/topics/x/subscribers": `{}`,
				"POST /v1/topics/x/subscribers/removal": `{}`,
			} {
				method, path, _ := strings.Cut(route, " ")
				requireNovuError(t, b.do(t, method, path, strings.NewReader(body), tc.sent...), 401, path)
			}
			for route, body := range map[string]string{
				"POST /v1/handlers": `{}`, "PUT /v1/handlers/x": `{}`, "PATCH /v1/handlers/x": `{}`, "DELETE /v1/handlers/x": "",
				"POST /v1/handlers/now/test": `{}`,
			} {
				method, path, _ := strings.Cut(route, " ")
				requireProblem(t, b.do(t, method, path, strings.NewReader(body), tc.sent...), 401, "api_key_refused")
			}
		})
	}
}

// Reading takes an API key or, as elsewhere, the secret where that is asked for.
func TestReadingTriggers(t *testing.T) {
	t.Parallel()
	paths := map[string]int{
		"/v1/handlers": 200, "/v1/handlers/now": 200, "/v1/handlers/now/triggers": 200, "/v1/subscribers": 200,
		"/v1/subscribers/x": 404, "/v1/topics": 200, "/v1/topics/x": 404, "/v1/topics/x/subscribers": 404,
		"/v1/events/trigger/broadcast/x": 404, "/v1/calls/" + aCall + "/triggers": 404,
	}
	key, secret := []string{"Authorization", "ApiKey the-key"}, []string{"X-Webhook-Secret", "the-secret"}
	for name, tc := range map[string]struct {
		keys, public bool
		sent         []string
		ok           bool
	}{
		"on loopback":                          {ok: true},
		"on loopback with keys":                {keys: true, ok: true},
		"on loopback with keys, a wrong one":   {keys: true, sent: []string{"Authorization", "ApiKey x"}},
		"on loopback without keys, one sent":   {sent: key, ok: true},
		"elsewhere":                            {public: true},
		"elsewhere with keys":                  {public: true, keys: true},
		"elsewhere with the key":               {public: true, keys: true, sent: key, ok: true},
		"elsewhere with the secret":            {public: true, keys: true, sent: secret, ok: true},
		"elsewhere with the secret, no keys":   {public: true, sent: secret, ok: true},
		"elsewhere with a key that is unknown": {public: true, sent: key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := setupTriggers(t, func(cfg *httpapi.Config) {
				cfg.GuardReads, cfg.WebhookSecrets = tc.public, []string{"the-secret"}
				if tc.keys {
					cfg.APIKeys = []httpapi.APIKey{{Key: "the-key"}}
				}
			})
			for path, status := range paths {
				got := b.get(t, path, tc.sent...)
				if !tc.ok {
					status = 401
				}
				require.Equal(t, status, got.status, "%s: %s", path, got.body)
			}
		})
	}
}

// A key shows and changes what is its account's, and nothing else.
func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.APIKeys = []httpapi.APIKey{{Key: "the-key"}, {Account: "acme", Key: "acme-key"}}
	})
	own, acme := []string{"Authorization", "ApiKey the-key"}, []string{"Authorization", "ApiKey acme-key"}
	require.Equal(t, 201, b.post(t, "/v1/subscribers", `{"subscriberId":"anna"}`, acme...).status)
	require.Equal(t, 201, b.post(t, "/v1/topics", `{"key":"vip"}`, acme...).status)
	require.Equal(t, 201, b.post(t, "/v1/events/trigger", `{"name":"later","to":"a","transactionId":"tx"}`, acme...).status)
	require.Equal(t, 422, b.post(t, "/v1/events/trigger", `{"name":"acme-only","to":"a"}`, own...).status)
	for path, status := range map[string]int{"/v1/subscribers/anna": 404, "/v1/topics/vip": 404, "/v1/handlers/acme-only": 404} {
		require.Equal(t, 200, b.get(t, path, acme...).status, path)
		if !strings.HasPrefix(path, "/v1/handlers") {
			require.Equal(t, 200, b.get(t, path+"?account=acme", acme...).status, path)
		}
		require.Equal(t, status, b.get(t, path, own...).status, path)
		require.Equal(t, status, b.do(t, http.MethodDelete, path, nil, own...).status, path)
	}
	require.Equal(t, 400, b.get(t, "/v1/subscribers?account=acme", own...).status)
	require.Equal(t, 400, b.post(t, "/v1/subscribers?account=acme", `{"subscriberId":"x"}`, own...).status)
	require.False(t, dataOf[bool](t, b.do(t, http.MethodDelete, "/v1/events/trigger/tx", nil, own...), 200))
	require.True(t, dataOf[bool](t, b.do(t, http.MethodDelete, "/v1/events/trigger/tx", nil, acme...), 200))
	require.Equal(t, "acme", m.requests()[0].account)
}

// Without keys the API is open to this machine's programs, but not to the web pages in its browsers, even where
// webhooks need a secret.
func TestOpenTriggersAreLocal(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {"the-secret"}} {
		b, m := setupTriggers(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets = secrets })
		for _, headers := range [][]string{{"Host", "evil.example"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			requireNovuError(t, b.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`, headers...), 403, "/v1/events/trigger")
			requireProblem(t, b.post(t, "/v1/handlers", `{}`, headers...), 403, "not_local")
		}
		require.Empty(t, m.requests())
	}
}

func TestNoTriggersNoRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	requireNovuError(t, b.post(t, "/v1/events/trigger", `{}`), 404, "/v1/events/trigger")
	requireProblem(t, b.get(t, "/v1/handlers"), 404, "route_not_found")
	require.NotContains(t, string(b.get(t, "/").body), "handlers")
	b, _ = setupTriggers(t, nil)
	require.Contains(t, string(b.get(t, "/").body), "GET /v1/handlers/{name}/triggers")
}
