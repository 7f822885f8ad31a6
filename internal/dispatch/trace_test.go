package dispatch_test

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"webhookd/internal/flow"
	"webhookd/internal/tracing"
	"webhookd/internal/tracing/tracingtest"
	"webhookd/internal/triggerapi"
)

// traced lets an installation tell a collector. The context is that of a request with this traceparent.
func (in *installation) traced(t *testing.T) (ctx context.Context, traceparent string, told func() []*otlp.Span) {
	t.Helper()
	collector := tracingtest.Receive(t)
	tracer, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: collector.URL, Sample: 1, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	stop := func() { require.NoError(t, tracer.Stop(context.WithoutCancel(t.Context()))) }
	t.Cleanup(stop)
	for _, i := range in.instances {
		i.service.Dispatcher.Tracer = tracer
	}
	ctx, span := tracer.Request(t.Context(), "", time.Now(), "/v1/events/trigger", account, "id")
	span.End(nil)
	return ctx, span.Traceparent(), func() []*otlp.Span {
		stop()
		for _, secret := range []string{customer, "First anna", "anna", "it is us"} {
			require.NotContains(t, collector.Raw(), secret)
		}
		return collector.Spans()
	}
}

// stored gives the events of the outbox.
func (in *installation) stored(t *testing.T) []flow.Event {
	t.Helper()
	rows, err := in.st.Unsent(t.Context(), 0, 10_000)
	require.NoError(t, err)
	var events []flow.Event
	for _, row := range rows {
		events = append(events, row.Events...)
	}
	return events
}

func spanOf(span *otlp.Span) string {
	return "00-" + hex.EncodeToString(span.GetTraceId()) + "-" + hex.EncodeToString(span.GetSpanId()) + "-01"
}

func parentOf(span *otlp.Span) string {
	return "00-" + hex.EncodeToString(span.GetTraceId()) + "-" + hex.EncodeToString(span.GetParentSpanId()) + "-01"
}

// What a request of the trigger API leads to is part of its trace: at once, later, by a broadcast, and over a restart.
func TestWhatTheAPITriggersIsTraced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.subscribe(t)
		in.handlers(t, greets+`
  - {name: later, on: api, after: 5m, do: [{type: send_msg, text: "later"}]}
  - {name: follows, on: msg_created, after: 5m, when: event.data.msg.text == "later", do: [{type: start_session, flow: callback}]}
`)
		ctx, traceparent, told := in.traced(t)
		for _, request := range []triggerapi.Request{
			requestOf("greets", "t1", to("anna")), requestOf("callback", "t2", to("anna")), requestOf("later", "t3", to("anna")),
		} {
			outcomes, _, err := in.service.Trigger(ctx, account, []triggerapi.Request{request}, nil)
			require.NoError(t, err)
			require.Equal(t, triggerapi.StatusProcessed, outcomes[0].Status)
		}
		_, _, err := in.service.Broadcast(ctx, account, requestOf("greets", "everybody"), nil)
		require.NoError(t, err)
		require.Len(t, in.actions(t), 2)
		spans := told()
		require.Len(t, spans, 1+4)
		for _, span := range spans[1:] {
			require.Equal(t, "commit", span.GetName())
			require.Equal(t, traceparent, parentOf(span))
			require.Empty(t, span.GetAttributes())
		}

		in.reopen(t) // nothing of it is in memory alone
		in.pass(t, time.Hour)
		events := in.stored(t)
		kinds := map[string]int{}
		for _, event := range events {
			kinds[event.Type]++
			require.Equal(t, traceparent, event.Traceparent, event.Type)
		}
		require.Equal(t, map[string]int{"msg_created": 1 + 1 + everybody + 1, "session_triggered": 2}, kinds)
	})
}

func TestWithoutASpanNothingOfTheAPIIsTraced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		_, _, told := in.traced(t)
		in.trigger(t, requestOf("greets", "t1", to("anna")))
		for _, event := range in.stored(t) {
			require.Empty(t, event.Traceparent)
		}
		require.Len(t, told(), 1)
	})
}

// A receiver that is called can go on with the trace: each attempt has a span, and tells it in a header.
func TestACallOutIsTraced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = io.WriteString(w, "{}")
		})
		in.handlers(t, `
  - name: calls
    on: api
    do: [{type: call_webhook, method: POST, url: "`+to.URL+`/${contact.number}", body: "${payload.what}"}]
  - name: own
    on: api
    do: [{type: call_webhook, method: PUT, url: "`+to.URL+`/own", headers: {traceparent: "theirs"}}]
`)
		ctx, traceparent, told := in.traced(t)
		for i, name := range []string{"calls", "own"} {
			_, _, err := in.service.Trigger(ctx, account, []triggerapi.Request{requestOf(name, name, recipient())}, nil)
			require.NoError(t, err)
			in.pass(t, time.Minute)
			require.Len(t, to.requests(), 2+i)
		}
		got := to.requests()
		require.Equal(t, []string{"theirs"}, got[2].header.Values("Traceparent"), "a handler that says it itself is right")

		var attempts []*otlp.Span
		for _, span := range told() {
			if span.GetName() == "call-out POST" {
				attempts = append(attempts, span)
			}
		}
		require.Len(t, attempts, 2)
		for i, span := range attempts {
			require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, span.GetKind())
			require.Equal(t, traceparent, parentOf(span))
			require.Equal(t, []string{spanOf(span)}, got[i].header.Values("Traceparent"))
			about := map[string]any{}
			for _, attribute := range span.GetAttributes() {
				about[attribute.GetKey()] = attribute.GetValue().GetStringValue()
				if about[attribute.GetKey()] == "" {
					about[attribute.GetKey()] = attribute.GetValue().GetIntValue()
				}
			}
			require.Equal(t, map[string]any{
				"http.request.method": "POST", "http.request.resend_count": int64(i), "webhookd.account": account,
				"webhookd.callout_id": got[i].header.Get("Webhook-Id"), "http.response.status_code": []int64{503, 200}[i],
			}, about)
		}
		require.Equal(t, otlp.Status_STATUS_CODE_ERROR, attempts[0].GetStatus().GetCode())
		require.NotEqual(t, otlp.Status_STATUS_CODE_ERROR, attempts[1].GetStatus().GetCode())
		for _, event := range in.stored(t) {
			require.Equal(t, traceparent, event.Traceparent, event.Type)
		}
	})
}

// A request that nobody traces says nothing of traces.
func TestACallOutThatIsNotTracedHasNoHeader(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, status(http.StatusOK))
		in.handlers(t, calls(to.URL, ""))
		_, _, told := in.traced(t)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.work(t)
		require.Len(t, to.requests(), 1)
		require.NotContains(t, to.requests()[0].header, "Traceparent")
		require.Len(t, told(), 1)
	})
}

func recipient() triggerapi.Recipient { return to("anna") }
