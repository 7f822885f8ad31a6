package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/tlsfile/tlstest"
)

// A service as one would put it on the internet: what is public speaks TLS and has nothing to look at, what is internal has
// tokens, the embedded NATS server has users and TLS.
func TestAServiceOnTheInternet(t *testing.T) {
	t.Parallel()
	dir, authority := t.TempDir(), tlstest.NewAuthority(t)
	certFile, keyFile := authority.Issue(dir, "webhooks.example.com")
	file := filepath.Join(dir, "webhookd.yaml")
	write := strings.NewReplacer("CERT", certFile, "KEY", keyFile, "DIR", dir).Replace(`
internal_listen: 127.0.0.1:0
tls_cert_file: CERT
tls_key_file: KEY
nats_listen_cert_file: CERT
nats_listen_key_file: KEY
data_dir: DIR/data
webhook_secret: the-secret-of-the-pbx
read_tokens: [the-token-of-the-board]
nats_users:
  - {name: crm, account: crm, secret: the-password-of-crm}
  - {name: everybody, secret: "the password: of all"}
`)
	require.NoError(t, os.WriteFile(file, []byte(write), 0o600))
	demo, err := filepath.Abs(filepath.Join(top, "fixtures", "outbound_answered", "webhooks.ndjson"))
	require.NoError(t, err)
	s := startService(t, nil, "--config", file, "--demo", demo, "--settle-delay", "1s")
	var where struct {
		Internal string `json:"internal"`
		NATS     string `json:"nats"`
	}
	for line := range strings.Lines(s.stderr.text()) {
		if strings.Contains(line, `"msg":"serving"`) {
			require.NoError(t, json.Unmarshal([]byte(line), &where))
		}
	}
	require.True(t, strings.HasPrefix(where.Internal, "http://127.0.0.1:"), "on loopback nothing is to be encrypted")
	require.True(t, strings.HasPrefix(where.NATS, "tls://127.0.0.1:"), where.NATS)
	s.next(s.stdout, "call_ended") // the demonstration found its way through all of it

	trust := authority.Client()
	transport := &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: patience}
	status := func(url string, headers ...string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		return response.StatusCode
	}
	public, token := "https://"+s.HTTP, []string{"Authorization", "Bearer the-token-of-the-board"}
	assert.Equal(t, 200, status(public+"/readyz"))
	assert.Equal(t, 404, status(public+"/v1/calls", token...))
	assert.Equal(t, 404, status(public+"/metrics", token...))
	assert.Equal(t, 401, status(where.Internal+"/v1/calls"))
	assert.Equal(t, 200, status(where.Internal+"/v1/calls", token...))
	assert.Equal(t, 200, status(where.Internal+"/metrics", token...))
	assert.Equal(t, 200, status(where.Internal+"/debug/pprof/goroutine?debug=1", token...))
	assert.Equal(t, 404, status(where.Internal+"/debug/pprof/cmdline", token...), "the command line may hold secrets")
	assert.Equal(t, 401, status(where.Internal+"/debug/pprof/goroutine"))

	// A new certificate is taken while it runs.
	renewed := tlstest.NewAuthority(t)
	renewed.Issue(dir, "webhooks.example.com")
	transport.TLSClientConfig = renewed.Client()
	require.Eventually(t, func() bool {
		response, err := client.Get(public + "/healthz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, patience, 50*time.Millisecond)

	// On NATS, too: it is the same file. Nobody comes in without saying who they are.
	_, err = nats.Connect(where.NATS, nats.Secure(renewed.Client()))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	crm, err := nats.Connect(where.NATS, nats.Secure(renewed.Client()), nats.UserInfo("crm", "the-password-of-crm"),
		nats.CustomInboxPrefix("_INBOX.crm"))
	require.NoError(t, err)
	t.Cleanup(crm.Close)
	answer, err := crm.Request("webhookd.calls.active.crm", nil, patience)
	require.NoError(t, err)
	assert.JSONEq(t, `{"calls":[],"next":null}`, string(answer.Data))

	// Commands find it by the same set-up, and trust the certificate that is in it.
	found := filepath.Join(dir, "found.yaml")
	write = strings.Replace(write, "internal_listen: 127.0.0.1:0", "internal_listen: "+strings.TrimPrefix(where.Internal, "http://"), 1)
	write += "nats_listen: " + strings.TrimPrefix(where.NATS, "tls://") + "\n"
	require.NoError(t, os.WriteFile(found, []byte(write), 0o600))
	tail := start(t, nil, "tail", "--config", found, "--all", "--count", "1")
	assert.Zero(t, tail.wait())
	assert.Contains(t, tail.stdout.text(), "dialog_ringing")
	assert.Zero(t, start(t, nil, "replay", "--config", found, demo).wait())
	found = filepath.Join(dir, "outside.yaml")
	write = strings.Replace(write, "internal_listen: ", "listen: "+s.HTTP+" # ", 1)
	require.NoError(t, os.WriteFile(found, []byte(write), 0o600))
	assert.Zero(t, start(t, nil, "replay", "--config", found, demo).wait(), "over TLS, too")

	for _, secret := range []string{"the-secret-of-the-pbx", "the-token-of-the-board", "the-password-of-crm", "the password: of all"} {
		assert.NotContains(t, s.stderr.text()+s.stdout.text(), secret)
	}
}

// A service on loopback with a secret has a proxy before it, whose clients are the internet. Whoever has no credentials sees
// and changes nothing there, whatever Host they send; the commands of this machine find it all the same.
func TestAServiceBehindAProxyOnTheInternet(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"a secret":                  "webhook_secret: [the-secret-of-the-pbx]",
		"an account's secret":       "accounts: {crm: {webhook_auth: [{type: bearer, secret: the-secret-of-the-pbx}]}}",
		"a token of webhooks":       "tokens: [{name: pbx, account: crm, scopes: [webhooks], secret: the-secret-of-the-pbx}]",
		"a proxy that is known":     "trusted_proxies: [127.0.0.0/8]",
		"a secret and a read token": "{webhook_secret: [the-secret-of-the-pbx], read_tokens: [the-token-of-the-board]}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "webhookd.yaml")
			require.NoError(t, os.WriteFile(file, []byte(set+"\n"), 0o600))
			s := startService(t, nil, "--config", file)
			for _, host := range []string{"", "evil.example.com", "localhost"} {
				for _, route := range []string{
					"GET /v1/calls", "GET /v1/calls?account=crm", "GET /metrics", "GET /v1/stream", "GET /v1/stream/calls", "GET /v1/handlers",
					"GET /v1/quarantine", "GET /v1/stats", "POST /v1/handlers", "PUT /v1/handlers/x", "POST /v1/events/trigger",
					"POST /v1/subscribers", "DELETE /v1/quarantine/1", "POST /v1/calls/" + noSuch + "/close",
					"GET /v1/contacts/48501502503", "DELETE /v1/contacts/48501502503?dry_run=true",
				} {
					method, path, _ := strings.Cut(route, " ")
					request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.HTTP+path, strings.NewReader(`{}`))
					require.NoError(t, err)
					request.Host = host
					response, err := http.DefaultClient.Do(request)
					require.NoError(t, err)
					require.NoError(t, response.Body.Close())
					require.Contains(t, []int{401, 403}, response.StatusCode, "%s with Host %q", route, host)
				}
			}
			require.Zero(t, start(t, nil, "healthcheck", "--config", file, "--url", "http://"+s.HTTP).wait())
		})
	}
}

