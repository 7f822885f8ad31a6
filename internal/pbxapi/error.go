package pbxapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind says what went wrong.
type Kind string

// The kinds of failures. The first two may pass by themselves; the others need somebody.
const (
	KindUnreached Kind = "unreached" // no answer: no connection, none in time, or one that broke off
	KindBusy      Kind = "busy"      // 429, or 5xx
	KindRefused   Kind = "refused"   // 401, 403, every other status, a redirect
	KindAnswer    Kind = "answer"    // what came cannot be read as records
)

// Error says why the PBX gave no records. Its text holds neither the key nor the address.
type Error struct {
	Kind       Kind
	Status     int           // 0 if there was no answer
	RetryAfter time.Duration // what the PBX asks for; 0 if nothing, and an hour at most
	Reason     string        // for people
	// Narrow says that it is about what was asked for: another question may well be answered. Otherwise the PBX would
	// have answered no question.
	Narrow bool
}

func (e *Error) Error() string { return "ask pbx for its records: " + e.Reason }

// maxRetryAfter is how long the PBX is believed to want to be left alone.
const maxRetryAfter = time.Hour

// refusal is the error of an answer that is not 200.
func refusal(response *http.Response) *Error {
	e := &Error{Kind: KindRefused, Status: response.StatusCode}
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Reason = fmt.Sprintf("it answered %d: the key of pbx_api is not, or not any more, good for this", status)
	case status == http.StatusTooManyRequests:
		e.Kind, e.RetryAfter = KindBusy, retryAfter(response.Header.Get("Retry-After"))
		e.Reason = "it answered 429: it is asked too often; lower the rate of pbx_api"
	case status >= http.StatusInternalServerError:
		e.Kind, e.RetryAfter = KindBusy, retryAfter(response.Header.Get("Retry-After"))
		e.Reason = fmt.Sprintf("it answered %d", status)
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		e.Reason = fmt.Sprintf("it answered %d: the url of pbx_api leads elsewhere, and the key is not sent on", status)
	case status == http.StatusNotFound:
		e.Reason = "it answered 404: the url of pbx_api is not what stands before /cdr_dialog"
	default:
		e.Reason, e.Narrow = fmt.Sprintf("it answered %d", status), true
	}
	return e
}

// retryAfter reads a number of seconds or a date.
func retryAfter(text string) time.Duration {
	text = strings.TrimSpace(text)
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	return max(0, min(wait, maxRetryAfter))
}

// unreached is the error of a request without a whole answer. The library's own text would hold the address.
func unreached(err error) *Error {
	e := &Error{Kind: KindUnreached, Reason: "it could not be reached, or the answer broke off"}
	var (
		timeout   net.Error
		name      *net.DNSError
		operation *net.OpError
		vouched   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &vouched):
		e.Kind, e.Reason = KindRefused, "its certificate is not good: "+vouched.Err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Reason = "there was no whole answer in time"
	case errors.As(err, &name):
		e.Reason = "its host has no address"
	case errors.As(err, &operation):
		e.Reason = "it could not be reached: " + operation.Err.Error()
	}
	return e
}
