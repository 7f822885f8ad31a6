package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	tries      = 6
	firstDelay = 250 * time.Millisecond
	longest    = 30 * time.Second // the longest wait that Retry-After can make us take
	maxAnswer  = 64 << 10
)

// send posts one webhook until there is an answer that stands. An error means that going on is of no use.
func (p *Player) send(ctx context.Context, webhook Webhook) (Outcome, error) {
	address, err := Target(p.options.URL, or(webhook.Account, p.options.Account))
	if err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Where: webhook.Where, Result: Failed}
	delay := firstDelay
	for try := 1; ; try++ {
		answer, err := p.post(ctx, address, webhook)
		if ctx.Err() != nil {
			return Outcome{}, ctx.Err()
		}
		if err != nil {
			if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" && !p.answered.Load() {
				return Outcome{}, fmt.Errorf("%w: %w", ErrUnreachable, dial)
			}
			outcome.Detail = err.Error()
		} else {
			p.answered.Store(true)
			retry, err := answer.judge(&outcome)
			if err != nil || !retry {
				return outcome, err
			}
		}
		if try == tries {
			return outcome, nil
		}
		if err := p.wait(ctx, min(max(delay, answer.retryAfter), longest)); err != nil {
			return Outcome{}, err
		}
		delay *= 2
	}
}

// answer is what the service said to one request.
type answer struct {
	status     int
	retryAfter time.Duration
	body       []byte
}

func (p *Player) post(ctx context.Context, address string, webhook Webhook) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(webhook.Body))
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "webhookd-replay")
	for name, value := range webhook.Headers {
		if !ofTheConnection(name) {
			request.Header.Set(name, value)
		}
	}
	if p.options.Secret != "" {
		request.Header.Set(p.options.Header, p.options.Secret)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("send webhook: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	// Read to the end, so that the connection is used again.
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return answer{
		status:     response.StatusCode,
		retryAfter: retryAfter(response.Header.Get("Retry-After"), p.now()),
		body:       body,
	}, nil
}

// judge says what an answer means for the webhook, and whether to send it again.
func (a answer) judge(outcome *Outcome) (retry bool, err error) {
	outcome.Detail = a.detail()
	switch a.status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted:
		var said struct {
			Status Result `json:"status"`
		}
		_ = json.Unmarshal(a.body, &said) // what is no JSON has no status, which is judged below
		switch said.Status {
		case Accepted, Duplicate, Ignored:
			outcome.Result, outcome.Detail = said.Status, ""
		default:
			outcome.Detail = "the answer is not one of webhookd's: is the URL right?"
		}
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity:
		outcome.Result = Refused
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, fmt.Errorf("%w: %s", ErrNotAllowed, outcome.Detail)
	}
	return false, nil
}

// detail gives an error answer on one line: its status, and what its problem+json says.
func (a answer) detail() string {
	text := strconv.Itoa(a.status) + " " + http.StatusText(a.status)
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(a.body, &problem) == nil {
		if said := or(problem.Detail, problem.Title); said != "" {
			text += ": " + strings.Join(strings.Fields(said), " ")
		}
	}
	return text
}

// Target is where the webhooks of an account go.
func Target(base, account string) (string, error) {
	parsed, err := url.Parse(base)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return "", fmt.Errorf("%q is no URL of a service; write one as http://127.0.0.1:8080", base)
	}
	parsed = parsed.JoinPath("v1", "webhooks")
	if account != "" {
		parsed = parsed.JoinPath(url.PathEscape(account))
	}
	return parsed.String(), nil
}

// ofTheConnection says whether a recorded header belonged to the connection it came over, or is made anew from the body.
func ofTheConnection(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Expect":
		return true
	}
	return false
}

// retryAfter reads a Retry-After header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(longest.Seconds()))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
