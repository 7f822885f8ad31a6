package callout_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

// echo answers with all that it was sent, as receivers that report errors do.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	for name, values := range r.Header {
		for _, value := range values {
			_, _ = io.WriteString(w, name+"="+value+"\n")
		}
	}
	user, password, _ := r.BasicAuth()
	_, _ = io.WriteString(w, user+" "+password+"\n"+r.URL.String()+"\n"+string(body))
}

func TestSecretsAreHiddenWhereverTheyStand(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "theirs=hunter2-of-theirs")
		w.Header().Set("X-Auth-Token", "hunter2-of-theirs")
		w.Header().Set("Location", "http://user:hunter2-of-theirs@example.com/?access_token=hunter2-of-theirs&b=1")
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		echo(w, r)
	})
	client := newClient(t, func(cfg *callout.Config) {
		cfg.Secrets = []string{"hunter2/configured", "", `hunter2 "quoted" & <more>`}
	})
	result := client.Do(t.Context(), callout.Call{
		Method: "POST",
		URL: strings.Replace(server.URL, "http://", "http://user:hunter2-of-the-URL@", 1) +
			"/hunter2%2Fconfigured/?api_key=hunter2-of-the-query&b=hunter2%2Fconfigured&c=1;token=hunter2%20more#hunter2",
		Header: http.Header{
			"Cookie":           {"id=hunter2-of-the-cookie; open=1"},
			"X-Api-Key":        {"hunter2-of-the-header"},
			"X-Hub-Signature":  {"sha1=hunter2-of-the-hub"},
			"X-Amz-Credential": {"hunter2-of-amz"},
			"X-Open":           {"is hunter2/configured there?"},
		},
		Body: []byte(`{"a":"hunter2/configured","b":"hunter2\/configured","c":"hunter2 \"quoted\" & <more>",` +
			`"d":"hunter2 \"quoted\" \u0026 \u003cmore\u003e","e":"hunter2-to-sign"}`),
		Secret:    "whsec_aHVudGVyMi10by1zaWdu", // hunter2-to-sign
		MessageID: "msg-1",
	})
	require.Equal(t, callout.Success, result.Status)
	for name, shown := range map[string]string{
		"URL": result.URL, "request": result.RequestTrace, "response": result.ResponseTrace, "body": string(result.Body),
	} {
		require.NotContains(t, shown, "hunter2", name)
		require.NotContains(t, shown, "aHVudGVyMi10by1zaWdu", name)
		require.NotContains(t, shown, "v1,", name)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	require.Equal(t, "http://REDACTED@"+host+"/REDACTED/?api_key=REDACTED&b=REDACTED&c=1;token=REDACTED", result.URL)
	require.Equal(t, "POST /REDACTED/?api_key=REDACTED&b=REDACTED&c=1;token=REDACTED HTTP/1.1\r\n"+
		"Host: "+host+"\r\n"+
		"User-Agent: webhookd\r\n"+
		"Content-Length: 157\r\n"+
		"Authorization: REDACTED\r\n"+
		"Content-Type: application/json\r\n"+
		"Cookie: REDACTED\r\n"+
		"Webhook-Id: msg-1\r\n"+
		"Webhook-Signature: REDACTED\r\n"+
		"Webhook-Timestamp: 1598372681\r\n"+
		"X-Amz-Credential: REDACTED\r\n"+
		"X-Api-Key: REDACTED\r\n"+
		"X-Hub-Signature: REDACTED\r\n"+
		"X-Open: is REDACTED there?\r\n"+
		"Accept-Encoding: gzip\r\n\r\n"+
		`{"a":"REDACTED","b":"REDACTED","c":"REDACTED","d":"REDACTED","e":"REDACTED"}`, result.RequestTrace)
	require.Contains(t, result.ResponseTrace, "\r\nLocation: http://REDACTED@example.com/?access_token=REDACTED&b=1\r\n")
	require.Contains(t, result.ResponseTrace, "\r\nSet-Cookie: REDACTED\r\n")
	require.Contains(t, result.ResponseTrace, "\r\nX-Auth-Token: REDACTED\r\n")
	require.Contains(t, result.ResponseTrace, "\r\nX-Echo: REDACTED\r\n")
}

// Hiding makes the text shorter, and what moves up from behind the limit may be half a secret as well.
func TestManySecretsDoNotLetTheLastOneShow(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-and-much-more"
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat(secret, 50)) })
	for limit := 85; limit < 120; limit++ {
		client := newClient(t, func(cfg *callout.Config) { cfg.Secrets, cfg.MaxResponse = []string{secret}, limit })
		result := client.Do(t.Context(), callout.Call{URL: server.URL})
		require.NotContains(t, string(result.Body), "hun", limit)
		require.NotContains(t, result.ResponseTrace, "hun", limit)
		require.True(t, result.Truncated)
	}
}

// A secret must not show its beginning because the limit cuts it in two.
func TestASecretAtTheLimitIsHiddenAsAWhole(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-and-much-more"
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 90)+secret+strings.Repeat("y", 1000))
	})
	for limit := 85; limit < 120; limit++ {
		client := newClient(t, func(cfg *callout.Config) { cfg.Secrets, cfg.MaxResponse = []string{secret}, limit })
		result := client.Do(t.Context(), callout.Call{URL: server.URL})
		require.NotContains(t, string(result.Body), "hun", limit)
		require.NotContains(t, result.ResponseTrace, "hun", limit)
		require.True(t, result.Truncated)
		require.LessOrEqual(t, len(result.Body), limit)
	}
	client := newClient(t, func(cfg *callout.Config) { cfg.Secrets, cfg.MaxResponse = []string{secret}, 1098 })
	result := client.Do(t.Context(), callout.Call{URL: server.URL})
	require.Equal(t, strings.Repeat("x", 90)+"REDACTED"+strings.Repeat("y", 1000), string(result.Body))
	require.False(t, result.Truncated, "it was read to its end")
}

func TestWhatOnlySoundsSecretIsShown(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(http.ResponseWriter, *http.Request) {})
	result := newClient(t).Do(t.Context(), callout.Call{
		URL: server.URL + "/?account_key=default&author=me&monkey=1&keyboard=2&spin=3&%zz=4",
		Header: http.Header{
			"Idempotency-Key": {"0123456789"}, "X-Author": {"somebody"}, "Accept": {"*/*"}, "X-Key": {"short"},
		},
	})
	require.Contains(t, result.RequestTrace,
		"GET /?account_key=default&author=me&monkey=1&keyboard=2&spin=3&%zz=REDACTED HTTP/1.1\r\n")
	require.Contains(t, result.RequestTrace,
		"\r\nAccept: */*\r\nIdempotency-Key: 0123456789\r\nX-Author: somebody\r\nX-Key: REDACTED\r\n")
}
