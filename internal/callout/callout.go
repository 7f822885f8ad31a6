// Package callout calls out: it is the HTTP client for what handlers ask to leave the process (call_webhook and
// call_resthook). Whoever writes a handler chooses the address and templates fill it in, so the client is built to be
// pointed at the wrong place: it connects to public addresses only unless configured otherwise, takes no more of an answer
// than it was told to, goes after few redirects, and keeps secrets out of all that it hands back.
//
// It makes one attempt and says whether another is worth it; when, and how often, is its caller's to say (see [Backoff]).
// It must not know of handlers, events or the store, and it logs nothing: what happened is in the [Result].
package callout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	defaultTimeout     = 15 * time.Second
	defaultMaxResponse = 64 << 10
	defaultUserAgent   = "webhookd"

	maxHeader = 64 << 10 // bytes of an answer's header
	idleTime  = 30 * time.Second
	maxIdle   = 64
	maxIdleOf = 4 // idle connections kept to one host
)

// Config is what a Client works with. The zero Config is a good one.
type Config struct {
	// Timeout bounds a call as a whole, from looking up the name to the last byte of the answer, redirects included;
	// 0: 15 s.
	Timeout time.Duration
	// MaxResponse is how many bytes of an answer's body are kept, after decompression; 0: 64 KiB.
	MaxResponse int
	// AllowPrivate are networks that may be called although they are not public (see the table in address.go). A cloud's
	// metadata address is allowed only by a prefix of that single address.
	AllowPrivate []netip.Prefix
	// AllowAllPrivate allows every address but those of clouds' metadata.
	AllowAllPrivate bool
	// UserAgent is sent where a call has none of its own; "": webhookd.
	UserAgent string
	// Secrets are texts that are hidden wherever they stand in what a Result shows.
	Secrets []string
	// Resolver looks up names; nil: the system's. What it answers is not trusted: each address is checked when it is
	// connected to.
	Resolver *net.Resolver
	// RootCAs are who vouches for the certificates of others; nil: the system's.
	RootCAs *x509.CertPool
	// Now is the clock, for signatures and for measuring; nil: time.Now.
	Now func() time.Time
}

// Client makes calls. It may be used by any number of goroutines at once.
type Client struct {
	cfg       Config
	transport *http.Transport
}

// Call is one request that is to leave the process.
type Call struct {
	Method string // GET, HEAD, POST, PUT, PATCH or DELETE; "": GET
	URL    string // http or https
	// Header is sent as given, but for what belongs to the connection or the body's framing (Host, Content-Length,
	// Transfer-Encoding, Connection and their like), which is left out.
	Header http.Header
	// Body is sent as it is. If it is JSON, and Header has no Content-Type, application/json is sent with it.
	Body []byte
	// Secret signs the request (see sign.go); "": no signature.
	Secret string
	// MessageID is sent as webhook-id, so that a receiver knows a repeated attempt; a signature needs it.
	MessageID string
	// Traceparent is sent as traceparent (W3C Trace Context), unless Header has one; "": there is no trace.
	Traceparent string
}

// New makes a Client. Close it when it is no longer used.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = defaultMaxResponse
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = defaultUserAgent
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	allowed := guard{allow: cfg.AllowPrivate, all: cfg.AllowAllPrivate}
	// A connection may be made on for a call that gave up already; these bound it where the call's own time cannot.
	ownTime := cfg.Timeout + time.Second
	dialer := &net.Dialer{Timeout: ownTime, Resolver: cfg.Resolver, ControlContext: allowed.control}
	// HTTP/1.1 alone: every receiver speaks it, and the traces show what was sent.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &Client{cfg: cfg, transport: &http.Transport{
		Proxy:                  nil, // a proxy would connect where we may not
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    ownTime,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdleOf,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              protocols,
	}}
}

// Close closes the connections that wait for another call. Calls under way go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes one attempt at a call and says how it went. Nothing of it is an error to the caller: a call that could not be
// made is a [ConnectionError] with a Reason. It is bounded by ctx and by Config.Timeout.
func (c *Client) Do(ctx context.Context, call Call) Result {
	began := c.cfg.Now()
	result := Result{Status: ConnectionError}
	request, err := c.request(call, began)
	if err != nil {
		hide := newHider(c.cfg.Secrets, call, nil)
		result.URL, result.Reason = hide.url(call.URL), hide.text(err.Error())
		result.RequestTrace = hide.trace(call.Method + " " + hide.url(call.URL) + " HTTP/1.1\r\n\r\n")
		return result
	}
	hide := newHider(c.cfg.Secrets, call, request.Header)
	result.URL, result.RequestTrace = hide.url(call.URL), hide.trace(requestTrace(request, call.Body))

	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	limit := c.cfg.MaxResponse + hide.longest // so that no secret is cut in two
	got, err := c.follow(request.WithContext(ctx), call.Body, limit)
	ended := c.cfg.Now()
	result.Elapsed = ended.Sub(began)
	if got.response != nil {
		whole := err == nil && len(got.body) <= limit
		result.Body, result.Truncated = hide.body(got.body, whole, c.cfg.MaxResponse)
		result.ResponseTrace = hide.trace(responseTrace(got.response, result.Body, result.Truncated))
	}
	if err != nil {
		result.Reason = hide.text(reason(ctx, err, c.cfg.Timeout))
		result.Retry = !refused(err)
		result.Body, result.Truncated = nil, false
		return result
	}
	result.judge(got.response, ended)
	result.Reason = hide.text(got.unfollowed)
	return result
}

// answer is what came back in the end.
type answer struct {
	response   *http.Response // nil: nothing did
	body       []byte
	unfollowed string // why a redirect was not gone after; "": there was none
}

// follow sends a request and goes after redirects. It reads up to limit+1 bytes of the last answer's body. With an error
// there may be an answer, one that broke off.
func (c *Client) follow(request *http.Request, sent []byte, limit int) (answer, error) {
	for hops := 0; ; hops++ {
		response, err := c.transport.RoundTrip(request)
		if err != nil {
			return answer{}, err
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			// We asked for no other protocol. The connection is ours alone now, and no time-out would end it.
			_ = response.Body.Close()
			return answer{}, errSwitched
		}
		next, unfollowed := redirect(request, response, sent)
		if next != nil && hops == maxRedirects {
			next, unfollowed = nil, fmt.Sprintf("there are more than %d redirects", maxRedirects)
		}
		if next == nil {
			body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
			_ = response.Body.Close()
			return answer{response, body, unfollowed}, err
		}
		_ = response.Body.Close()
		request = next
		if request.ContentLength == 0 {
			sent = nil // what was once dropped stays so
		}
	}
}

var errSwitched = errors.New("the receiver switched to another protocol")

// reason is what went wrong, for people.
func reason(ctx context.Context, err error, timeout time.Duration) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("there was no whole answer within %s", timeout)
	}
	return err.Error()
}
