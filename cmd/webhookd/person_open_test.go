package main

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// boardSays gives what a viewer of the calls that go on is shown first.
func boardSays(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/stream/calls", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var said strings.Builder
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if lines.Text() == "event: ready" {
			return said.String()
		}
	}
	require.FailNow(t, "the snapshot does not end", "%v: %s", lines.Err(), said.String())
	return ""
}

// Whoever is erased while his call goes on is gone from the live bucket, too, whether the call goes on changing or not.
func TestAPersonIsErasedDuringHisCall(t *testing.T) {
	t.Parallel()
	const number, name = "48501200101", "Jan Próbny"
	webhooks := strings.Split(strings.TrimSpace(read(t, "../inbound_answered/webhooks.ndjson")), "\n")
	environ := []string{"WEBHOOKD_DATABASE_URL=" + pgtest.URL(t), "WEBHOOKD_NATS_URL=" + startNATS(t)}
	s := startService(t, environ, "--settle-delay", "1s")
	url := "http://" + s.HTTP
	post := func(bodies []string) {
		for _, body := range bodies {
			status, answer := do(t, "POST", url+"/v1/webhooks", body)
			require.Equal(t, 200, status, answer)
		}
	}
	shows := func(yes, no string) {
		t.Helper()
		said := ""
		require.Eventually(t, func() bool {
			said = boardSays(t, url)
			return strings.Contains(said, yes) && (no == "" || !strings.Contains(said, no))
		}, 10*time.Second, 20*time.Millisecond, "%q and not %q: %s", yes, no, said)
	}
	post(webhooks[:3]) // it rings
	shows(number, "")
	shows(name, "")

	status, body := do(t, "DELETE", url+"/v1/contacts/"+number, "")
	require.Equal(t, 200, status, body)
	pseudonym, calls := certificateOf(t, body)
	require.Equal(t, 1, calls)
	shows(pseudonym, number)
	require.NotContains(t, boardSays(t, url), name)

	post(webhooks[3:5]) // it is answered, as a change of an erased call
	shows(`"state":"talking"`, number)
	said := boardSays(t, url)
	require.Contains(t, said, pseudonym)
	require.NotContains(t, said, name)
}
