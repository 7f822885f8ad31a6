package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/verify"
)

const signingSecret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="

// signed gives the headers of a webhook that is signed now.
func signed(t *testing.T, body string) []string {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(signingSecret)
	require.NoError(t, err)
	at := time.Now()
	signature, err := webhook.Sign("msg_1", at, []byte(body))
	require.NoError(t, err)
	return []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10), "Webhook-Signature", signature}
}

func signature(t *testing.T) verify.Verifier {
	t.Helper()
	verifier, err := verify.Signature(signingSecret)
	require.NoError(t, err)
	return verifier
}

// Each account is opened by its own ways and no other's; who has none, by the secret of all, and by nothing where there is
// none.
func TestEveryAccountHasItsOwnWaysIn(t *testing.T) {
	t.Parallel()
	const body = `{"a":1}`
	basic := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("pbx:the-password"))}
	sent := map[string][]string{
		"nothing":       nil,
		"the secret":    {"X-Webhook-Secret", "the-secret-of-all"},
		"crm's new":     {"Authorization", "Bearer crm-new"},
		"crm's old":     {"Authorization", "Bearer crm-old"},
		"sales' header": {"App-Hash", "of-sales"},
		"shop's basic":  basic,
		"signed":        signed(t, body),
	}
	accounts := map[string]httpapi.WebhookAccount{
		"crm":    {Verifiers: []verify.Verifier{verify.Bearer("crm-new"), verify.Bearer("crm-old")}},
		"sales":  {Verifiers: []verify.Verifier{verify.Header("App-Hash", "of-sales")}},
		"shop":   {Verifiers: []verify.Verifier{verify.Basic("pbx", "the-password")}},
		"signed": {Verifiers: []verify.Verifier{signature(t)}},
		"plain":  {},
	}
	challenges := map[string]string{
		"crm": `Bearer realm="webhookd", Bearer realm="webhookd"`, "sales": `Secret realm="webhookd", header="App-Hash"`,
		"shop": `Basic realm="webhookd", charset="UTF-8"`, "signed": `Signature realm="webhookd", header="webhook-signature"`,
	}
	opens := map[string][]string{
		"crm": {"crm's new", "crm's old"}, "sales": {"sales' header"}, "shop": {"shop's basic"}, "signed": {"signed"},
	}
	for _, secrets := range [][]string{nil, {"the-secret-of-all"}} {
		b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.WebhookAccounts = secrets, accounts })
		if secrets != nil {
			opens["plain"], opens["unheard-of"], opens["default"] = []string{"the secret"}, []string{"the secret"}, []string{"the secret"}
		}
		taken := 0
		for _, account := range []string{"crm", "sales", "shop", "signed", "plain", "unheard-of", "default"} {
			path := "/v1/webhooks/" + account
			if account == "default" {
				path = "/v1/webhooks"
			}
			for what, headers := range sent {
				got := b.post(t, path, body, headers...)
				if slices.Contains(opens[account], what) {
					require.Equal(t, 200, got.status, "%s for %s: %s", what, account, got.body)
					taken++
					continue
				}
				requireProblem(t, got, 401, "unauthorized")
				if challenge := challenges[account]; challenge != "" {
					require.Equal(t, challenge, got.header.Get("WWW-Authenticate"))
				}
			}
		}
		require.Len(t, b.intake.submissions(), taken)
		for _, secret := range []string{"crm-new", "of-sales", "the-password", "the-secret-of-all", signingSecret[6:]} {
			require.NotContains(t, b.log.String(), secret)
		}
	}
}

// A signature is of the body that came, and a large one is read where there may be one.
func TestASignedBodyMayBeLargeAndMustBeTheOneThatWasSigned(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.WebhookAccounts = map[string]httpapi.WebhookAccount{"crm": {Verifiers: []verify.Verifier{signature(t)}}}
	})
	large := string(bytes.Repeat([]byte("x"), 100<<10))
	require.Equal(t, 200, b.post(t, "/v1/webhooks/crm", large, signed(t, large)...).status)
	requireProblem(t, b.post(t, "/v1/webhooks/crm", large[1:], signed(t, large)...), 401, "unauthorized")
	requireProblem(t, b.post(t, "/v1/webhooks/other", large, signed(t, large)...), 401, "unauthorized")
	refused := b.post(t, "/v1/webhooks/crm", large)
	requireProblem(t, refused, 401, "unauthorized")
	require.Equal(t, signature(t).Challenge(), refused.header.Get("WWW-Authenticate"), "it says how, although the body was not read")
	require.Len(t, b.intake.submissions(), 1)
	require.Equal(t, large, string(b.intake.submissions()[0].body))
}

// Secrets of accounts open the door for webhooks and nothing else.
func TestSecretsOfAccountsShowAndChangeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.GuardReads = true
		cfg.WebhookAccounts = map[string]httpapi.WebhookAccount{
			"default": {Verifiers: []verify.Verifier{verify.Header("X-Webhook-Secret", "of-default"), verify.Bearer("of-default")}},
		}
	})
	for _, headers := range [][]string{nil, {"X-Webhook-Secret", "of-default"}, {"Authorization", "Bearer of-default"}} {
		requireProblem(t, b.get(t, "/v1/calls", headers...), 401, "unauthorized")
		requireProblem(t, b.post(t, "/v1/calls/"+aCall+"/close", "", headers...), 401, "unauthorized")
	}
}

