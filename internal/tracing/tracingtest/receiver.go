// Package tracingtest is a collector for tests: it takes traces as OTLP over HTTP has it, and shows them.
package tracingtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver keeps what it was sent.
type Receiver struct {
	URL string // for otlp_endpoint

	mu    sync.Mutex
	spans []*otlp.Span
	about map[string]string
	raw   []byte
}

// Receive starts a receiver that ends with the test.
func Receive(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{about: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func (r *Receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var told collector.ExportTraceServiceRequest
	if err != nil || request.URL.Path != "/v1/traces" || request.Method != http.MethodPost || proto.Unmarshal(body, &told) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, body...)
	for _, resource := range told.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			r.about[attribute.GetKey()] = attribute.GetValue().GetStringValue()
		}
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Spans gives every span so far.
func (r *Receiver) Spans() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*otlp.Span(nil), r.spans...)
}

// Named gives the spans so far by their names; of several of one name the last one.
func (r *Receiver) Named() map[string]*otlp.Span {
	named := map[string]*otlp.Span{}
	for _, span := range r.Spans() {
		named[span.GetName()] = span
	}
	return named
}

// About gives the attributes of whoever sent spans.
func (r *Receiver) About() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.about
}

// Raw is everything that was sent, as it was sent.
func (r *Receiver) Raw() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}
