// Package pbxtest is a PBX that can be asked for its records, for tests: a real HTTP server that answers GET /cdr_dialog
// as the PBX's documentation says (limit, offset, filter, Authorization), and as badly as a test asks for.
package pbxtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Key is what the PBX wants as Authorization.
const Key = "hunter2-key-of-the-pbx"

// Record is a record of a dialog, as the PBX has it.
type Record map[string]any

// PBX is the server.
type PBX struct {
	*httptest.Server

	mu       sync.Mutex
	records  []Record
	requests []Request
	answers  []http.HandlerFunc // that are given before it behaves again, the first one first
	always   http.HandlerFunc   // that is given always, if it is not nil
	wrapped  bool
	most     int               // records in an answer
	before   func(request int) // is called before a request is answered
}

// Request is what it was asked.
type Request struct{ Limit, Offset, Filter string }

// New starts a PBX that has these records, in this order. It stops when the test ends.
func New(t testing.TB, records ...Record) *PBX {
	t.Helper()
	p := &PBX{records: records, most: 500}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

// Put adds records.
func (p *PBX) Put(records ...Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, records...)
}

// PutFirst adds records before those that it has.
func (p *PBX) PutFirst(records ...Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(append([]Record(nil), records...), p.records...)
}

// Most makes it give so many records at once and no more, whatever limit says.
func (p *PBX) Most(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = n
}

// Before lets something happen before each request is answered; the first is 1.
func (p *PBX) Before(do func(request int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = do
}

// Next makes the next requests be answered in these ways, one each.
func (p *PBX) Next(answers ...http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, answers...)
}

// Always makes every request be answered in this way; nil: it behaves again.
func (p *PBX) Always(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = answer
}

// Wrap makes it answer {"data": [...]} instead of a bare list.
func (p *PBX) Wrap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrapped = true
}

// Requests gives what it was asked so far.
func (p *PBX) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.requests...)
}

// Status answers with a status, and headers given as name and value.
func Status(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// Body answers 200 with a body.
func Body(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// Slow does not answer until who asks has gone.
func Slow(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func (p *PBX) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	query := r.URL.Query()
	p.requests = append(p.requests, Request{query.Get("limit"), query.Get("offset"), query.Get("filter")})
	if before, n := p.before, len(p.requests); before != nil {
		p.mu.Unlock()
		before(n)
		p.mu.Lock()
	}
	answer := p.always
	if answer == nil && len(p.answers) > 0 {
		answer, p.answers = p.answers[0], p.answers[1:]
	}
	if answer != nil {
		p.mu.Unlock()
		answer(w, r)
		p.mu.Lock()
		return
	}
	if r.Method != http.MethodGet || r.URL.Path != "/cdr_dialog" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Header.Get("Authorization") != Key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	page, err := p.page(query.Get("limit"), query.Get("offset"), query.Get("filter"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var body any = page
	if p.wrapped {
		body = map[string]any{"data": page}
	}
	data, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(data)
}

// page gives a page of the records that the filter lets through.
func (p *PBX) page(limitText, offsetText, filterText string) ([]Record, error) {
	limit, offset := 500, 0
	var err error
	if limitText != "" {
		if limit, err = strconv.Atoi(limitText); err != nil || limit < 1 || limit > 500 {
			return nil, fmt.Errorf("limit %q", limitText)
		}
	}
	if offsetText != "" {
		if offset, err = strconv.Atoi(offsetText); err != nil || offset < 0 {
			return nil, fmt.Errorf("offset %q", offsetText)
		}
	}
	var conditions []struct {
		Property string `json:"property"`
		Operator string `json:"operator"`
		Value    string `json:"value"`
	}
	if filterText != "" {
		if err := json.Unmarshal([]byte(filterText), &conditions); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	found := []Record{}
	for _, record := range p.records {
		fits := true
		for _, c := range conditions {
			if c.Property != "start_time" && c.Property != "hangup_time" {
				return nil, fmt.Errorf("property %q", c.Property)
			}
			value, _ := record[c.Property].(string)
			order := strings.Compare(value, c.Value) // the notation sorts as the times do
			fits = fits && map[string]bool{
				"gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0,
			}[c.Operator]
		}
		if fits {
			found = append(found, record)
		}
	}
	if offset >= len(found) {
		return []Record{}, nil
	}
	return found[offset:min(len(found), offset+min(limit, p.most))], nil
}
