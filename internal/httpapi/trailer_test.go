package httpapi_test

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

// What comes behind a chunked body is no header: neither an address nor a secret, and what stands before it stays as it is.
func TestTrailersAreNoHeaders(t *testing.T) {
	t.Parallel()
	networks := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.WebhookSecrets, cfg.GuardReads = []string{"the-secret"}, true
		cfg.WebhookSources, cfg.TrustedProxies = networks("203.0.113.0/24"), networks("127.0.0.0/8")
	})
	send := func(request, headers, body, trailers string) answer {
		conn := b.dial(t)
		chunk := ""
		if body != "" {
			chunk = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
		}
		_, err := io.WriteString(conn, request+" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"+headers+
			"Transfer-Encoding: chunked\r\n\r\n"+chunk+"0\r\n"+trailers+"\r\n")
		require.NoError(t, err)
		return readRaw(t, conn)
	}
	const (
		post   = "POST /v1/webhooks"
		secret = "X-Webhook-Secret: the-secret\r\n"
		inside = "X-Forwarded-For: 203.0.113.5\r\n"
		other  = "X-Forwarded-For: 198.51.100.7\r\n"
	)
	require.Equal(t, 200, send(post, secret+inside, `{"n":1}`, "").status)
	require.Equal(t, 200, send(post, secret+inside, `{"n":2}`, other+"X-Checksum: 1\r\n").status, "the sender's are left as they are")
	requireProblem(t, send(post, secret+other, `{"n":3}`, ""), 403, "source_refused")
	requireProblem(t, send(post, secret+other, `{"n":4}`, inside), 403, "source_refused")
	requireProblem(t, send(post, secret, `{"n":5}`, inside), 403, "source_refused")
	requireProblem(t, send(post, inside, `{"n":6}`, secret), 401, "unauthorized")
	requireProblem(t, send("GET /v1/calls", "", "", secret), 401, "unauthorized")
	requireProblem(t, send("GET /v1/calls", "", "{}", strings.ToLower(secret)), 401, "unauthorized")
	require.Len(t, b.intake.submissions(), 2)
	require.JSONEq(t, `{"n":2}`, string(b.intake.submissions()[1].body))
}