// Commands on the machine itself find what they need to show in the set-up, whatever their service asks for.
func TestCommandsReachTheirServiceBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"a secret and keys": "webhook_secret: [the-secret-of-the-pbx]\napi_keys: [the-key]\nread_tokens: [the-token-of-the-board]\n",
		"a secret and tokens": "webhook_secret: [the-secret-of-the-pbx]\ntokens:\n" +
			"  - {name: other, account: crm, scopes: [admin, triggers], secret: the-token-of-the-crm}\n" +
			"  - {name: change, account: default, scopes: [admin], secret: the-token-that-changes}\n" +
			"  - {name: try, account: default, scopes: [triggers], secret: the-token-that-tries}\n" +
			"  - {name: look, scopes: [read], secret: the-token-that-looks}\n",
		"a key alone": "trusted_proxies: [192.0.2.0/24]\napi_keys: [the-key]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "webhookd.yaml")
			require.NoError(t, os.WriteFile(file, []byte(set), 0o600))
			s := startService(t, nil, "--config", file, "--handlers", handlersFile(t))
			require.NoError(t, os.WriteFile(file, []byte(set+"listen: "+s.HTTP+"\n"), 0o600))
			require.Zero(t, start(t, nil, "healthcheck", "--config", file).wait())
			r := start(t, nil, "handlers", "list", "--config", file)
			require.Zero(t, r.wait(), r.stderr.text())
			require.Contains(t, r.stdout.text(), "of-file")
			r = start(t, nil, "close", "--config", file, noSuch)
			require.Equal(t, exitFailure, r.wait())
			require.Contains(t, r.stderr.text(), "404", "it may, and there is no such call")
			r = start(t, nil, "handlers", "test", "of-file", "--config", file, "--call", noSuch)
			require.Equal(t, exitFailure, r.wait())
			require.Contains(t, r.stderr.text(), "404")
		})
	}
}

func handlersFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "handlers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("handlers:\n  - {name: of-file, on: api, do: [{type: send_msg, text: x}]}\n"), 0o600))
	return file
}

// Every limit and every list of who may send what reaches the door: a service without one of them would take what it is set up
// to refuse, and nobody would notice.
func TestWhatIsSetUpForTheInternetIsInForce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
webhook_secret: the-secret-of-all
webhook_sources: [203.0.113.0/24, 198.51.100.0/24]
trusted_proxies: [127.0.0.0/8]
rate_limit_address: 1
rate_limit_account: 1
accounts:
  crm:
    webhook_auth: [{type: bearer, secret: the-secret-of-crm}]
    webhook_sources: [203.0.113.0/24]
`), 0o600))
	s := startService(t, nil, "--config", file)
	sent := 0
	send := func(path, from string, headers ...string) int {
		t.Helper()
		sent++
		body := strings.NewReader(fmt.Sprintf(`{"event_name":"x","n":%d}`, sent))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.HTTP+path, body)
		require.NoError(t, err)
		request.Header.Set("X-Forwarded-For", from)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	all, crm := []string{"X-Webhook-Secret", "the-secret-of-all"}, []string{"Authorization", "Bearer the-secret-of-crm"}
	assert.Equal(t, 401, send("/v1/webhooks/crm", "203.0.113.1", all...), "webhook_auth")
	assert.Equal(t, 200, send("/v1/webhooks/crm", "203.0.113.2", crm...))
	assert.Equal(t, 403, send("/v1/webhooks/crm", "198.51.100.1", crm...), "webhook_sources of the account")
	assert.Equal(t, 403, send("/v1/webhooks/sales", "192.0.2.1", all...), "webhook_sources")
	assert.Equal(t, 200, send("/v1/webhooks/sales", "203.0.113.3", all...), "trusted_proxies")
	limited := func(path string, from func(n int) string, headers ...string) func() bool {
		return func() bool {
			for n := range 200 {
				if send(path, from(n), headers...) == http.StatusTooManyRequests {
					return true
				}
			}
			return false
		}
	}
	assert.Condition(t, limited("/v1/webhooks/other", func(n int) string { return fmt.Sprintf("198.51.100.%d", n+2) }, all...),
		"rate_limit_account: each comes from an address of its own")
	assert.Condition(t, limited("/v1/nothing", func(int) string { return "203.0.113.4" }),
		"rate_limit_address: none is for an account")
}

// So do the limits of connections.
func TestConnectionsAreBoundedAsSetUp(t *testing.T) {
	t.Parallel()
	hold := func(s *service, count int) net.Conn {
		t.Helper()
		var last net.Conn
		for n := range count + 1 {
			conn, err := net.Dial("tcp", s.HTTP)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			if last = conn; n == count {
				break
			}
			_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			require.NoError(t, err)
			begin := make([]byte, len("HTTP/1.1 200"))
			_, err = io.ReadFull(conn, begin)
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 200", string(begin))
		}
		return last
	}
	all := startService(t, nil, "--max-connections", "16")
	told, err := io.ReadAll(hold(all, 16))
	require.NoError(t, err)
	require.Contains(t, string(told), "503", "max_connections")

	single := startService(t, nil, "--max-connections-address", "4")
	told, err = io.ReadAll(hold(single, 4))
	if err == nil { // or it was reset
		require.Empty(t, told, "max_connections_address: without a word")
	}
}
