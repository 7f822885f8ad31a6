package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nowhere is a database that is away.
const nowhere = "WEBHOOKD_DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable"

func TestAServiceThatTakesWebhooksIsHealthy(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for question, want := range map[string]string{"healthcheck": "ready\n", "healthcheck --live": "ok\n"} {
		r := start(t, []string{"WEBHOOKD_LISTEN=" + s.HTTP}, strings.Fields(question)...)
		require.Zero(t, r.wait(), r.stderr.text())
		require.Equal(t, want, r.stdout.text())
	}
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())

	r := start(t, nil, "healthcheck", "--url", "http://"+s.HTTP)
	require.Equal(t, 1, r.wait())
	require.Contains(t, r.stderr.text(), "connection refused")
	require.Empty(t, r.stdout.text())
}

// Without its database it takes webhooks into the spool: an engine that restarted it for that would mend nothing.
func TestWhatIsMissingIsNamedAndHealthy(t *testing.T) {
	t.Parallel()
	s := startService(t, []string{nowhere})
	r := start(t, nil, "healthcheck", "--url", "http://"+s.HTTP)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Equal(t, "degraded; database: the database cannot be used: nothing can be read, and webhooks wait in the spool until it can\n",
		r.stdout.text())
}

func TestWhatTakesNoWebhooksIsUnhealthy(t *testing.T) {
	t.Parallel()
	spool := filepath.Join(t.TempDir(), "spool")
	s := startService(t, []string{nowhere}, "--spool-dir", spool)
	require.NoError(t, os.RemoveAll(spool))
	r := start(t, nil, "healthcheck", "--url", "http://"+s.HTTP)
	require.Equal(t, 1, r.wait())
	require.Contains(t, r.stderr.text(), "webhookd: the service does not take webhooks: not_ready; database: ")
	require.Contains(t, r.stderr.text(), "; spool: ")
	require.Empty(t, r.stdout.text())

	r = start(t, nil, "healthcheck", "--live", "--url", "http://"+s.HTTP)
	require.Zero(t, r.wait(), r.stderr.text())
}

func TestWhatIsNoWebhookdIsUnhealthy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>"))
	}))
	t.Cleanup(server.Close)
	r := start(t, nil, "healthcheck", "--url", server.URL)
	require.Equal(t, 1, r.wait())
	require.Equal(t, "webhookd: what answers "+server.URL+"/readyz with 200 OK is no webhookd\n", r.stderr.text())
}
