package callout_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

// place is a server that notes what it gets, and sends it on to where a test says.
type place struct {
	*httptest.Server

	mu       sync.Mutex
	code     int
	location string // "": it answers itself
	got      []*http.Request
	bodies   []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{}
	p.Server = newServer(t, p.serve)
	return p
}

func (p *place) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got, p.bodies = append(p.got, r), append(p.bodies, string(body))
	if p.location == "" || r.URL.Path == "/end" {
		_, _ = io.WriteString(w, "end")
		return
	}
	w.Header().Set("Location", p.location)
	w.WriteHeader(p.code)
	_, _ = io.WriteString(w, "moved")
}

func (p *place) sends(code int, location string) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.location = code, location
	return p
}

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// signed is a call with everything that could be given away.
func signed(method, url, body string) callout.Call {
	return callout.Call{
		Method: method, URL: strings.Replace(url, "http://", "http://user:password@", 1), Body: []byte(body),
		Header: http.Header{"X-Api-Key": {"key-of-the-call"}, "Content-Language": {"pl"}},
		Secret: "signing-secret", MessageID: "msg-1", Traceparent: traceparent,
	}
}

func TestOnTheSameHostACallGoesOnAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code           int
		method, body   string
		want, wantBody string
		keepsSignature bool
	}{
		{301, "POST", "{}", "GET", "", false},
		{302, "PUT", "{}", "GET", "", false},
		{303, "DELETE", "", "GET", "", true},
		{302, "HEAD", "", "HEAD", "", true},
		{301, "GET", "", "GET", "", true},
		{307, "POST", "{}", "POST", "{}", true},
		{308, "PATCH", "{}", "PATCH", "{}", true},
	} {
		name := strconv.Itoa(c.code) + " " + c.method
		p := newPlace(t).sends(c.code, "end?a=1")
		result := newClient(t).Do(t.Context(), signed(c.method, p.URL+"/hook", c.body))
		require.Equal(t, callout.Success, result.Status, name)
		require.Equal(t, 200, result.StatusCode, name)
		require.Len(t, p.got, 2, name)
		last := p.got[1]
		require.Equal(t, "/end?a=1", last.URL.String(), name)
		require.Equal(t, c.want, last.Method, name)
		require.Equal(t, c.wantBody, p.bodies[1], name)
		require.Equal(t, "key-of-the-call", last.Header.Get("X-Api-Key"), name)
		user, password, _ := last.BasicAuth()
		require.Equal(t, "user:password", user+":"+password, name)
		require.Equal(t, "msg-1", last.Header.Get("Webhook-Id"), name)
		require.Equal(t, c.keepsSignature, last.Header.Get("Webhook-Signature") != "", name)
		require.Equal(t, c.keepsSignature, last.Header.Get("Content-Language") != "", name)
		require.Contains(t, result.RequestTrace, c.method+" /hook HTTP/1.1\r\n", "the request that was asked for")
		require.Contains(t, result.ResponseTrace, "HTTP/1.1 200 OK\r\n", "the last answer")
	}
}

func TestWhatARedirectDroppedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/second", http.StatusSeeOther)
		case "/second":
			http.Redirect(w, r, "/third", http.StatusTemporaryRedirect)
		default:
			p.serve(w, r)
		}
	})
	result := newClient(t).Do(t.Context(), signed("POST", server.URL, "{}"))
	require.Equal(t, "end", string(result.Body))
	require.Equal(t, "GET", p.got[0].Method)
	require.Equal(t, []string{""}, p.bodies)
	require.Empty(t, p.got[0].Header.Get("Webhook-Signature"))
}

func TestToAnotherHostNothingOfTheCallGoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code               int
		method, body, want string // want "": it is not followed
	}{
		{301, "GET", "", "GET"},
		{307, "GET", "", "GET"},
		{308, "HEAD", "", "HEAD"},
		{302, "POST", "{}", "GET"},
		{303, "DELETE", "", "GET"},
		{307, "POST", "{}", ""},
		{308, "PUT", "{}", ""},
		{307, "DELETE", "", ""},
		{307, "POST", "", ""},
		{307, "GET", "{}", ""},
	} {
		name := strconv.Itoa(c.code) + " " + c.method + " " + c.body
		other := newPlace(t) // another port is another host
		p := newPlace(t).sends(c.code, strings.Replace(other.URL, "http://", "http://theirs:password@", 1)+"/end")
		result := newClient(t).Do(t.Context(), signed(c.method, p.URL, c.body))
		if c.want == "" {
			require.Equal(t, callout.ResponseError, result.Status, name)
			require.Equal(t, c.code, result.StatusCode, name)
			require.Equal(t, "a redirect wants what was sent to go to another host", result.Reason, name)
			require.False(t, result.Retry, name)
			require.Equal(t, "moved", string(result.Body), name)
			require.Contains(t, result.ResponseTrace, "\r\nLocation: http://REDACTED@", name)
			require.Empty(t, other.got, name)
			continue
		}
		require.Equal(t, callout.Success, result.Status, name)
		require.Len(t, other.got, 1, name)
		require.Equal(t, c.want, other.got[0].Method, name)
		require.Empty(t, other.bodies[0], name)
		delete(other.got[0].Header, "Accept-Encoding")
		require.Equal(t, http.Header{"User-Agent": {"webhookd"}}, other.got[0].Header, name)
	}
}

func TestARedirectToARefusedAddressIsNotFollowed(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"http://127.0.0.2/":              "127.0.0.2 is not called: it is loopback",
		"//10.0.0.1/":                    "10.0.0.1 is not called: it is private",
		"http://169.254.169.254/latest/": "169.254.169.254 is not called: it is " + metadata,
		"https://[::ffff:192.168.0.1]/":  "192.168.0.1 is not called: it is private",
		"http://[::1]:80/":               "::1 is not called: it is loopback",
	} {
		p := newPlace(t).sends(302, location)
		result := newClient(t).Do(t.Context(), callout.Call{URL: p.URL})
		require.Equal(t, callout.ConnectionError, result.Status, location)
		require.Contains(t, result.Reason, want, location)
		require.False(t, result.Retry, location)
	}
}

func TestARedirectThatLeadsNowhereIsTheAnswer(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"":                      "a redirect says not where to",
		"file:///etc/passwd":    "a redirect leads to what is no URL of http or https",
		"gopher://127.0.0.1/":   "a redirect leads to what is no URL of http or https",
		"http://":               "a redirect leads to what is no URL of http or https",
		"http://[::1/":          "a redirect leads to what is no URL of http or https",
		"data:text/plain,hello": "a redirect leads to what is no URL of http or https",
	} {
		server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(http.StatusFound)
		})
		result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL})
		require.Equal(t, callout.ResponseError, result.Status, location)
		require.Equal(t, 302, result.StatusCode, location)
		require.Equal(t, want, result.Reason, location)
		require.False(t, result.Retry, location)
	}
}

func TestThreeRedirectsAreFollowedAndNoMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		redirects int
		status    string
	}{{0, callout.Success}, {1, callout.Success}, {3, callout.Success}, {4, callout.ResponseError}} {
		left := c.redirects
		server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if left > 0 {
				left--
				http.Redirect(w, r, "/", http.StatusFound)
			}
		})
		require.Equal(t, c.status, newClient(t).Do(t.Context(), callout.Call{URL: server.URL}).Status, c.redirects)
	}
	circle := newPlace(t)
	circle.sends(307, circle.URL)
	result := newClient(t).Do(t.Context(), callout.Call{Method: "POST", URL: circle.URL, Body: []byte("{}")})
	require.Equal(t, callout.ResponseError, result.Status)
	require.Equal(t, 307, result.StatusCode)
	require.Equal(t, "there are more than 3 redirects", result.Reason)
	require.False(t, result.Retry)
	require.Len(t, circle.got, 4)
}

func TestNobodyIsLedFromTLSToPlainHTTP(t *testing.T) {
	t.Parallel()
	plain := newPlace(t)
	server := newTLSServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	})
	result := newClient(t, trusting(server)).Do(t.Context(), callout.Call{URL: server.URL})
	require.Equal(t, callout.ResponseError, result.Status)
	require.Equal(t, 302, result.StatusCode)
	require.Equal(t, "a redirect leads from https to http", result.Reason)
	require.Empty(t, plain.got)

	secure := newTLSServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "safe") })
	plain.sends(302, secure.URL)
	result = newClient(t, trusting(secure)).Do(t.Context(), callout.Call{URL: plain.URL})
	require.Equal(t, "safe", string(result.Body))
}
