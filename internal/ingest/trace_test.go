package ingest_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
	"webhookd/internal/tracing"
	"webhookd/internal/tracing/tracingtest"
)

func newTracer(t *testing.T, endpoint string) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(t.Context(), tracing.Config{Endpoint: endpoint, Sample: 1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tracer.Stop(context.Background())) })
	return tracer
}

// traceparents gives, for each event type of a call, the traceparent that the event was stored with.
func traceparents(t *testing.T, st store.Outbox, call string) map[string]string {
	t.Helper()
	found := map[string]string{}
	rows, err := st.Unsent(t.Context(), 0, 1000)
	require.NoError(t, err)
	for _, row := range rows {
		for _, event := range row.Events {
			if row.CallUUID == call {
				found[event.Type] = event.Traceparent
			}
		}
	}
	return found
}

func spansNamed(to *tracingtest.Receiver, name string) []*otlp.Span {
	var found []*otlp.Span
	for _, span := range to.Spans() {
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

// A webhook that went through the spool is traced as any other: over a restart, its commit has a span, with links to the
// requests of its batch, and its events carry its trace.
func TestATraceGoesThroughTheSpool(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		to := tracingtest.Receive(t)
		tracer := newTracer(t, to.URL)
		st := &awayable{Store: database.Open(t)}
		st.gone.Store(true)
		dir := t.TempDir()
		first := startSpooling(t, st, dir, func(cfg *ingest.Config) { cfg.Tracer = tracer })
		var requests []string
		for n := range 3 {
			ctx, span := tracer.Request(t.Context(), "", time.Now(), "/v1/webhooks", account, "id")
			answer, err := first.Submit(ctx, account, numbered(n))
			require.NoError(t, err)
			require.True(t, answer.Spooled)
			span.End(nil)
			requests = append(requests, span.Traceparent())
		}
		requireSpooled(t, first, account, numbered(3)) // not traced
		_, err := first.Submit(t.Context(), account, []byte("no JSON"))
		require.Error(t, err)
		first.stop()

		st.gone.Store(false)
		second := startSpooling(t, st, dir, func(cfg *ingest.Config) { cfg.Tracer = tracer })
		second.awaitDrained(t)
		second.stop()
		for n := range 4 {
			stored := traceparents(t, st, dialogOf(n))
			require.Contains(t, stored, "call_started")
			for kind, traceparent := range stored {
				if n == 3 {
					require.Empty(t, traceparent, kind)
				} else {
					require.Equal(t, requests[n], traceparent, kind)
				}
			}
		}
		require.NoError(t, tracer.Stop(t.Context()))
		commits := spansNamed(to, "commit")
		commit := commits[len(commits)-1] // before it there may be one that found the database away
		require.Equal(t, requests[0], traceparentOf(commit.GetTraceId(), commit.GetParentSpanId()))
		var links []string
		for _, link := range commit.GetLinks() {
			links = append(links, traceparentOf(link.GetTraceId(), link.GetSpanId()))
		}
		require.Equal(t, requests[1:], links)
		require.EqualValues(t, 4, commit.GetAttributes()[0].GetValue().GetIntValue(), "webhooks in the batch")
		require.NotEqual(t, otlp.Status_STATUS_CODE_ERROR, commit.GetStatus().GetCode())
	})
}

func traceparentOf(trace, span []byte) string {
	return "00-" + hex.EncodeToString(trace) + "-" + hex.EncodeToString(span) + "-01"
}

// Whoever drains a spool without a tracer, as before, gets no spans, and what the webhooks are part of stays with them.
func TestADrainWithoutATracerKeepsTheTrace(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		dir := t.TempDir()
		opened, err := spool.Open(spool.Config{Dir: dir, Limit: 1 << 30})
		require.NoError(t, err)
		const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		require.NoError(t, opened.Append([]spool.Record{
			{Kind: spool.Webhook, Account: account, ReceivedAt: time.Now(), Body: numbered(1), Traceparent: traceparent},
		}))
		in := startWith(t, st, dir, opened, nil)
		in.awaitDrained(t)
		require.Equal(t, traceparent, traceparents(t, st, dialogOf(1))["call_started"])
	})
}

