package main

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store/postgres/pgtest"
)

// personOfInboundAnswered is whom the call of that scenario is with.
func personOfInboundAnswered(t *testing.T) (number, call string) {
	t.Helper()
	var record struct {
		CallUUID string `json:"call_uuid"`
		External struct {
			Number string `json:"number"`
		} `json:"external"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "../inbound_answered/call.json")), &record))
	require.NotEmpty(t, record.External.Number)
	return record.External.Number, record.CallUUID
}

func certificateOf(t *testing.T, text string) (pseudonym string, calls int) {
	t.Helper()
	var certificate struct {
		Pseudonym string `json:"pseudonym"`
		Calls     int    `json:"calls"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &certificate), text)
	return certificate.Pseudonym, certificate.Calls
}

func streamMessagesOf(t *testing.T, text string) int {
	t.Helper()
	var certificate struct {
		StreamMessages *int `json:"stream_messages"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &certificate), text)
	require.NotNil(t, certificate.StreamMessages, text)
	return *certificate.StreamMessages
}

// onStream says how many events on the stream say a text.
func onStream(t *testing.T, url, text string) (saying, all int) {
	t.Helper()
	client, err := nats.Connect(url)
	require.NoError(t, err)
	defer client.Close()
	js, err := jetstream.New(client)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), flow.StreamName)
	require.NoError(t, err)
	for state, seq := stream.CachedInfo().State, stream.CachedInfo().State.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		require.NoError(t, err)
		all++
		if strings.Contains(string(msg.Data), text) {
			saying++
		}
	}
	return saying, all
}

// A person is exported, erased and gone: from the embedded database with the service stopped, and over HTTP from the
// service itself, whose live bucket follows.
func TestAPersonIsExportedAndErased(t *testing.T) {
	t.Parallel()
	number, call := personOfInboundAnswered(t)
	t.Run("embedded, by the command", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := startService(t, nil, "--data-dir", dir)
		r := start(t, nil, "replay", "--url", "http://"+s.HTTP, fixture(t, "../inbound_answered/webhooks.ndjson"))
		require.Zero(t, r.wait(), r.stderr.text())
		r = start(t, nil, "export", "--data-dir", dir, "--number", number)
		require.Equal(t, exitUsage, r.wait())
		require.Contains(t, r.stderr.text(), "/v1/contacts")
		var published int
		require.Eventually(t, func() bool {
			published, _ = onStream(t, s.NATS, number)
			return published > 5
		}, patience, 20*time.Millisecond)
		s.signal(syscall.SIGTERM)
		require.Zero(t, s.wait())

		r = start(t, nil, "export", "--data-dir", dir, "--number", number)
		require.Zero(t, r.wait(), r.stderr.text())
		require.Contains(t, r.stdout.text(), call)
		r = start(t, nil, "erase", "--data-dir", dir, "--number", number, "--dry-run")
		require.Zero(t, r.wait(), r.stderr.text())
		_, calls := certificateOf(t, r.stdout.text())
		require.Equal(t, 1, calls)
		r = start(t, nil, "erase", "--data-dir", dir, "--number", number, "--yes")
		require.Zero(t, r.wait(), r.stderr.text())
		pseudonym, calls := certificateOf(t, r.stdout.text())
		require.Equal(t, 1, calls)
		require.NotContains(t, r.stdout.text(), number)
		require.GreaterOrEqual(t, streamMessagesOf(t, r.stdout.text()), published)
		r = start(t, nil, "rebuild", "--data-dir", dir, "--check")
		require.Zero(t, r.wait(), r.stdout.text())

		s = startService(t, nil, "--data-dir", dir)
		saying, _ := onStream(t, s.NATS, number)
		require.Zero(t, saying, "the events are taken back")
		status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+call, "")
		require.Equal(t, 200, status)
		require.Contains(t, body, pseudonym)
		require.NotContains(t, body, number)
		for _, args := range [][]string{
			{"erase", "--number", number}, {"erase", "--number", number, "--yes", "--dry-run"}, {"export"}, {"export", "--number", "Jan"},
		} {
			r = start(t, nil, args...)
			require.Equal(t, exitUsage, r.wait(), "%v: %s", args, r.stderr.text())
		}
	})
	t.Run("Postgres, over HTTP and beside it", func(t *testing.T) {
		t.Parallel()
		natsURL := startNATS(t)
		environ := []string{"WEBHOOKD_DATABASE_URL=" + pgtest.URL(t), "WEBHOOKD_NATS_URL=" + natsURL}
		s := startService(t, environ, "--settle-delay", "1s")
		r := start(t, nil, "replay", "--url", "http://"+s.HTTP, fixture(t, "../inbound_answered/webhooks.ndjson"),
			fixture(t, "../outbound_answered/webhooks.ndjson"))
		require.Zero(t, r.wait(), r.stderr.text())
		require.Eventually(t, func() bool { // all of it is published
			settled, _ := onStream(t, natsURL, `"call_settled"`)
			return settled == 2
		}, patience, 20*time.Millisecond)
		status, body := do(t, "GET", "http://"+s.HTTP+"/v1/contacts/"+number, "")
		require.Equal(t, 200, status, body)
		require.Equal(t, strings.Count(read(t, "../inbound_answered/webhooks.ndjson"), "\n")+1, strings.Count(body, `"journal_id"`),
			"its webhooks, and that it was settled")
		status, body = do(t, "DELETE", "http://"+s.HTTP+"/v1/contacts/"+number, "")
		require.Equal(t, 200, status, body)
		pseudonym, calls := certificateOf(t, body)
		require.Equal(t, 1, calls)
		require.Positive(t, streamMessagesOf(t, body))
		saying, all := onStream(t, natsURL, number)
		require.Zero(t, saying)
		require.Positive(t, all, "somebody else's events stay")
		// The service goes on with what the erasure left, and takes nothing in twice.
		r = start(t, nil, "replay", "--url", "http://"+s.HTTP, fixture(t, "../inbound_answered/webhooks.ndjson"),
			fixture(t, "../outbound_answered/webhooks.ndjson"))
		require.Zero(t, r.wait(), r.stderr.text())
		require.NotContains(t, r.stdout.text(), "accepted")
		// Another process, beside it: nothing of the number is left, and the pseudonym is the same.
		r = start(t, environ, "erase", "--number", number, "--yes")
		require.Zero(t, r.wait(), r.stderr.text())
		again, calls := certificateOf(t, r.stdout.text())
		require.Equal(t, pseudonym, again)
		require.Zero(t, calls)
		status, body = do(t, "GET", "http://"+s.HTTP+"/v1/calls/"+call, "")
		require.Equal(t, 200, status)
		require.Contains(t, body, pseudonym)
		r = start(t, environ, "rebuild", "--check")
		require.Zero(t, r.wait(), r.stdout.text())
	})
}
