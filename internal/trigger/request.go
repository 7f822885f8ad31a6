package trigger

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"webhookd/internal/flow"
)

// The kinds of requests.
const (
	KindWebhook  = "webhook"
	KindResthook = "resthook"
)

// Request is something that has to leave the process: an HTTP request that call_webhook or call_resthook asks for. It
// holds no secret to sign it with; that is the handler's (see [Compiled.Secret]). Its URL, headers and body may hold what
// is nobody else's business, so it is not to be shown.
type Request struct {
	// ID is the same for every attempt.
	ID         string            `json:"id"`
	Account    string            `json:"account"`
	TriggerID  string            `json:"trigger_id"`
	Handler    string            `json:"handler"`
	Action     int               `json:"action"` // from 1
	Number     int               `json:"number"` // of the action's requests, from 1
	Kind       string            `json:"kind"`
	Method     string            `json:"method"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       string            `json:"body,omitempty"`
	ResultName string            `json:"result_name,omitempty"`
	Resthook   string            `json:"resthook,omitempty"`
}

// What a request came to, in goflow's words.
const (
	StatusSuccess         = "success"
	StatusResponseError   = "response_error"
	StatusConnectionError = "connection_error"
)

// Outcome is what a request came to in the end.
type Outcome struct {
	Status     string        // StatusSuccess, StatusResponseError or StatusConnectionError
	StatusCode int           // 0 if there was no answer
	Elapsed    time.Duration // of the last attempt
	Retries    int           // attempts after the first one
	// URL is the request's as it may be shown; "" shows it without what looks like a secret.
	URL string
	// RequestTrace and ResponseTrace are the last attempt as it may be shown.
	RequestTrace  string
	ResponseTrace string
	// Extraction says what could be read out of the answer, in goflow's words: none, valid or ignored; "" finds out.
	Extraction string
	Body       []byte // of the answer
	Reason     string // why it failed, for people
}

const (
	categorySuccess = "Success"
	categoryFailure = "Failure"

	// maxExtra is how long an answer may be, in bytes, to be part of a result; goflow's own limit.
	maxExtra = 10_000

	extractionNone    = "none"
	extractionValid   = "valid"
	extractionIgnored = "ignored"
)

type webhookJSON struct {
	URL        string `json:"url"`
	Resthook   string `json:"resthook,omitempty"`
	Status     string `json:"status"`
	StatusCode int    `json:"status_code"`
	ElapsedMS  int64  `json:"elapsed_ms"`
	Retries    int    `json:"retries"`
	Request    string `json:"request"`
	Response   string `json:"response"`
	Extraction string `json:"extraction"`
}

// Events turns what a request came to into events: webhook_called; run_result_changed, if the action names a result; and
// an error, if it failed for good. The occasion is that of the trigger, at the time of the outcome.
func (r Request) Events(o *Occasion, outcome Outcome) []flow.Event {
	c := &Compiled{handler: Handler{Name: r.Handler}}
	f := c.firing(o, r.TriggerID)
	f.action = r.Action
	add := func(eventType string, goflow any) {
		name := itoa(r.Action) + "." + itoa(r.Number) + "." + itoa(len(f.Events)+1)
		f.add(name, eventType, encoded(goflow))
	}
	shown := outcome.URL
	if shown == "" {
		shown = redactURL(r.URL)
	}
	extraction := outcome.Extraction
	if extraction == "" {
		extraction = extractionOf(outcome.Body)
	}
	add(EventWebhookCalled, webhookJSON{
		URL: shown, Resthook: r.Resthook, Status: outcome.Status, StatusCode: outcome.StatusCode,
		ElapsedMS: max(0, outcome.Elapsed.Milliseconds()), Retries: outcome.Retries, Request: outcome.RequestTrace,
		Response: outcome.ResponseTrace, Extraction: extraction,
	})
	if r.ResultName != "" {
		result := resultJSON{
			Name: r.ResultName, Value: itoa(outcome.StatusCode), Category: categoryFailure, Input: r.Method + " " + shown,
		}
		if outcome.Status == StatusSuccess {
			result.Category = categorySuccess
		}
		if extraction == extractionValid && len(outcome.Body) <= maxExtra {
			result.Extra = json.RawMessage(outcome.Body)
		}
		add(EventRunResultChanged, result)
	}
	if outcome.Status != StatusSuccess {
		add(EventError, textJSON{r.complain(shown, outcome)})
	}
	return f.Events
}

// complain says for people what went wrong.
func (r Request) complain(shown string, outcome Outcome) string {
	kind := "call_" + r.Kind
	reason := outcome.Reason
	if reason == "" && outcome.StatusCode != 0 {
		reason = "the answer was " + strconv.Itoa(outcome.StatusCode)
	}
	if reason == "" {
		reason = "there was no answer"
	}
	return fmt.Sprintf("handler %s, action %d (%s): %s %s: %s", r.Handler, r.Action, kind, r.Method, shown, reason)
}

func extractionOf(answer []byte) string {
	switch {
	case strings.TrimSpace(string(answer)) == "":
		return extractionNone
	case utf8.Valid(answer) && json.Valid(answer):
		return extractionValid
	}
	return extractionIgnored
}

// redactURL hides what looks like a secret in a URL.
func redactURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return redacted
	}
	if parsed.User != nil {
		parsed.User = url.User(redacted)
	}
	query := parsed.Query()
	hidden := false
	for name, values := range query {
		if !secretName(name) {
			continue
		}
		hidden = true
		for i := range values {
			values[i] = redacted
		}
	}
	if hidden {
		parsed.RawQuery = query.Encode()
	}
	return parsed.String()
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"pass", "secret", "token", "key", "sig", "auth", "code", "credential"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func itoa(n int) string { return strconv.Itoa(n) }
