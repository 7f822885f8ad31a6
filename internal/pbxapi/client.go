// Package pbxapi asks a PBX for its own records of dialogs (GET /cdr_dialog; docs/pbx.md says what is known of it). It
// knows paging, the limits of a request, and which failures are worth another try; it does not know what a record
// means, and neither the store nor calls.
//
// The address is the operator's, from the configuration, so every host may be asked; but no redirect is followed, for
// the key would go with it, and an answer is bounded in size and in time.
package pbxapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"webhookd/internal/dialog"
)

// PageSize is how many records one request asks for, the most that the PBX is documented to give. It may give fewer.
const PageSize = 500

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 32 << 20
	maxRecords     = 100_000 // of one question
	maxHeader      = 64 << 10
	idleTime       = 30 * time.Second
	userAgent      = "webhookd"
)

// Config is what a Client works with.
type Config struct {
	BaseURL string // what stands before /cdr_dialog
	Key     string // sent as Authorization, as it is
	Rate    int    // requests a second at most; 0: 1
	Timeout time.Duration
	MaxBody int64          // bytes of an answer, after decompression; 0: 32 MiB
	RootCAs *x509.CertPool // who vouches for the PBX's certificate; nil: the system's
}

// Client asks one PBX. It may be used by any number of goroutines at once; together they keep to its rate.
type Client struct {
	cfg       Config
	http      *http.Client
	transport *http.Transport

	mu    sync.Mutex
	next  time.Time // when the next request may begin
	count Stats
}

// Stats says what a Client did since it was made.
type Stats struct {
	Requests int64 // that were made
	Records  int64 // that came
	Failed   int64 // requests that gave no records that can be used
}

// New makes a Client. Close it when it is no longer used.
func New(cfg Config) *Client {
	if cfg.Rate <= 0 {
		cfg.Rate = 1
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    cfg.Timeout,
		MaxIdleConns:           1,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
	return &Client{cfg: cfg, transport: transport, http: &http.Client{
		Transport:     transport,
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes the connection that waits for another request.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Stats gives the counts.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// filter is one condition of the PBX.
type filter struct {
	Property string `json:"property"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

// page makes one request, when its turn has come.
func (c *Client) page(ctx context.Context, from, to dialog.Time, offset int) ([]json.RawMessage, error) {
	conditions, err := json.Marshal([]filter{
		{"start_time", "gte", from.Time().Format(time.DateTime)}, {"start_time", "lt", to.Time().Format(time.DateTime)},
	})
	if err != nil {
		return nil, fmt.Errorf("write filter: %w", err)
	}
	target := c.cfg.BaseURL + "/cdr_dialog?" + url.Values{
		"limit": {strconv.Itoa(PageSize)}, "offset": {strconv.Itoa(offset)}, "filter": {string(conditions)},
	}.Encode()
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, c.fail(&Error{Kind: KindRefused, Reason: "the url of pbx_api cannot be asked"})
	}
	request.Header.Set("Authorization", c.cfg.Key)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ask pbx: %w", context.Cause(ctx))
		}
		return nil, c.fail(unreached(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, c.fail(refusal(response))
	}
	records, err := c.read(response.Body)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read answer of pbx: %w", context.Cause(ctx))
		}
		return nil, c.fail(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count.Records += int64(len(records))
	return records, nil
}

// read reads a list of records: bare, or as data of an object, in which form the PBX answers its other questions.
func (c *Client) read(body io.Reader) ([]json.RawMessage, error) {
	data, err := io.ReadAll(io.LimitReader(body, c.cfg.MaxBody+1))
	if err != nil {
		return nil, unreached(err)
	}
	if int64(len(data)) > c.cfg.MaxBody {
		return nil, &Error{
			Kind: KindAnswer, Narrow: true, Reason: fmt.Sprintf("the answer is larger than %d bytes", c.cfg.MaxBody),
		}
	}
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '{' {
		var wrapped struct {
			Data json.RawMessage `json:"data"`
		}
		if json.Unmarshal(data, &wrapped) == nil && len(wrapped.Data) > 0 {
			data = wrapped.Data
		}
	}
	var records []json.RawMessage
	if len(data) == 0 || data[0] != '[' || json.Unmarshal(data, &records) != nil {
		return nil, &Error{Kind: KindAnswer, Reason: "the answer is no JSON list of records"}
	}
	if len(records) > PageSize {
		return nil, &Error{Kind: KindAnswer, Reason: fmt.Sprintf("%d records came, and %d were asked for: the PBX does "+
			"not heed limit", len(records), PageSize)}
	}
	return records, nil
}

// Rate is how many requests a second it makes at most.
func (c *Client) Rate() int { return c.cfg.Rate }

// wait waits for the turn of a request.
func (c *Client) wait(ctx context.Context) error {
	c.mu.Lock()
	now := time.Now()
	at := c.next
	if at.Before(now) {
		at = now
	}
	if deadline, ok := ctx.Deadline(); ok && at.After(deadline) {
		c.mu.Unlock()
		return &Error{Kind: KindBusy, RetryAfter: at.Sub(now), Reason: "it asked to be left alone for a while"}
	}
	c.next = at.Add(time.Second / time.Duration(c.cfg.Rate))
	c.count.Requests++
	c.mu.Unlock()
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ask pbx: %w", context.Cause(ctx))
	}
}

func (c *Client) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count.Failed++
	var told *Error
	if errors.As(err, &told) && told.RetryAfter > 0 {
		if at := time.Now().Add(told.RetryAfter); at.After(c.next) {
			c.next = at
		}
	}
	return err
}
