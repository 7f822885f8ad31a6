package callout_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

// received is what a receiver got of a request.
type received struct {
	header http.Header
	body   []byte
}

// receive makes a call and gives what the receiver got.
func receive(t *testing.T, client *callout.Client, call callout.Call) received {
	t.Helper()
	got := make(chan received, 1)
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header, body}
	})
	call.URL = server.URL
	require.Equal(t, callout.Success, client.Do(t.Context(), call).Status)
	return <-got
}

// The signatures were worked out with openssl:
//
//	printf '%s' 'ID.1598372681.BODY' | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY -binary | base64
func TestASignatureIsTheHMACOfIDTimeAndBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ secret, method, body, want string }{
		"base64 with its prefix": {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "POST", `{"test": 2432232314}`, "v1,AlfuStHBWkKI2mM9WgvhRQvJEGw1xhsd/G9puCIVszo="},
		"plain":                  {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "POST", `{"test": 2432232314}`, "v1,5s9OgxfQ+tH2/Y9ni36tCJJgZr++euytzdNFqKSqcRE="},
		"no body":                {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "GET", "", "v1,jFwIwoVPnWJji2+oDy6IHfTkXYCwbyLuVaV6xc8TgZE="},
	} {
		got := receive(t, newClient(t), callout.Call{
			Method: c.method, Body: []byte(c.body), Secret: c.secret, MessageID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
			Header: http.Header{"Webhook-Id": {"forged"}, "webhook-timestamp": {"1"}, "WEBHOOK-SIGNATURE": {"v1,forged"}},
		})
		require.Equal(t, []string{"msg_p5jXN8AQM9LWM0D4loKWxJek"}, got.header.Values("Webhook-Id"), name)
		require.Equal(t, []string{"1598372681"}, got.header.Values("Webhook-Timestamp"), name)
		require.Equal(t, []string{c.want}, got.header.Values("Webhook-Signature"), name)
	}
}

func TestTheirLibraryVerifiesOurSignatures(t *testing.T) {
	t.Parallel()
	const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	encoded, err := standardwebhooks.NewWebhook("whsec_" + secret)
	require.NoError(t, err)
	plain, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	require.NoError(t, err)
	client := newClient(t, func(cfg *callout.Config) { cfg.Now = time.Now }) // they look at the time
	call := callout.Call{Method: "POST", Body: []byte(`{"name":"Żółw"}`), Secret: "whsec_" + secret, MessageID: "f3f8a1c2"}
	got := receive(t, client, call)
	require.NoError(t, encoded.Verify(got.body, got.header))
	require.Error(t, encoded.Verify(append(got.body, ' '), got.header))
	require.Error(t, plain.Verify(got.body, got.header))

	call.Secret = secret
	got = receive(t, client, call)
	require.NoError(t, plain.Verify(got.body, got.header))
	require.Error(t, encoded.Verify(got.body, got.header))
}

func TestWithoutASecretOnlyTheIDIsSent(t *testing.T) {
	t.Parallel()
	got := receive(t, newClient(t), callout.Call{Method: "POST", Body: []byte("{}"), MessageID: "f3f8a1c2"})
	require.Equal(t, "f3f8a1c2", got.header.Get("Webhook-Id"))
	require.NotContains(t, got.header, "Webhook-Timestamp")
	require.NotContains(t, got.header, "Webhook-Signature")
	got = receive(t, newClient(t), callout.Call{Method: "POST", Body: []byte("{}")})
	require.NotContains(t, got.header, "Webhook-Id")
}
