package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// tally is what metrics would be told.
type tally struct {
	mu  sync.Mutex
	got []string
}

func (c *tally) answered(account, result string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took < 0 {
		result += " in no time"
	}
	c.got = append(c.got, account+" "+result)
}

func TestEveryWebhookIsCountedByWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	secret := []string{"X-Webhook-Secret", "right"}
	for _, c := range []struct {
		name    string
		answer  ingest.Answer
		err     error
		path    string
		body    string
		headers []string
		want    []string
	}{
		{name: "accepted", want: []string{"default accepted"}, answer: ingest.Answer{Result: ingest.Accepted}},
		{
			name: "of an account", path: "/v1/webhooks/acme", want: []string{"acme duplicate"},
			answer: ingest.Answer{Result: ingest.Duplicate},
		},
		{name: "ignored", want: []string{"default ignored"}, answer: ingest.Answer{Result: ingest.Ignored}},
		{name: "spooled", want: []string{"default spooled"}, answer: ingest.Answer{Result: ingest.Accepted, Spooled: true}},
		{
			name: "refused", want: []string{"default refused"},
			err: &ingest.RefusedError{Code: "malformed_json", Reason: "no JSON"},
		},
		{name: "too large", body: strings.Repeat("x", 2<<20), want: []string{"default refused"}},
		{name: "compressed", headers: []string{"Content-Encoding", "gzip"}, want: []string{"default refused"}},
		{name: "wrong secret", headers: []string{"X-Webhook-Secret", "wrong"}, want: []string{"default unauthorized"}},
		{
			name: "no database and no spool", want: []string{"default unavailable"},
			err: fmt.Errorf("commit: %w", store.ErrUnavailable),
		},
		{name: "busy", want: []string{"default unavailable"}, err: ingest.ErrBusy},
		{name: "a fault", want: []string{"default failed"}, err: errors.New("unexpected")},
		{name: "no account", path: "/v1/webhooks/a.b", want: []string{"a.b unfit"}},
		{name: "no webhook", path: "/v1/nothing"},
		{name: "no webhook either", path: "/v1/webhooksx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			count := &tally{}
			b := setup(t, func(cfg *httpapi.Config) {
				cfg.WebhookSecrets, cfg.Answered = []string{"right"}, count.answered
				cfg.BodyLimit = 1 << 20
			})
			b.intake.answer = func(context.Context, []byte) (ingest.Answer, error) { return c.answer, c.err }
			path := c.path
			if path == "" {
				path = "/v1/webhooks"
			}
			b.post(t, path, c.body, append(secret, c.headers...)...)
			count.mu.Lock()
			defer count.mu.Unlock()
			require.Equal(t, c.want, count.got)
			for _, got := range count.got {
				require.Contains(t, httpapi.WebhookResults(), strings.Fields(got)[1])
			}
		})
	}
}

func TestAWebhookBeyondTheRateIsCountedAsLimited(t *testing.T) {
	t.Parallel()
	count := &tally{}
	now := time.Now()
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.RateLimitAccount, cfg.Answered = 1, count.answered
		cfg.Now = func() time.Time { return now }
	})
	for range 3 {
		b.post(t, "/v1/webhooks", "{}")
	}
	count.mu.Lock()
	defer count.mu.Unlock()
	require.Equal(t, "default limited", count.got[2])
	require.NotContains(t, count.got[:2], "default limited")
}