// The secret of all neither shows nor changes anything of an account that has ways of its own: it is in the PBX of another one.
func TestTheSecretOfAllIsNothingToAccountsWithTheirOwnWays(t *testing.T) {
	t.Parallel()
	secret := []string{"X-Webhook-Secret", "the-secret-of-all"}
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) {
		cfg.ReadTokens, cfg.APIKeys, cfg.GuardReads, cfg.WebhookSecrets = nil, nil, true, secret[1:]
		cfg.WebhookAccounts = map[string]httpapi.WebhookAccount{"default": {Verifiers: []verify.Verifier{verify.Bearer("of-default")}}}
	})
	require.Equal(t, 200, b.get(t, "/v1/calls?account=acme", secret...).status, "that one has none")
	for _, path := range readRoutes(t, b) {
		for _, query := range []string{"", "?account=default", "?account=acme"} {
			for _, accept := range []string{"application/json", "text/html"} {
				if path+query == "/" && accept == "text/html" {
					continue // an error as a page, where the contract has the page itself
				}
				got := b.get(t, path+query, append(slices.Clone(secret), "Accept", accept)...)
				require.NotContains(t, string(got.body), "MARKER", path+query)
				require.NotEqual(t, 500, got.status, "%s", got.body)
			}
		}
	}
	requireProblem(t, b.get(t, "/metrics", secret...), 403, "read_foreign")
	requireProblem(t, b.get(t, "/v1/calls/"+uuidOf(1), secret...), 401, "unauthorized")
	for _, route := range []string{"POST /v1/calls/" + uuidOf(1) + "/close", "POST /v1/quarantine/1/redrive", "DELETE /v1/quarantine/1"} {
		method, path, _ := strings.Cut(route, " ")
		for _, query := range []string{"", "?account=default"} {
			requireProblem(t, b.do(t, method, path+query, nil, secret...), 401, "unauthorized")
		}
		require.Equal(t, 404, b.do(t, method, path+"?account=acme", nil, secret...).status)
	}
	require.Empty(t, b.intake.submissions())
}

