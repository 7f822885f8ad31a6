package callout_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

func TestACallIsMadeAndShownAsItWent(t *testing.T) {
	t.Parallel()
	// What goes over the wire is read as it comes, and the trace must be the same.
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	sent := make(chan string, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		var raw bytes.Buffer
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(connection, &raw)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		_, _ = io.WriteString(connection, "HTTP/1.1 201 Created\r\nX-B: 2\r\nX-A: 1\r\nContent-Length: 14\r\n\r\n"+`{"id":"żó"}`+"\n")
		sent <- raw.String()
	}()
	address := listener.Addr().String()
	result := newClient(t).Do(t.Context(), callout.Call{
		Method: "post", URL: "http://" + address + "/calls?number=%2B48&b=1#part",
		Header: http.Header{"x-Project": {"7"}, "Host": {"elsewhere"}, "Content-Length": {"3"}, "Accept-Encoding": {"br"}},
		Body:   []byte(`{"a":1}`), MessageID: "msg-1", Traceparent: traceparent,
	})
	want := "POST /calls?number=%2B48&b=1 HTTP/1.1\r\n" +
		"Host: " + address + "\r\n" +
		"User-Agent: webhookd\r\n" +
		"Content-Length: 7\r\n" +
		"Content-Type: application/json\r\n" +
		"Traceparent: " + traceparent + "\r\n" +
		"Webhook-Id: msg-1\r\n" +
		"X-Project: 7\r\n" +
		"Accept-Encoding: gzip\r\n\r\n" +
		`{"a":1}`
	require.Equal(t, want, <-sent)
	require.Equal(t, callout.Result{
		Status: callout.Success, StatusCode: 201, URL: "http://" + address + "/calls?number=%2B48&b=1",
		RequestTrace:  want,
		ResponseTrace: "HTTP/1.1 201 Created\r\nContent-Length: 14\r\nX-A: 1\r\nX-B: 2\r\n\r\n" + `{"id":"żó"}` + "\n",
		Body:          []byte(`{"id":"żó"}` + "\n"),
	}, result)
}

func TestTheStatusSaysWhatAnAnswerMeansAndWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   int
		status string
		retry  bool
	}{
		{200, callout.Success, false},
		{202, callout.Success, false},
		{204, callout.Success, false},
		{299, callout.Success, false},
		{304, callout.ResponseError, false},
		{400, callout.ResponseError, false},
		{401, callout.ResponseError, false},
		{404, callout.ResponseError, false},
		{408, callout.ResponseError, true},
		{409, callout.ResponseError, false},
		{410, callout.ResponseError, false},
		{425, callout.ResponseError, true},
		{429, callout.ResponseError, true},
		{500, callout.ResponseError, true},
		{501, callout.ResponseError, true},
		{503, callout.ResponseError, true},
		{599, callout.ResponseError, true},
	} {
		server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.code) })
		result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL})
		require.Equal(t, c.status, result.Status, c.code)
		require.Equal(t, c.code, result.StatusCode)
		require.Equal(t, c.retry, result.Retry, c.code)
		require.Empty(t, result.Reason)
		require.Zero(t, result.RetryAfter)
	}
}

func TestAReceiverSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   int
		header string
		want   time.Duration
	}{
		{429, "7", 7 * time.Second},
		{503, " 0 ", 0},
		{503, "Tue, 25 Aug 2020 16:25:41 GMT", time.Minute},
		{503, "Tue, 25 Aug 2020 16:24:00 GMT", 0},
		{503, "Tue, 25 Aug 2026 16:24:00 GMT", time.Hour},
		{503, "86400", time.Hour},
		{503, "99999999999999999999", 0},
		{503, "-1", 0},
		{503, "soon", 0},
		{404, "7", 0}, // not worth coming again at all
		{200, "7", 0},
	} {
		server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.header)
			w.WriteHeader(c.code)
		})
		require.Equal(t, c.want, newClient(t).Do(t.Context(), callout.Call{URL: server.URL}).RetryAfter, c.header)
	}
}

func TestACallThatIsWrongIsNotMadeAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call    callout.Call
		want    string
		request string
	}{
		"a method that we do not know": {
			callout.Call{Method: "CONNECT", URL: "http://127.0.0.1/"},
			`the method "CONNECT" is none of GET, HEAD, POST, PUT, PATCH, DELETE`, "CONNECT http://127.0.0.1/ HTTP/1.1\r\n\r\n",
		},
		"no URL": {callout.Call{}, "the URL begins neither with http:// nor with https://", ""},
		"a URL that cannot be read": {
			callout.Call{Method: "GET", URL: "http://user:hunter2hunter2@[::1/"},
			"the URL cannot be read", "GET REDACTED HTTP/1.1\r\n\r\n",
		},
		"a file":              {callout.Call{URL: "file:///etc/passwd"}, "the URL begins neither with http:// nor with https://", ""},
		"a socket":            {callout.Call{URL: "unix:/run/docker.sock"}, "the URL begins neither with http:// nor with https://", ""},
		"gopher":              {callout.Call{URL: "gopher://127.0.0.1:25/_HELO"}, "the URL begins neither with http:// nor with https://", ""},
		"a path":              {callout.Call{URL: "/v1/calls"}, "the URL begins neither with http:// nor with https://", ""},
		"no host":             {callout.Call{URL: "http:///path"}, "the URL has no host", ""},
		"a port and no host":  {callout.Call{URL: "http://:80/"}, "the URL has no host", ""},
		"no host, but a path": {callout.Call{URL: "http:127.0.0.1"}, "the URL has no host", ""},
		"a name of a header": {
			callout.Call{URL: "http://127.0.0.1/", Header: http.Header{"X Y": {"1"}}}, `"X Y" is no name of a header`, "",
		},
		"a header with a line break": {
			callout.Call{URL: "http://127.0.0.1/", Header: http.Header{"X-Y": {"1\r\nX-Evil: 2"}}},
			"the header X-Y holds a control character", "",
		},
		"a signature without an id": {
			callout.Call{URL: "http://127.0.0.1/", Secret: "hunter2hunter2"},
			"a signed request needs a message id of printable ASCII without a full stop", "",
		},
		"a signature over an ambiguous id": {
			callout.Call{URL: "http://127.0.0.1/", Secret: "hunter2hunter2", MessageID: "a.1"},
			"a signed request needs a message id of printable ASCII without a full stop", "",
		},
		"a secret that is no base64": {
			callout.Call{URL: "http://127.0.0.1/", Secret: "whsec_hunter2!", MessageID: "a"},
			"the secret begins with whsec_, and what follows is no base64", "",
		},
	} {
		result := newClient(t).Do(t.Context(), c.call)
		require.Equal(t, callout.ConnectionError, result.Status, name)
		require.Equal(t, c.want, result.Reason, name)
		require.False(t, result.Retry, name)
		require.Zero(t, result.StatusCode, name)
		require.NotEmpty(t, result.RequestTrace, name)
		require.Empty(t, result.ResponseTrace, name)
		if c.request != "" {
			require.Equal(t, c.request, result.RequestTrace, name)
		}
		require.NotContains(t, result.URL+result.RequestTrace+result.Reason, "hunter2", name)
	}
}

func TestNobodyThereIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	server.Close()
	result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL + "/?token=hunter2hunter2"})
	require.Equal(t, callout.ConnectionError, result.Status)
	require.True(t, result.Retry)
	require.Contains(t, result.Reason, "connection refused")
	require.Contains(t, result.RequestTrace, "GET /?token=REDACTED HTTP/1.1\r\n")
	require.Empty(t, result.ResponseTrace)
	require.Nil(t, result.Body)
}

func TestAConnectionThatBreaksOffIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"at once":                    "",
		"in the header":              "HTTP/1.1 200 OK\r\nContent-Le",
		"in the body":                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"no HTTP":                    "220 mail.example.com ESMTP\r\n",
		"another protocol":           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
		"a header without an end":    "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 100_000),
		"what says it is compressed": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hung := make(chan struct{})
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				connection, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					return
				}
				_, _ = io.WriteString(connection, answer)
				if strings.Contains(answer, "101 ") {
					<-hung // the connection stays, and says nothing more
				}
				_ = connection.Close()
			})
			result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL})
			close(hung)
			require.Equal(t, callout.ConnectionError, result.Status)
			require.NotEmpty(t, result.Reason)
			require.True(t, result.Retry)
			require.Zero(t, result.StatusCode)
			if name == "in the body" {
				require.Equal(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", result.ResponseTrace)
			}
		})
	}
}

func TestNothingTakesLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	silent := newServer(t, func(http.ResponseWriter, *http.Request) { <-end })
	slow := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "beginning")
		w.(http.Flusher).Flush()
		<-end
	})
	redirecting := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, silent.URL, http.StatusFound)
	})
	// Somebody accepts the connection and never shakes hands.
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	t.Cleanup(func() { close(end) })
	short := func(cfg *callout.Config) { cfg.Timeout = 50 * time.Millisecond }
	for name, url := range map[string]string{
		"no answer":                  silent.URL,
		"a slow body":                slow.URL,
		"no answer after a redirect": redirecting.URL,
		"no handshake":               "https://" + mute.Addr().String(),
	} {
		result := newClient(t, short).Do(t.Context(), callout.Call{URL: url})
		require.Equal(t, callout.ConnectionError, result.Status, name)
		require.True(t, result.Retry, name)
		require.Equal(t, "there was no whole answer within 50ms", result.Reason, name)
		if name == "a slow body" {
			require.Contains(t, result.ResponseTrace, "\r\n\r\nbeginning")
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	result := newClient(t).Do(stopped, callout.Call{URL: silent.URL})
	require.Equal(t, callout.ConnectionError, result.Status)
	require.True(t, result.Retry)
}

func TestTimeIsMeasuredByTheClock(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(http.ResponseWriter, *http.Request) {})
	times := []time.Time{now, now.Add(1234 * time.Millisecond)}
	client := newClient(t, func(cfg *callout.Config) {
		cfg.Now = func() time.Time { at := times[0]; times = times[1:]; return at }
	})
	require.Equal(t, 1234*time.Millisecond, client.Do(t.Context(), callout.Call{URL: server.URL}).Elapsed)
}

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	t.Parallel()
	endless := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("ż"), 1000)); err != nil {
				return
			}
		}
	})
	result := newClient(t).Do(t.Context(), callout.Call{URL: endless.URL})
	require.Equal(t, callout.Success, result.Status)
	require.True(t, result.Truncated)
	require.Equal(t, strings.Repeat("ż", 32<<10), string(result.Body))

	odd := newClient(t, func(cfg *callout.Config) { cfg.MaxResponse = 5 })
	result = odd.Do(t.Context(), callout.Call{URL: endless.URL})
	require.Equal(t, "żż", string(result.Body), "no half of a character")

	exact := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") })
	result = odd.Do(t.Context(), callout.Call{URL: exact.URL})
	require.Equal(t, "12345", string(result.Body))
	require.False(t, result.Truncated)
}

func TestACompressedAnswerIsReadUpToItsLimitToo(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 64 {
		_, err := w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.Less(t, bomb.Len(), 100_000)
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL})
	require.Equal(t, callout.Success, result.Status)
	require.True(t, result.Truncated)
	require.Len(t, result.Body, 64<<10)
	require.NotContains(t, result.ResponseTrace, "\x00")
}

func TestTracesAreShortTexts(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "x")
		w.Header().Set("Date", "d")
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	for _, c := range []struct{ body, want string }{
		{"", ""},
		{"plain", "plain"},
		{"a\x00b", "a\uFFFDb"},
		{"\xff\xfe binary", "..."},
	} {
		result := newClient(t).Do(t.Context(), callout.Call{Method: "PUT", URL: server.URL, Body: []byte(c.body)})
		_, shown, found := strings.Cut(result.RequestTrace, "\r\n\r\n")
		require.True(t, found)
		require.Equal(t, c.want, shown)
		_, shown, found = strings.Cut(result.ResponseTrace, "\r\n\r\n")
		require.True(t, found)
		require.Equal(t, c.want, shown)
		require.Equal(t, c.body, string(result.Body), "as it came")
	}
	result := newClient(t).Do(t.Context(), callout.Call{
		Method: "POST", URL: server.URL, Body: []byte(strings.Repeat("x", 9000) + strings.Repeat("ż", 40_000)),
	})
	for _, trace := range []string{result.RequestTrace, result.ResponseTrace} {
		require.True(t, strings.HasSuffix(trace, "ż..."))
		require.InDelta(t, 10_000, len(trace), 4)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	server := newTLSServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "over TLS") })
	result := newClient(t).Do(t.Context(), callout.Call{URL: server.URL})
	require.Equal(t, callout.ConnectionError, result.Status)
	require.Contains(t, result.Reason, "certificate")
	require.True(t, result.Retry)

	result = newClient(t, trusting(server)).Do(t.Context(), callout.Call{URL: server.URL})
	require.Equal(t, callout.Success, result.Status)
	require.Equal(t, "over TLS", string(result.Body))
}

func TestThereAreNoCookies(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1"})
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/next", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie")+".")
	})
	client := newClient(t)
	for range 2 {
		require.Equal(t, ".", string(client.Do(t.Context(), callout.Call{URL: server.URL}).Body))
	}
}
