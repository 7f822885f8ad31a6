package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	const header = "appHash"
	two := []string{"the-old-secret", "the-new-secret"}
	for name, tc := range map[string]struct {
		secrets []string
		header  string
		sent    []string
		ok      bool
	}{
		"no secret configured":             {ok: true},
		"no secret configured, one sent":   {sent: []string{header, "x"}, ok: true},
		"the first":                        {secrets: two, sent: []string{header, two[0]}, ok: true},
		"the second":                       {secrets: two, sent: []string{header, two[1]}, ok: true},
		"another case of the header":       {secrets: two, sent: []string{"APPHASH", two[1]}, ok: true},
		"none sent":                        {secrets: two},
		"an empty one sent":                {secrets: two, sent: []string{header, ""}},
		"a wrong one":                      {secrets: two, sent: []string{header, "the-bad-secret"}},
		"the beginning of one":             {secrets: two, sent: []string{header, "the-old"}},
		"more than one":                    {secrets: two, sent: []string{header, "the-old-secrets"}},
		"both together":                    {secrets: two, sent: []string{header, "the-old-secretthe-new-secret"}},
		"another case of the secret":       {secrets: two, sent: []string{header, "The-Old-Secret"}},
		"in another header":                {secrets: two, sent: []string{"Authorization", two[0]}},
		"an empty secret lets nobody in":   {secrets: []string{""}},
		"an empty secret, an empty header": {secrets: []string{""}, sent: []string{header, ""}},
		"the default header":               {secrets: two, header: "-", sent: []string{"X-Webhook-Secret", two[0]}, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			configured := header
			if tc.header == "-" {
				configured = ""
			}
			b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookHeader, cfg.WebhookSecrets = configured, tc.secrets })
			for _, path := range []string{"/v1/webhooks", "/v1/webhooks/acme"} {
				got := b.post(t, path, `{}`, tc.sent...)
				if tc.ok {
					require.Equal(t, 200, got.status)
					continue
				}
				requireProblem(t, got, 401, "unauthorized")
				require.Equal(t, `Secret realm="webhookd", header="appHash"`, got.header.Get("WWW-Authenticate"))
			}
			if !tc.ok {
				require.Empty(t, b.intake.submissions())
			}
			for i := 1; i < len(tc.sent); i += 2 {
				if len(tc.sent[i]) > 3 {
					require.NotContains(t, b.log.String(), tc.sent[i])
				}
			}
		})
	}
}

func TestStrangersMayNotSendMuch(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets = []string{"the-secret"} })
	large := bytes.Repeat([]byte("x"), 100<<10)

	requireProblem(t, b.do(t, http.MethodPost, "/v1/webhooks", bytes.NewReader(large)), 401, "unauthorized")
	chunked := struct{ io.Reader }{bytes.NewReader(large)}
	got := requireProblem(t, b.do(t, http.MethodPost, "/v1/webhooks", chunked), 413, "body_too_large")
	require.Contains(t, got.Detail, "without a valid secret")
	requireProblem(t, b.post(t, "/v1/webhooks", strings.Repeat("x", 10<<10)), 401, "unauthorized")
	require.Empty(t, b.intake.submissions())

	secret := []string{"X-Webhook-Secret", "the-secret"}
	require.Equal(t, 200, b.do(t, http.MethodPost, "/v1/webhooks", bytes.NewReader(large), secret...).status)
	require.Equal(t, 200, b.do(t, http.MethodPost, "/v1/webhooks", struct{ io.Reader }{bytes.NewReader(large)}, secret...).status)
	require.Len(t, b.intake.submissions(), 2)
}

func TestOpenServerIsLocal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		headers []string
		ok      bool
	}{
		"no browser":                {ok: true},
		"localhost":                 {headers: []string{"Host", "localhost:8080"}, ok: true},
		"in capitals":               {headers: []string{"Host", "LOCALHOST"}, ok: true},
		"an IPv6 address":           {headers: []string{"Host", "[::1]:8080"}, ok: true},
		"an IPv6 address, no port":  {headers: []string{"Host", "[::1]"}, ok: true},
		"its own page":              {headers: []string{"Host", "localhost:8080", "Origin", "http://localhost:8080"}, ok: true},
		"a name pointed at us":      {headers: []string{"Host", "evil.example:8080"}},
		"a page of that name":       {headers: []string{"Host", "evil.example:8080", "Origin", "http://evil.example:8080"}},
		"a name that looks local":   {headers: []string{"Host", "localhost.evil.example"}},
		"a name that looks like IP": {headers: []string{"Host", "127.0.0.1.evil.example"}},
		"another page":              {headers: []string{"Origin", "https://evil.example"}},
		"another port's page":       {headers: []string{"Host", "localhost:8080", "Origin", "http://localhost:3000"}},
		"a page of a file":          {headers: []string{"Origin", "null"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			for method, path := range map[string]string{"POST": "/v1/webhooks", "GET": "/v1/calls"} {
				got := b.do(t, method, path, strings.NewReader(`{}`), tc.headers...)
				if tc.ok {
					require.Equal(t, 200, got.status, "%s", got.body)
				} else {
					requireProblem(t, got, 403, "not_local")
				}
			}
			require.Equal(t, tc.ok, len(b.intake.submissions()) == 1)
			require.Equal(t, 200, b.get(t, "/healthz", tc.headers...).status)

			b = setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{"s"}, true })
			got := b.post(t, "/v1/webhooks", `{}`, append([]string{"X-Webhook-Secret", "s"}, tc.headers...)...)
			require.Equal(t, 200, got.status, "where everything asks for a secret any host will do")
		})
	}
}

// A server that others can reach shows calls to nobody without the secret; health stays open.
func TestGuardReads(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-some-length"
	b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{secret}, true })
	for path, status := range map[string]int{
		"/": 200, "/v1/calls": 200, "/v1/calls/" + aCall: 404, "/v1/calls/" + aCall + "/timeline": 404,
		"/v1/dialogs/" + aCall: 404,
	} {
		requireProblem(t, b.get(t, path), 401, "unauthorized")
		requireProblem(t, b.get(t, path, "X-Webhook-Secret", "wrong"), 401, "unauthorized")
		require.Equal(t, status, b.get(t, path, "X-Webhook-Secret", secret).status, path)
	}
	require.Equal(t, 200, b.get(t, "/healthz").status)
	require.Equal(t, 200, b.get(t, "/readyz").status)

	// A listener that only this machine's programs reach asks for nothing, but it looks who they are: that webhooks need a
	// secret says nothing of who reads.
	local := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets = []string{secret} })
	require.Equal(t, 200, local.get(t, "/v1/calls").status)
	for _, headers := range [][]string{
		{"Host", "evil.example.com"},
		{"Origin", "https://evil.example.com"},
		{"Host", "evil.example.com", "X-Webhook-Secret", secret},
	} {
		requireProblem(t, local.get(t, "/v1/calls", headers...), 403, "not_local")
		requireProblem(t, local.post(t, "/v1/calls/"+aCall+"/close", "", headers...), 403, "not_local")
	}

	// Where nothing could be shown, nobody is let in either.
	none := setup(t, func(cfg *httpapi.Config) { cfg.GuardReads = true })
	require.Contains(t, requireProblem(t, none.get(t, "/v1/calls"), 401, "unauthorized").Detail, "read_tokens")
}
