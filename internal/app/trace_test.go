//go:build unix

package app_test

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"webhookd/internal/config"
	"webhookd/internal/store/postgres/pgtest"
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
	require.Equal(t, http.StatusOK, s.doTraced(t, "/v1/webhooks", body))
}

func (s *service) doTraced(t *testing.T, path string, body []byte) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Traceparent", traceparent)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode
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
	told := attributes(request)
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

// The database is away, and comes back: what went through the spool is traced to whoever reads the event.
func TestATraceGoesThroughTheSpoolToWhoeverReadsTheEvent(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Receive(t)
	cluster := pgtest.NewCluster(t)
	cfg := traced(t, collector.URL)
	cfg.DatabaseURL = configure(t, cluster.URL).DatabaseURL
	s := start(t, cfg)
	s.postTraced(t, firstWebhook(t))
	require.Eventually(t, func() bool { return len(collector.Spans()) == 1 }, patience, 20*time.Millisecond)
	request := collector.Spans()[0]
	require.Equal(t, "spooled", attributes(request)["webhookd.result"])

	cluster.Start()
	s.awaitReady(t)
	messages := s.published(t, 3)
	require.Eventually(t, func() bool { // after a commit that the database was too slow for there is another one
		spans := collector.Named()
		return !slices.ContainsFunc(messages, func(m jetstream.Msg) bool { return spans["publish "+m.Subject()] == nil })
	}, patience, 20*time.Millisecond)
	spans := collector.Named()
	require.Equal(t, request.GetSpanId(), spans["commit"].GetParentSpanId())
	for _, message := range messages {
		publish := spans["publish "+message.Subject()]
		require.Equal(t, request.GetSpanId(), publish.GetParentSpanId())
		require.Equal(t, "00-"+traceID+"-"+hex.EncodeToString(publish.GetSpanId())+"-01", message.Headers().Get("traceparent"))
	}
}

func attributes(span *otlp.Span) map[string]string {
	told := map[string]string{}
	for _, attribute := range span.GetAttributes() {
		told[attribute.GetKey()] = attribute.GetValue().GetStringValue()
	}
	return told
}

// What the trigger API is asked for is traced to whoever reads the event, and to whoever is called.
func TestATraceGoesFromTheTriggerAPIToWhoeverReadsTheEvent(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Receive(t)
	called := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.Header.Get("Traceparent") }))
	t.Cleanup(receiver.Close)
	cfg := traced(t, collector.URL)
	cfg.CalloutAllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s := start(t, cfg)
	status, _, answer := s.do(t, http.MethodPost, "/v1/handlers", []byte(`{"name":"greets","on":["api"],"do":[
		{"type":"send_msg","text":"Hello ${subscriber.first_name}"},
		{"type":"call_webhook","method":"POST","url":"`+receiver.URL+`/${contact.number}","body":"${payload.who}"}]}`))
	require.Equal(t, http.StatusCreated, status, answer)
	require.Equal(t, http.StatusCreated, s.doTraced(t, "/v1/events/trigger", []byte(`{"name":"greets","transactionId":"`+person+`",
		"to":{"subscriberId":"`+number+`","phone":"+`+number+`","firstName":"`+person+`"},"payload":{"who":"`+person+`"}}`)))
	require.Equal(t, http.StatusUnprocessableEntity, s.doTraced(t, "/v1/events/trigger/broadcast", []byte(`{"name":"`+person+`"}`)))
	require.Equal(t, http.StatusCreated, s.doTraced(t, "/v1/events/trigger/bulk", []byte(`{"events":[{"name":"`+person+`","to":"`+number+`"}]}`)))
	messages := s.published(t, 2)
	require.Eventually(t, func() bool { return len(collector.Spans()) == 3+2+2+1 }, patience, 20*time.Millisecond)

	spans := collector.Named()
	request := spans["POST /v1/events/trigger"]
	require.NotNil(t, request)
	require.Equal(t, traceID, hex.EncodeToString(request.GetTraceId()))
	require.Equal(t, parentID, hex.EncodeToString(request.GetParentSpanId()))
	told := attributes(request)
	require.NotEmpty(t, told["webhookd.request_id"])
	delete(told, "webhookd.request_id")
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.route": "/v1/events/trigger", "webhookd.account": "default",
		"webhookd.result": "processed", "http.response.status_code": "",
	}, told)
	require.Equal(t, "bulk", attributes(spans["POST /v1/events/trigger/bulk"])["webhookd.result"])
	require.Equal(t, "unfit", attributes(spans["POST /v1/events/trigger/broadcast"])["webhookd.result"])
	commits := 0
	for _, span := range collector.Spans() {
		if span.GetName() == "commit" && bytes.Equal(span.GetParentSpanId(), request.GetSpanId()) {
			commits++
		}
	}
	require.Equal(t, 1, commits)
	for _, message := range messages {
		publish := spans["publish "+message.Subject()]
		require.NotNil(t, publish, message.Subject())
		require.Equal(t, request.GetSpanId(), publish.GetParentSpanId())
		require.Equal(t, "00-"+traceID+"-"+hex.EncodeToString(publish.GetSpanId())+"-01", message.Headers().Get("traceparent"))
	}
	require.Equal(t, request.GetSpanId(), spans["call-out POST"].GetParentSpanId())
	require.Equal(t, "00-"+traceID+"-"+hex.EncodeToString(spans["call-out POST"].GetSpanId())+"-01", <-called)
	for _, secret := range []string{number, person, receiver.URL} {
		require.NotContains(t, collector.Raw(), secret)
	}
}

// What else makes events goes by the same rules: closing a call by hand, and handing in again what was refused.
func TestWhatOperatorsDoIsTraced(t *testing.T) {
	t.Parallel()
	collector := tracingtest.Receive(t)
	s := start(t, traced(t, collector.URL))
	s.do(t, http.MethodPost, "/v1/webhooks", firstWebhook(t))
	require.Equal(t, http.StatusOK, s.doTraced(t, "/v1/calls/"+dialogID+"/close", nil))
	s.do(t, http.MethodPost, "/v1/webhooks", []byte(number))
	_, _, answer := s.do(t, http.MethodGet, "/v1/quarantine", nil)
	id := regexp.MustCompile(`"id":"?(\d+)`).FindStringSubmatch(answer)
	require.NotNil(t, id, answer)
	require.Equal(t, http.StatusConflict, s.doTraced(t, "/v1/quarantine/"+id[1]+"/redrive", nil))
	var ended []string
	for _, message := range s.published(t, 5) {
		if strings.HasSuffix(message.Subject(), ".call_ended") {
			ended = append(ended, message.Headers().Get("traceparent"))
		}
	}
	require.Len(t, ended, 1)
	require.Contains(t, ended[0], traceID)
	require.Eventually(t, func() bool {
		spans := collector.Named()
		return spans["POST /v1/calls/:call_uuid/close"] != nil && spans["POST /v1/quarantine/:id/redrive"] != nil
	}, patience, 20*time.Millisecond)
	require.Equal(t, "closed", attributes(collector.Named()["POST /v1/calls/:call_uuid/close"])["webhookd.result"])
	require.NotContains(t, collector.Raw(), number)
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
