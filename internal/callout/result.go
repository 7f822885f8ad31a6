package callout

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What a call came to, in goflow's words.
const (
	Success         = "success"          // 2xx
	ResponseError   = "response_error"   // any other answer
	ConnectionError = "connection_error" // no whole answer
)

// maxRetryAfter bounds how long an answer may have us wait: it must not put a call-out to sleep for days.
const maxRetryAfter = time.Hour

// Result is what came of one attempt. Its texts and its body hold no secret that the client knows, or can tell by the name
// that it was sent under.
type Result struct {
	Status     string        // Success, ResponseError or ConnectionError
	StatusCode int           // of the last answer; 0 with ConnectionError
	Elapsed    time.Duration // of the whole attempt, redirects included
	URL        string        // the call's, to be shown
	// RequestTrace is the request as the call asked for it, the first one where there were redirects; ResponseTrace the last
	// answer, with ConnectionError what came of it. Both are HTTP/1.1 text of at most 10,000 bytes and "..." behind them if
	// there was more. A body that is no UTF-8 is "...".
	RequestTrace  string
	ResponseTrace string
	Body          []byte // of the last answer, decompressed, up to Config.MaxResponse
	Truncated     bool   // there was more of it
	Reason        string // why there was no whole answer, or why a redirect was not followed; for people
	// Retry says that a further attempt may go better: after connection errors (but not where the call itself is wrong, or
	// leads where it must not), 408, 425, 429 and 5xx.
	Retry bool
	// RetryAfter is how long the receiver asked to be left alone, at most an hour; 0 if it did not say.
	RetryAfter time.Duration
}

// judge says what an answer means.
func (r *Result) judge(response *http.Response, now time.Time) {
	r.StatusCode = response.StatusCode
	if r.StatusCode >= 200 && r.StatusCode <= 299 {
		r.Status = Success
		return
	}
	r.Status = ResponseError
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		r.Retry = true
	default:
		r.Retry = r.StatusCode >= http.StatusInternalServerError
	}
	if r.Retry {
		r.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
	}
}

// retryAfter reads a header that gives seconds or a time.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	return 0
}
