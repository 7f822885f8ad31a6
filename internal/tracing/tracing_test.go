package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"webhookd/internal/tracing"
	"webhookd/internal/tracing/tracingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, endpoint string, sample float64) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: endpoint, Sample: sample, Version: "v1", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tracer.Stop(context.Background())) })
	return tracer
}

const (
	foreign = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unseen  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

func TestACommitBelongsToOneRequestAndHasLinksToTheOthers(t *testing.T) {
	t.Parallel()
	to := tracingtest.Receive(t)
	tracer := start(t, to.URL, 1)
	var parents []string
	var contexts []context.Context
	var spans []*tracing.Span
	for _, route := range []string{"/a", "/b", "/c"} {
		ctx, span := tracer.Request(t.Context(), foreign, time.Now().Add(-time.Second), route, "acme", "id-1")
		require.Equal(t, span.Traceparent(), tracer.Of(ctx))
		parents, contexts, spans = append(parents, tracer.Of(ctx)), append(contexts, ctx), append(spans, span)
	}
	commit := tracer.Commit(t.Context(), parents, 5)
	commit.End(nil)
	for i, span := range spans {
		tracer.Link(contexts[i], commit.Traceparent())
		span.Call("c1")
		span.Result("accepted", 200)
		span.End(nil)
	}
	publish := tracer.Publish(t.Context(), parents[1], "flow.trigger.acme.call_started", "e1")
	publish.End(io.EOF)
	require.NoError(t, tracer.Stop(t.Context()))

	got := to.Named()
	require.Len(t, got, 5)
	require.Equal(t, "webhookd", to.About()["service.name"])
	require.Equal(t, "v1", to.About()["service.version"])
	a, b, c := got["POST /a"], got["POST /b"], got["POST /c"]
	for _, request := range []*otlp.Span{a, b, c} {
		require.Equal(t, otlp.Span_SPAN_KIND_SERVER, request.GetKind())
		require.Equal(t, []byte("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7"), request.GetParentSpanId())
		require.Greater(t, request.GetEndTimeUnixNano()-request.GetStartTimeUnixNano(), uint64(time.Second))
		require.Len(t, request.GetLinks(), 1)
		require.Equal(t, got["commit"].GetSpanId(), request.GetLinks()[0].GetSpanId())
	}
	require.Equal(t, a.GetSpanId(), got["commit"].GetParentSpanId())
	require.Len(t, got["commit"].GetLinks(), 2)
	require.Equal(t, b.GetSpanId(), got["commit"].GetLinks()[0].GetSpanId())
	require.Equal(t, c.GetSpanId(), got["commit"].GetLinks()[1].GetSpanId())
	sent := got["publish flow.trigger.acme.call_started"]
	require.Equal(t, b.GetSpanId(), sent.GetParentSpanId())
	require.Equal(t, b.GetTraceId(), sent.GetTraceId())
	require.Equal(t, otlp.Span_SPAN_KIND_PRODUCER, sent.GetKind())
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, sent.GetStatus().GetCode())
	require.NotContains(t, sent.GetStatus().GetMessage(), "EOF", "the text of an error may quote a webhook")
}

func TestWhoComesWithATraceDecidesWhetherItIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parent string
		sample float64
		traced bool
	}{
		"no trace, all are taken":            {"", 1, true},
		"no trace, none is taken":            {"", 0, false},
		"a trace that is kept":               {foreign, 0, true},
		"a trace that is not kept":           {unseen, 1, false},
		"no traceparent, though it says one": {"00-+48221234567-x-01", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := tracingtest.Receive(t)
			tracer := start(t, to.URL, c.sample)
			ctx, span := tracer.Request(t.Context(), c.parent, time.Now(), "/", "acme", "id-1")
			require.Equal(t, c.traced, span != nil)
			require.Equal(t, c.traced, tracer.Of(ctx) != "")
			span.End(nil)
			require.NoError(t, tracer.Stop(t.Context()))
			require.Equal(t, c.traced, len(to.Named()) == 1)
		})
	}
}

func TestACollectorThatIsAwayIsToldInTheLogOnly(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(refusing.Close)
	var log bytes.Buffer
	tracer, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: refusing.URL, Sample: 1, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	require.NoError(t, err)
	_, span := tracer.Request(t.Context(), "", time.Now(), "/", "acme", "id-1")
	span.End(nil)
	require.NoError(t, tracer.Stop(t.Context()))
	require.EqualValues(t, 1, tracer.Failures())
	require.Contains(t, log.String(), "traces could not be sent")
}

// What is off costs nothing: no allocation, on any of the ways that every webhook takes.
//
//nolint:paralleltest // testing.AllocsPerRun counts the allocations of everybody
func TestTracesThatAreOffCostNothing(t *testing.T) {
	tracer, err := tracing.New(t.Context(), tracing.Config{})
	require.NoError(t, err)
	require.Nil(t, tracer)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ctx, span := tracer.Request(ctx, foreign, time.Time{}, "/", "acme", "id-1")
		if tracer.Of(ctx) != "" || span.Traceparent() != "" {
			panic("traced")
		}
		tracer.Link(ctx, foreign)
		span.Call("c1")
		span.Result("accepted", 200)
		span.End(nil)
		tracer.Commit(ctx, nil, 1).End(nil)
		tracer.Publish(ctx, foreign, "s", "e").End(nil)
		tracer.Work(ctx, "settle", 1).End(nil)
		call := tracer.Callout(ctx, foreign, "POST", "acme", "id-1", 0)
		call.Answered(200, true)
		call.End(nil)
	}))
	require.Zero(t, tracer.Failures())
	require.NoError(t, tracer.Stop(ctx))
}