func TestWebhooksComeFromWhereTheyMay(t *testing.T) {
	t.Parallel()
	networks := func(texts ...string) []netip.Prefix {
		var parsed []netip.Prefix
		for _, text := range texts {
			parsed = append(parsed, netip.MustParsePrefix(text))
		}
		return parsed
	}
	for name, tc := range map[string]struct {
		all, own, proxies []netip.Prefix
		forwarded         string
		ok                bool
	}{
		"no networks":                      {ok: true},
		"the network of all":               {all: networks("10.0.0.0/8", "127.0.0.0/8"), ok: true},
		"another network":                  {all: networks("10.0.0.0/8")},
		"the account's network":            {own: networks("127.0.0.1/32"), ok: true},
		"not the account's":                {all: networks("127.0.0.0/8"), own: networks("10.0.0.0/8")},
		"both":                             {all: networks("127.0.0.0/8"), own: networks("127.0.0.1/32"), ok: true},
		"of all only, wrong":               {all: networks("10.0.0.0/8"), own: networks("127.0.0.1/32")},
		"a header of anybody":              {all: networks("10.0.0.0/8"), forwarded: "10.1.2.3"},
		"a header of a proxy":              {all: networks("10.0.0.0/8"), proxies: networks("127.0.0.0/8"), forwarded: "10.1.2.3", ok: true},
		"a header of another proxy":        {all: networks("10.0.0.0/8"), proxies: networks("192.0.2.0/24"), forwarded: "10.1.2.3"},
		"the sender's own, before a proxy": {all: networks("10.0.0.0/8"), proxies: networks("127.0.0.0/8"), forwarded: "10.1.2.3, 203.0.113.9"},
		"two proxies":                      {all: networks("10.0.0.0/8"), proxies: networks("127.0.0.0/8", "192.0.2.0/24"), forwarded: "10.1.2.3, 192.0.2.1", ok: true},
		"a proxy that says nothing":        {all: networks("10.0.0.0/8"), proxies: networks("127.0.0.0/8")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *httpapi.Config) {
				cfg.WebhookSources, cfg.TrustedProxies = tc.all, tc.proxies
				cfg.WebhookAccounts = map[string]httpapi.WebhookAccount{"default": {Sources: tc.own}}
			})
			got := b.post(t, "/v1/webhooks", `{}`, "X-Forwarded-For", tc.forwarded)
			if tc.ok {
				require.Equal(t, 200, got.status, "%s", got.body)
			} else {
				requireProblem(t, got, 403, "source_refused")
			}
			require.Equal(t, tc.ok, len(b.intake.submissions()) == 1)
			require.Equal(t, 200, b.get(t, "/v1/calls").status, "it is about webhooks")
		})
	}
}

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tc := range map[string]struct {
		from      string
		forwarded []string
		want      string
	}{
		"directly":                     {"203.0.113.9", nil, "203.0.113.9"},
		"directly, with a header":      {"203.0.113.9", []string{"198.51.100.1"}, "203.0.113.9"},
		"by a proxy":                   {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"by two":                       {"10.0.0.1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"by two, two headers":          {"10.0.0.1", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"forged to the left":           {"10.0.0.1", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		"forged in a header before":    {"10.0.0.1", []string{"192.0.2.1", "203.0.113.9"}, "203.0.113.9"},
		"with a port":                  {"10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"IPv6":                         {"fd00::1", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 with a port":             {"fd00::1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv4 written as IPv6":         {"10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"nothing that is an address":   {"10.0.0.1", []string{"unknown"}, "10.0.0.1"},
		"an empty header":              {"10.0.0.1", []string{""}, "10.0.0.1"},
		"no header":                    {"10.0.0.1", nil, "10.0.0.1"},
		"only proxies":                 {"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a word behind the real one":   {"10.0.0.1", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"a word before the last proxy": {"10.0.0.1", []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var forwarded [][]byte
			for _, value := range tc.forwarded {
				forwarded = append(forwarded, []byte(value))
			}
			require.Equal(t, netip.MustParseAddr(tc.want), httpapi.Client(netip.MustParseAddr(tc.from), forwarded, proxies))
		})
	}
}

// stopped is a clock that a test moves.
type stopped struct{ at atomic.Int64 }

func newStopped() *stopped {
	c := &stopped{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *stopped) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *stopped) move(d time.Duration) { c.at.Add(int64(d)) }

func TestOneAddressHasItsShare(t *testing.T) {
	t.Parallel()
	clock := newStopped()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.RateLimitAddress, cfg.Now = 2, clock.now
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	from := func(address string) []string { return []string{"X-Forwarded-For", address} }
	for range 4 { // twice the rate at once
		require.Equal(t, 200, b.post(t, "/v1/webhooks", `{}`, from("203.0.113.1")...).status)
	}
	for _, path := range []string{"/v1/calls", "/nowhere", "/openapi.json"} {
		got := b.get(t, path, from("203.0.113.1")...)
		requireProblem(t, got, 429, "rate_exceeded")
		require.Equal(t, "1", got.header.Get("Retry-After"))
	}
	require.Equal(t, 200, b.get(t, "/v1/calls", from("203.0.113.2")...).status, "another one has its own")
	require.Equal(t, 200, b.get(t, "/healthz", from("203.0.113.1")...).status)
	require.Equal(t, 200, b.get(t, "/readyz", from("203.0.113.1")...).status)
	clock.move(time.Second)
	for range 2 {
		require.Equal(t, 200, b.get(t, "/v1/calls", from("203.0.113.1")...).status)
	}
	requireProblem(t, b.get(t, "/v1/calls", from("203.0.113.1")...), 429, "rate_exceeded")

	for _, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:0:ffff::4"} {
		require.Equal(t, 200, b.get(t, "/v1/calls", from(address)...).status)
	}
	requireProblem(t, b.get(t, "/v1/calls", from("2001:db8::5")...), 429, "rate_exceeded")
	require.Equal(t, 200, b.get(t, "/v1/calls", from("2001:db8:0:1::1")...).status, "another network")
}

func TestOneAccountHasItsShare(t *testing.T) {
	t.Parallel()
	clock := newStopped()
	b, _ := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.RateLimitAccount, cfg.Now = 1, clock.now
		cfg.WebhookSecrets = []string{"the-secret"}
		cfg.APIKeys = []httpapi.APIKey{{Account: "crm", Key: keyOfAcme}}
	})
	secret := []string{"X-Webhook-Secret", "the-secret"}
	for range 5 {
		requireProblem(t, b.post(t, "/v1/webhooks/crm", `{}`), 401, "unauthorized")
	}
	require.Equal(t, 200, b.post(t, "/v1/webhooks/crm", `{}`, secret...).status, "strangers use nothing up")
	require.Equal(t, 201, b.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`, "Authorization", "ApiKey "+keyOfAcme).status)
	requireProblem(t, b.post(t, "/v1/webhooks/crm", `{}`, secret...), 429, "rate_exceeded")
	requireNovuError(t, b.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`, "Authorization", "ApiKey "+keyOfAcme), 429, "/v1/events/trigger")
	require.Equal(t, 200, b.post(t, "/v1/webhooks/sales", `{}`, secret...).status, "another account has its own")
	clock.move(time.Second)
	require.Equal(t, 200, b.post(t, "/v1/webhooks/crm", `{}`, secret...).status)
	require.Equal(t, http.StatusOK, b.get(t, "/v1/calls", secret...).status, "reading is not counted")

	open, _ := setupTriggers(t, func(cfg *httpapi.Config) { cfg.RateLimitAccount, cfg.Now = 1, clock.now })
	for range 2 {
		require.Equal(t, 201, open.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`).status)
	}
	requireNovuError(t, open.post(t, "/v1/events/trigger", `{"name":"now","to":"a"}`), 429, "/v1/events/trigger")
}
