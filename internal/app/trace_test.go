//go:build unix

package app_test

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
	"webhookd/internal/tracing/tracingtest"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID    = "00f067aa0ba902b7"
	traceparent = "00-" + traceID + "-" + parentID + "-01"
)

// firstWebhook is the first one of the documented call, of which three events come.
func firstWebhook(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	first, _, _ := bytes.Cut(data, []byte("\n"))
	return first
}

// postTraced posts a webhook that comes with a trace.
func (s *service) postTraced(t *testing.T, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/webhooks", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Traceparent", traceparent)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	http.DefaultClient.CloseIdleConnections()
}

// published reads so many events from the stream, as any NATS client would.
func (s *service) published(t *testing.T, events int) []jetstream.Msg {
	t.Helper()
	conn, err := nats.Connect(s.NATSURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	var read []jetstream.Msg
	require.Eventually(t, func() bool {
		consumer, err := js.OrderedConsumer(t.Context(), "FLOW_TRIGGERS", jetstream.OrderedConsumerConfig{})
		if err != nil {
			return false // the stream is not there yet
		}
		read = nil
		batch, err := consumer.Fetch(events, jetstream.FetchMaxWait(time.Second))
		require.NoError(t, err)
		for message := range batch.Messages() {
			read = append(read, message)
		}
		return len(read) == events
	}, patience, 50*time.Millisecond)
	return read
}

func traced(t *testing.T, endpoint string) config.Config {
	t.Helper()
	cfg := configure(t, "")
	cfg.OTLPEndpoint, cfg.TraceSample = endpoint, 1
	return cfg
}

func TestATraceGoesFromTheWebhookToWhoeverReadsTheEvent(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Receive(t)
	s := start(t, traced(t, collector.URL))
	s.postTraced(t, firstWebhook(t))
	messages := s.published(t, 3)
	require.Eventually(t, func() bool { return len(collector.Spans()) == 5 }, patience, 20*time.Millisecond)

	spans := collector.Named()
	request, commit := spans["POST /v1/webhooks"], spans["commit"]
	require.NotNil(t, request)
	require.Equal(t, traceID, hex.EncodeToString(request.GetTraceId()))
	require.Equal(t, parentID, hex.EncodeToString(request.GetParentSpanId()))
	require.Equal(t, request.GetSpanId(), commit.GetParentSpanId())
	require.LessOrEqual(t, request.GetStartTimeUnixNano(), commit.GetStartTimeUnixNano())
	require.LessOrEqual(t, commit.GetEndTimeUnixNano(), request.GetEndTimeUnixNano(), "answered after the commit")
	told := map[string]string{}
	for _, attribute := range request.GetAttributes() {
		told[attribute.GetKey()] = attribute.GetValue().GetStringValue()
	}
	require.Equal(t, "accepted", told["webhookd.result"])
	require.Equal(t, "default", told["webhookd.account"])
	require.Equal(t, dialogID, told["webhookd.call_uuid"])
	require.NotEmpty(t, told["webhookd.request_id"])
	for _, message := range messages {
		publish := spans["publish "+message.Subject()]
		require.NotNil(t, publish, message.Subject())
		require.Equal(t, request.GetSpanId(), publish.GetParentSpanId())
		require.Equal(t, "00-"+traceID+"-"+hex.EncodeToString(publish.GetSpanId())+"-01", message.Headers().Get("traceparent"),
			"a reader goes on from the publishing of its own event")
	}
	// What is in the webhook is nobody's business there.
	for _, secret := range []string{"Paweł", "48xxxxxxxxx", "pkowalski"} {
		require.Contains(t, string(firstWebhook(t)), secret)
		require.NotContains(t, collector.Raw(), secret)
	}
}

// A trace is kept with the events: whoever publishes them, later or elsewhere, goes on with it.
func TestATraceOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Receive(t)
	cfg := traced(t, collector.URL)
	away := cfg
	away.NATSURL = config.NewURL("nats://127.0.0.1:1")
	first := start(t, away)
	first.postTraced(t, firstWebhook(t))
	require.NoError(t, first.Stop(t.Context()))
	require.Len(t, collector.Spans(), 2, "request and commit; a stop sends what is left")

	second := start(t, cfg)
	for _, message := range second.published(t, 3) {
		require.Contains(t, message.Headers().Get("traceparent"), traceID)
	}
	require.Eventually(t, func() bool { return len(collector.Spans()) == 5 }, patience, 20*time.Millisecond)
}

func TestTracesAreOffByDefault(t *testing.T) {
	t.Parallel()
	s := start(t, configure(t, ""))
	s.postTraced(t, firstWebhook(t))
	for _, message := range s.published(t, 3) {
		require.NotContains(t, message.Headers(), "traceparent")
		require.NotContains(t, message.Headers(), "Traceparent")
	}
	_, _, page := s.do(t, http.MethodGet, "/v1/calls/"+dialogID+"/timeline", nil)
	require.NotContains(t, page, strings.ToLower("traceparent"))
}

func TestACollectorThatIsAwayHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := start(t, traced(t, "http://127.0.0.1:1"))
	s.postTraced(t, firstWebhook(t))
	for _, message := range s.published(t, 3) {
		require.Contains(t, message.Headers().Get("traceparent"), traceID)
	}
	began := time.Now()
	require.NoError(t, s.Stop(t.Context()), "spans that cannot be sent are no failure of the service")
	require.Less(t, time.Since(began), patience/2)
}
