// Package tracing tells an OpenTelemetry collector what a webhook goes through: a span for its request, one for the
// transaction that committed it, one for each event that was published; and likewise what is triggered over the API, what
// is called for handlers, and what is done in its time. It names and exports spans, and decides nothing.
//
// A nil *Tracer is one that is switched off, and a nil *Span one that nobody wants: every method may be called on them, does
// nothing and allocates nothing.
//
// What is told: the account, what became of it, ids of requests, calls and events, and routes as they are declared. Never
// anything else of what is in a webhook, a body or a URL: collectors are no place for numbers and names.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Header is the name of the header that carries a trace's context (W3C Trace Context), over HTTP and NATS.
const Header = "traceparent"

// Config says whom to tell, and of what.
type Config struct {
	// Endpoint is the base URL of a collector that takes OTLP over HTTP ("http://127.0.0.1:4318"); /v1/traces is added to
	// it. Empty: tracing is off.
	Endpoint string
	// Sample is the share of traces, from 0 to 1, that are kept of those that begin here; of what comes with a trace's
	// context, that decides.
	Sample  float64
	Version string
	Logger  *slog.Logger
}

// Tracer makes spans and sends them off.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
}

// New makes a Tracer; nil where tracing is off. A collector that is away is no error: spans that cannot be sent are
// dropped, and the log tells of it. Headers for the collector (a token, say), its certificate, the service's name and
// further attributes come from OpenTelemetry's own environment variables.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	if cfg.Endpoint == "" {
		return nil, nil //nolint:nilnil // nil is a Tracer that is off
	}
	hush(cfg.Logger)
	client, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("set up export of traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "webhookd"), attribute.String("service.version", cfg.Version),
	), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	e := &exporter{SpanExporter: client, log: cfg.Logger}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(e), sdk.WithResource(described),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(cfg.Sample))),
	)
	tracer := provider.Tracer("webhookd", trace.WithInstrumentationVersion(cfg.Version))
	return &Tracer{provider: provider, tracer: tracer, exporter: e}, nil
}

// Stop sends what is left, until ctx ends, and stops.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop traces: %w", err)
	}
	return nil
}

// Failures counts the times that spans could not be sent.
func (t *Tracer) Failures() int64 {
	if t == nil {
		return 0
	}
	return t.exporter.failed.Load()
}

// exporter tells the log of what cannot be sent, where the library would tell the standard error.
type exporter struct {
	sdk.SpanExporter

	log    *slog.Logger
	failed atomic.Int64
}

// ExportSpans implements [sdk.SpanExporter].
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.failed.Add(1)
		e.log.Warn("traces could not be sent; they are dropped, and nothing else is", "spans", len(spans), "error", err)
	}
	return nil
}

// Request begins the span of a POST request, which began at this time. parent is the request's traceparent, or "". route is
// the path as it is declared: what stands in its place may be a number. The context carries the span to those who take
// further what the request brought.
func (t *Tracer) Request(
	ctx context.Context, parent string, began time.Time, route, account, requestID string,
) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	//nolint:spancheck // whoever gets the Span ends it
	ctx, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parse(parent)), "POST "+route,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began),
		trace.WithAttributes(
			attribute.String("http.request.method", "POST"), attribute.String("http.route", route),
			attribute.String("webhookd.account", account), attribute.String("webhookd.request_id", requestID),
		))
	return ctx, wanted(span) //nolint:spancheck // as above
}

// Commit begins the span of a transaction that commits webhooks; parents are the traceparents of those that are traced,
// and there is no span without any. A span has one parent, so it belongs to the first of them, and has links to the others.
//
// webhooks is how many there are in it; 0 where it is what a request of the API asked for.
func (t *Tracer) Commit(ctx context.Context, parents []string, webhooks int) *Span {
	if t == nil || len(parents) == 0 {
		return nil
	}
	links := make([]trace.Link, 0, len(parents)-1)
	for _, parent := range parents[1:] {
		links = append(links, trace.Link{SpanContext: parse(parent)})
	}
	var told []attribute.KeyValue
	if webhooks > 0 {
		told = append(told, attribute.Int("webhookd.batch.webhooks", webhooks))
	}
	//nolint:spancheck // as in Request
	_, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parse(parents[0])), "commit",
		trace.WithLinks(links...), trace.WithAttributes(told...))
	return wanted(span) //nolint:spancheck // as in Request
}

