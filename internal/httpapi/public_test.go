package httpapi_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

// outside is what a listener that the internet reaches has; nothing else is there, whatever somebody may know.
var outside = []string{
	"GET /healthz", "GET /readyz", "POST /v1/webhooks", "POST /v1/webhooks/:account",
	"POST /v1/events/trigger", "POST /v1/events/trigger/bulk", "POST /v1/events/trigger/broadcast",
	"GET /v1/events/trigger/broadcast/:transaction_id", "DELETE /v1/events/trigger/+",
	"GET /v1/subscribers", "POST /v1/subscribers", "GET /v1/subscribers/:subscriber_id", "PUT /v1/subscribers/:subscriber_id",
	"DELETE /v1/subscribers/:subscriber_id",
	"GET /v1/topics", "POST /v1/topics", "GET /v1/topics/:topic_key", "PATCH /v1/topics/:topic_key", "DELETE /v1/topics/:topic_key",
	"GET /v1/topics/:topic_key/subscribers", "POST /v1/topics/:topic_key/subscribers",
	"POST /v1/topics/:topic_key/subscribers/removal",
}

func TestThePublicListenerHasWhatIsForOutsideAndNothingElse(t *testing.T) {
	t.Parallel()
	var routes [][2]string
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) {
		routes = httpapi.Routes(httpapi.New(*cfg))
		cfg.Public = true
	})
	var found []string
	for _, route := range httpapi.Routes(b.server) {
		if route[0] != http.MethodHead {
			found = append(found, route[0]+" "+route[1])
		}
	}
	require.ElementsMatch(t, outside, found)
	require.Greater(t, len(routes), len(found)+20, "there is more inside")
	for _, path := range []string{"/", "/calls", "/login", "/v1", "/v1/calls", "/v1/stream", "/v1/stats", "/v1/handlers", "/metrics", "/openapi.json", "/debug/pprof/"} {
		got := b.get(t, path, bearer(tokenOfAll)...)
		requireProblem(t, got, 404, "route_not_found")
	}
}

func TestProfilesAreForThoseWhoMaySeeEverything(t *testing.T) {
	t.Parallel()
	profiles := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "profile of "+r.URL.Path) })
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) { cfg.Profiles = profiles })
	got := b.get(t, "/debug/pprof/heap", bearer(tokenOfAll)...)
	require.Equal(t, 200, got.status)
	require.Equal(t, "profile of /debug/pprof/heap", string(got.body))
	require.NotEqual(t, 200, b.get(t, "/debug/pprof/heap", bearer(tokenOfAcme)...).status)
	require.NotEqual(t, 200, b.get(t, "/debug/pprof/heap").status)
}

func TestOneAddressHoldsSoManyConnectionsAndNoMore(t *testing.T) {
	t.Parallel()
	const most = 5
	b := setup(t, func(cfg *httpapi.Config) { cfg.MaxConnectionsAddress = most })
	ask := func(conn net.Conn) error {
		_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if err == nil {
			_, err = conn.Read(make([]byte, 4096))
		}
		return err
	}
	var held []net.Conn
	for range most {
		conn := b.dial(t)
		require.NoError(t, ask(conn))
		held = append(held, conn)
	}
	require.Error(t, ask(b.dial(t)), "one more is closed")
	require.NoError(t, ask(held[0]), "those that are open stay")
	require.NoError(t, held[0].Close())
	require.Eventually(t, func() bool { return ask(b.dial(t)) == nil }, 10*time.Second, 10*time.Millisecond, "there is room again")
}

func TestATrustedProxyHoldsAsManyConnectionsAsItNeeds(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.MaxConnectionsAddress, cfg.TrustedProxies = 1, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for range 3 {
		conn := b.dial(t)
		_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, 200, readRaw(t, conn).status)
	}
}

// As many as the server takes are held by clients that send nothing: others are told so at once, and come in as soon as
// those have been cut off for being slow.
func TestSlowClientsDoNotKeepOthersOutForLong(t *testing.T) {
	t.Parallel()
	const most = 20
	b := setup(t, func(cfg *httpapi.Config) { cfg.MaxConnections, cfg.ReadTimeout = most, 500*time.Millisecond })
	var slow []net.Conn
	for range most {
		conn := b.dial(t)
		_, err := io.WriteString(conn, "POST /v1/webhooks HTTP/1.1\r\nX-Slow: ")
		require.NoError(t, err)
		slow = append(slow, conn)
	}
	require.Eventually(t, func() bool {
		response, err := b.client.Get("http://" + b.addr + "/healthz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	for _, conn := range slow {
		answered, _ := io.ReadAll(conn)
		require.True(t, strings.HasPrefix(string(answered), "HTTP/1.1 408 "), "%s", answered)
	}
}

// One connection more than may be open is answered 503, and those that are open are not disturbed.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.MaxConnections = 2 })
	ask := func(conn net.Conn) {
		t.Helper()
		_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, 200, readRaw(t, conn).status)
	}
	first, second := b.dial(t), b.dial(t)
	ask(first)
	ask(second)
	told, err := io.ReadAll(b.dial(t))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(told), "HTTP/1.1 503 "), "%s", told)
	ask(first)
}

// On a listener of this machine where nobody is asked who reads, no page in a browser reads by a name of its own that it
// points here.
func TestNoWebPageReadsWhereNobodyIsAsked(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.WebhookSecrets = []string{"a-secret-of-the-test"}
	})
	require.Equal(t, 200, b.get(t, "/v1/calls").status)
	requireProblem(t, b.get(t, "/v1/calls", "Host", "evil.example.com"), 403, "not_local")
	requireProblem(t, b.get(t, "/v1/calls", "Origin", "https://evil.example.com"), 403, "not_local")
}

// The secret that the PBX has lets hand webhooks in, and nothing be done about persons.
func TestTheWebhookSecretIsNoKeyToPersons(t *testing.T) {
	t.Parallel()
	b := setupTwoAccounts(t, func(cfg *httpapi.Config) {
		cfg.GuardReads, cfg.WebhookSecrets = true, []string{"a-secret-of-the-test"}
	})
	secret := []string{"X-Webhook-Secret", "a-secret-of-the-test"}
	for _, account := range []string{"", "?account=acme"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			got := b.do(t, method, "/v1/contacts/"+contactOfDefault+account, nil, secret...)
			require.Contains(t, []int{401, 403}, got.status, "%s %s", method, got.body)
		}
	}
	require.Equal(t, 200, b.get(t, "/v1/contacts/"+contactOfDefault+"?account=acme", "Authorization", "ApiKey "+keyOfAcme).status)
	bare := setup(t, func(cfg *httpapi.Config) { // neither keys nor tokens, and others reach it
		cfg.GuardReads, cfg.WebhookSecrets = true, []string{"a-secret-of-the-test"}
		cfg.Persons = persons(openStore(t))
	})
	requireProblem(t, bare.get(t, "/v1/contacts/48501502503", secret...), 403, "read_only")
	requireProblem(t, bare.do(t, http.MethodDelete, "/v1/contacts/48501502503", nil, secret...), 403, "read_only")
}