// What webhookd does by itself begins a trace of its own, and only where there is something to do.
func TestWhatIsDoneInItsTimeIsTraced(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		to := tracingtest.Receive(t)
		tracer := newTracer(t, to.URL)
		st := database.Open(t)
		engine := newEngine()
		engine.Tracer = tracer
		now := time.Now().UTC().Truncate(time.Microsecond)
		in := ingest.New(ingest.Config{Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		ended := make(chan error, 1)
		go func() { ended <- in.Run(context.Background()) }()
		for n := range 2 {
			_, err := in.Submit(t.Context(), account, numbered(n))
			require.NoError(t, err)
		}
		in.Stop()
		require.NoError(t, <-ended)
		silent, open := store.Key{Account: account, UUID: dialogOf(0)}, store.Key{Account: account, UUID: dialogOf(1)}
		do := func(at time.Time, work func(tx store.Tx, at time.Time) error) {
			t.Helper()
			require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error { return work(tx, at) }))
		}
		do(now, func(tx store.Tx, at time.Time) error { return engine.Reap(t.Context(), tx, at, []store.Key{silent}) })
		do(now, func(tx store.Tx, at time.Time) error { return engine.Settle(t.Context(), tx, at, []store.Key{silent}) })
		do(now.Add(time.Hour), func(tx store.Tx, at time.Time) error { return engine.Reap(t.Context(), tx, at, []store.Key{silent}) })
		do(now.Add(time.Hour), func(tx store.Tx, at time.Time) error { return engine.Settle(t.Context(), tx, at, []store.Key{silent}) })

		ctx, request := tracer.Request(t.Context(), "", now, "/v1/calls/:call_uuid/close", account, "id")
		_, err := in.CloseCall(ctx, open)
		require.NoError(t, err)
		request.End(nil)
		require.NoError(t, tracer.Stop(t.Context()))

		reap, settle := spansNamed(to, "reap"), spansNamed(to, "settle")
		require.Len(t, reap, 1)
		require.Len(t, settle, 1)
		stored := traceparents(t, st, silent.UUID)
		require.Empty(t, stored["call_started"])
		require.Equal(t, traceparentOf(reap[0].GetTraceId(), reap[0].GetSpanId()), stored["call_ended"])
		require.Equal(t, traceparentOf(settle[0].GetTraceId(), settle[0].GetSpanId()), stored["call_settled"])
		require.NotEqual(t, reap[0].GetTraceId(), settle[0].GetTraceId())
		require.Empty(t, reap[0].GetParentSpanId())
		require.Equal(t, request.Traceparent(), traceparents(t, st, open.UUID)["call_ended"])
	})
}

// The log of a drain says nothing of who is in the webhooks, not even of those that cannot be read.
func TestTheLogOfADrainHoldsNoNumberAndNoName(t *testing.T) {
	t.Parallel()
	const number, person = "48611987654", "Bożydar Zmyślony"
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		var log bytes.Buffer
		dir := t.TempDir()
		fill(t, dir, time.Now().Add(-time.Hour),
			[]byte(`{"event_name":"dialog_create","event_time":"`+number+`","dialog_uuid":"`+dialogOf(1)+`"}`),
			[]byte(`{"event_name":"dialog_create","event_time":"2026-03-01 10:00:00","dialog_uuid":"`+person+`"}`),
			[]byte(`{"event_name":"`+person+`","self_target":`+number+`,`),
			[]byte(number), []byte(person), nil,
			numbered(1))
		in := startSpooling(t, st, dir, func(cfg *ingest.Config) { cfg.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
		in.awaitDrained(t)
		in.stop()
		refused, err := st.Quarantined(t.Context(), account, 100)
		require.NoError(t, err)
		require.Len(t, refused, 6)
		apart := 0
		for line := range bytes.Lines(log.Bytes()) {
			var told map[string]any
			require.NoError(t, json.Unmarshal(line, &told))
			if told["msg"] == "set a webhook of the spool apart that cannot be processed" {
				require.NotEmpty(t, told["error"])
				apart++
			}
		}
		require.Equal(t, 6, apart)
		require.NotContains(t, log.String(), number)
		require.NotContains(t, log.String(), person)
	})
}