// Publish begins the span of an event's way to the stream; nil if parent, the traceparent that the event was stored with,
// is none.
func (t *Tracer) Publish(ctx context.Context, parent, subject, id string) *Span {
	if t == nil || parent == "" {
		return nil
	}
	//nolint:spancheck // as in Request
	_, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parse(parent)), "publish "+subject,
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			attribute.String("messaging.system", "nats"), attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", subject), attribute.String("messaging.message.id", id),
		))
	return wanted(span) //nolint:spancheck // as in Request
}

// Callout begins the span of an HTTP request that a handler asked for; nil if parent, the traceparent that it was stored
// with, is none. Not even the host is told: handlers make URLs of what is in webhooks. id is the webhook-id, and attempts
// is how many there were before.
func (t *Tracer) Callout(ctx context.Context, parent, method, account, id string, attempts int) *Span {
	if t == nil || parent == "" {
		return nil
	}
	//nolint:spancheck // as in Request
	_, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parse(parent)), "call-out "+method,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.Int("http.request.resend_count", attempts),
			attribute.String("webhookd.account", account), attribute.String("webhookd.callout_id", id),
		))
	return wanted(span) //nolint:spancheck // as in Request
}

// Work begins the span of what webhookd does to calls by itself, in so many journal entries: a trace of its own, for it
// belongs to no request. name says what it is ("settle").
func (t *Tracer) Work(ctx context.Context, name string, entries int) *Span {
	if t == nil {
		return nil
	}
	//nolint:spancheck // as in Request
	_, span := t.tracer.Start(ctx, name, trace.WithNewRoot(),
		trace.WithAttributes(attribute.Int("webhookd.batch.entries", entries)))
	return wanted(span) //nolint:spancheck // as in Request
}

// Of gives the traceparent of the span that a context carries; "" if it carries none that is traced.
func (t *Tracer) Of(ctx context.Context) string {
	if t == nil {
		return ""
	}
	return wanted(trace.SpanFromContext(ctx)).Traceparent()
}

// Link says that the span of a context also went through another one, by its traceparent.
func (t *Tracer) Link(ctx context.Context, traceparent string) {
	if t == nil || traceparent == "" {
		return
	}
	trace.SpanFromContext(ctx).AddLink(trace.Link{SpanContext: parse(traceparent)})
}

// parse reads a traceparent; what is none gives a context that is not valid, with which a trace of its own begins.
func parse(traceparent string) trace.SpanContext {
	carrier := propagation.MapCarrier{Header: traceparent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// Span is one step of the way.
type Span struct{ span trace.Span }

// wanted gives nil for a span that is not to be sent.
func wanted(span trace.Span) *Span {
	if !span.SpanContext().IsSampled() {
		return nil
	}
	return &Span{span}
}

// Traceparent names the span to those who take it further; "" for a nil Span.
func (s *Span) Traceparent() string {
	if s == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), s.span), carrier)
	return carrier[Header]
}

// Result says what became of a request, and with which HTTP status it was answered.
func (s *Span) Result(result string, status int) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attribute.String("webhookd.result", result), attribute.Int("http.response.status_code", status))
	if status >= 500 {
		s.span.SetStatus(codes.Error, result)
	}
}

// Answered says what a call-out came to: the status that it was answered with, 0 if it was not.
func (s *Span) Answered(status int, success bool) {
	if s == nil {
		return
	}
	if status > 0 {
		s.span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if !success {
		s.span.SetStatus(codes.Error, "no success")
	}
}

// Call says which call a webhook is of.
func (s *Span) Call(uuid string) {
	if s != nil && uuid != "" {
		s.span.SetAttributes(attribute.String("webhookd.call_uuid", uuid))
	}
}

// End ends the span. Of an error it is only told that there was one: its text may quote what is in a webhook.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "failed; the log has the reason")
	}
	s.span.End()
}
