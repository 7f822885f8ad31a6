package replay_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/replay"
)

// request is what a door saw.
type request struct {
	path, body string
	header     http.Header
}

// door is a server that keeps what it got and answers as it is told; the default is "accepted".
type door struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
	conns    map[string]bool
	answer   func(n int, w http.ResponseWriter, body string)
}

func newDoor(t *testing.T, answer func(n int, w http.ResponseWriter, body string)) *door {
	t.Helper()
	d := &door{conns: map[string]bool{}, answer: answer}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.requests = append(d.requests, request{r.URL.EscapedPath(), string(body), r.Header.Clone()})
		d.conns[r.RemoteAddr] = true
		if d.answer != nil {
			d.answer(len(d.requests), w, string(body))
			return
		}
		say(w, http.StatusOK, `{"status":"accepted"}`)
	}))
	t.Cleanup(d.Close)
	return d
}

func say(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (d *door) bodies() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var bodies []string
	for _, r := range d.requests {
		bodies = append(bodies, r.body)
	}
	return bodies
}

func player(t *testing.T, options replay.Options) *replay.Player {
	t.Helper()
	p, err := replay.New(options)
	require.NoError(t, err)
	p.SetClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func(time.Duration) {})
	return p
}

func TestTheRecordedCallIsSentByteForByteInOrderOverOneConnection(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "outbound_answered", "webhooks.ndjson"))
	require.NoError(t, err)
	d := newDoor(t, nil)
	p := player(t, replay.Options{URL: d.URL, Header: "appHash", Secret: "the secret"})
	require.NoError(t, p.Play(t.Context(), strings.NewReader(string(data)), "call"))
	require.Equal(t, strings.Split(strings.TrimSpace(string(data)), "\n"), d.bodies())
	require.Len(t, d.conns, 1)
	require.Equal(t, "/v1/webhooks", d.requests[0].path)
	require.Equal(t, "the secret", d.requests[0].header.Get("Apphash"))
	require.Equal(t, "application/json", d.requests[0].header.Get("Content-Type"))
	require.Equal(t, replay.Counts{Accepted: 8}, p.Counts())
	require.Equal(t, "8 accepted", p.Counts().String())
}

func TestTheRecordedCallTakesItsTime(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "outbound_answered", "webhooks.ndjson"))
	require.NoError(t, err)
	for text, want := range map[string][]time.Duration{
		"1x":  {6 * time.Second, 14 * time.Second, 8 * time.Second},
		"10x": {600 * time.Millisecond, 1400 * time.Millisecond, 800 * time.Millisecond},
		"max": nil,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			speed, err := replay.ParseSpeed(text)
			require.NoError(t, err)
			d := newDoor(t, nil)
			p := player(t, replay.Options{URL: d.URL, Speed: speed})
			var waited []time.Duration
			p.SetClock(time.Now(), func(wait time.Duration) { waited = append(waited, wait) })
			require.NoError(t, p.Play(t.Context(), strings.NewReader(string(data)), "call"))
			require.Equal(t, want, waited)
			require.Len(t, d.bodies(), 8)
		})
	}
}

func TestRecordedRequestsAreSentAsTheyCame(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	p := player(t, replay.Options{URL: d.URL + "/behind/a/proxy/", Account: "other", Speed: 1})
	var waited []time.Duration
	p.SetClock(time.Now(), func(wait time.Duration) { waited = append(waited, wait) })
	require.NoError(t, p.Play(t.Context(), strings.NewReader(strings.Join([]string{
		`{"received_at":"2026-01-15T10:00:00Z","body":{"event_time":"1999-01-01 00:00:00",  "b":1}}`,
		``,
		`{"received_at":"2026-01-15T10:00:00.25Z","account":"a/b","headers":{"X-Kept":"yes","Content-Length":"7"},"body":"no {JSON"}`,
		`   `,
		`{"received_at":"2026-01-15T11:00:00+01:00","body_base64":"/wA="}`,
		`{"received_at":"2026-01-15T10:00:01Z","body":[1]}`,
		`{"received_at":"2026-01-15T10:00:01Z"}`,
	}, "\n")), "recording"))
	require.Equal(t, []string{
		`{"event_time":"1999-01-01 00:00:00",  "b":1}`, `no {JSON`, "\xff\x00", `[1]`,
		`{"received_at":"2026-01-15T10:00:01Z"}`,
	}, d.bodies())
	require.Equal(t, "/behind/a/proxy/v1/webhooks/other", d.requests[0].path)
	require.Equal(t, "/behind/a/proxy/v1/webhooks/a%2Fb", d.requests[1].path)
	require.Equal(t, "yes", d.requests[1].header.Get("X-Kept"))
	require.Equal(t, []time.Duration{250 * time.Millisecond, 750 * time.Millisecond}, waited)
}

func TestARecordedRequestThatCannotBeReadEndsTheReplay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ line, want string }{
		"time":    {`{"received_at":"yesterday","body":{}}`, `received_at "yesterday" is not RFC 3339`},
		"key":     {`{"received_at":"2026-01-15T10:00:00Z","body":{},"acount":"x"}`, `unknown field "acount"`},
		"bodies":  {`{"received_at":"2026-01-15T10:00:00Z","body":{},"body_base64":""}`, `both body and body_base64`},
		"base64":  {`{"received_at":"2026-01-15T10:00:00Z","body_base64":"?"}`, `body_base64: illegal base64 data`},
		"headers": {`{"received_at":"2026-01-15T10:00:00Z","headers":1,"body":{}}`, `cannot unmarshal number`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			p := player(t, replay.Options{URL: d.URL})
			err := p.Play(t.Context(), strings.NewReader("{}\n"+tt.line+"\n"), "recording")
			require.ErrorContains(t, err, "read recording:2: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEveryAnswerIsCountedAndExplained(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(n int, w http.ResponseWriter, _ string) {
		switch n {
		case 1:
			say(w, http.StatusOK, `{"status":"accepted"}`)
		case 2:
			say(w, http.StatusOK, `{"status":"duplicate"}`)
		case 3:
			say(w, http.StatusOK, `{"status":"ignored"}`)
		case 4:
			say(w, http.StatusBadRequest, `{"title":"Bad Request","detail":"event_time is\n missing"}`)
		case 5:
			say(w, http.StatusInternalServerError, `oops`)
		case 6:
			say(w, http.StatusOK, `<h1>Welcome</h1>`)
		default:
			w.Header().Set("Location", "http://example.com/")
			say(w, http.StatusFound, ``)
		}
	})
	var outcomes []replay.Outcome
	p := player(t, replay.Options{URL: d.URL, Report: func(o replay.Outcome) { outcomes = append(outcomes, o) }})
	require.NoError(t, p.Play(t.Context(), strings.NewReader(strings.Repeat("{}\n", 7)), "f"))
	require.Equal(t, replay.Counts{Accepted: 1, Duplicate: 1, Ignored: 1, Refused: 1, Failed: 3}, p.Counts())
	require.Equal(t, "1 accepted, 1 duplicate, 1 ignored, 1 refused, 3 failed", p.Counts().String())
	require.Equal(t, 7, p.Counts().Total())
	require.Equal(t, []replay.Outcome{
		{Where: "f:1", Result: replay.Accepted},
		{Where: "f:2", Result: replay.Duplicate},
		{Where: "f:3", Result: replay.Ignored},
		{Where: "f:4", Result: replay.Refused, Detail: "400 Bad Request: event_time is missing"},
		{Where: "f:5", Result: replay.Failed, Detail: "500 Internal Server Error"},
		{Where: "f:6", Result: replay.Failed, Detail: "the answer is not one of webhookd's: is the URL right?"},
		{Where: "f:7", Result: replay.Failed, Detail: "302 Found"},
	}, outcomes)
}

func TestABusyServiceIsAskedAgainAfterTheTimeItSays(t *testing.T) {
	t.Parallel()
	answers := []struct {
		status int
		after  string
	}{{503, "2"}, {503, ""}, {429, "86400"}, {503, "soon"}, {200, ""}}
	d := newDoor(t, func(n int, w http.ResponseWriter, _ string) {
		if after := answers[n-1].after; after != "" {
			w.Header().Set("Retry-After", after)
		}
		say(w, answers[n-1].status, `{"status":"accepted"}`)
	})
	p := player(t, replay.Options{URL: d.URL})
	var waited []time.Duration
	p.SetClock(time.Now(), func(wait time.Duration) { waited = append(waited, wait) })
	require.NoError(t, p.Play(t.Context(), strings.NewReader("{}"), "f"))
	require.Equal(t, replay.Counts{Accepted: 1}, p.Counts())
	require.Equal(t, []time.Duration{2 * time.Second, 500 * time.Millisecond, 30 * time.Second, 2 * time.Second}, waited)
}

func TestAServiceThatStaysBusyIsGivenUpOn(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(_ int, w http.ResponseWriter, _ string) { say(w, http.StatusServiceUnavailable, "") })
	p := player(t, replay.Options{URL: d.URL})
	require.NoError(t, p.Play(t.Context(), strings.NewReader("{}"), "f"))
	require.Equal(t, replay.Counts{Failed: 1}, p.Counts())
	require.Len(t, d.bodies(), 6)
}

func TestAConnectionThatBreaksIsMadeAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(n int, w http.ResponseWriter, _ string) {
		if n == 2 {
			panic(http.ErrAbortHandler)
		}
		say(w, http.StatusOK, `{"status":"accepted"}`)
	})
	p := player(t, replay.Options{URL: d.URL})
	require.NoError(t, p.Play(t.Context(), strings.NewReader("1\n2\n3\n"), "f"))
	require.Equal(t, replay.Counts{Accepted: 3}, p.Counts())
	require.Equal(t, []string{"1", "2", "2", "3"}, d.bodies())
}

func TestNobodyThereEndsTheReplayAtOnce(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	p := player(t, replay.Options{URL: "http://" + listener.Addr().String()})
	err = p.Play(t.Context(), strings.NewReader("{}\n{}\n"), "f")
	require.ErrorIs(t, err, replay.ErrUnreachable)
	require.Zero(t, p.Counts().Total())
}

func TestAWrongSecretEndsTheReplayAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(_ int, w http.ResponseWriter, _ string) {
		say(w, http.StatusUnauthorized, `{"title":"Unauthorized"}`)
	})
	p := player(t, replay.Options{URL: d.URL})
	err := p.Play(t.Context(), strings.NewReader("{}\n{}\n"), "f")
	require.ErrorIs(t, err, replay.ErrNotAllowed)
	require.ErrorContains(t, err, "401 Unauthorized: Unauthorized")
	require.Len(t, d.bodies(), 1)
}

func TestSeveralConnectionsKeepTheOrderOfEachDialog(t *testing.T) {
	t.Parallel()
	const dialogs, each = 20, 25
	var lines []string
	for i := range each {
		for dialog := range dialogs {
			lines = append(lines, fmt.Sprintf(`{"dialog_uuid":"d%d","n":%d}`, dialog, i))
		}
	}
	d := newDoor(t, nil)
	p := player(t, replay.Options{URL: d.URL, Connections: 8})
	require.NoError(t, p.Play(t.Context(), strings.NewReader(strings.Join(lines, "\n")), "f"))
	require.Equal(t, replay.Counts{Accepted: dialogs * each}, p.Counts())
	require.Greater(t, len(d.conns), 1)
	next := map[string]int{}
	for _, body := range d.bodies() {
		var dialog string
		var n int
		_, err := fmt.Sscanf(strings.NewReplacer(`"`, " ", ",", " ", "}", " ").Replace(body), "{ dialog_uuid : %s n :%d", &dialog, &n)
		require.NoError(t, err, body)
		require.Equal(t, next[dialog], n, dialog)
		next[dialog]++
	}
}

func TestAReplayCanBeStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d := newDoor(t, func(n int, w http.ResponseWriter, _ string) {
		if n == 2 {
			cancel()
		}
		say(w, http.StatusOK, `{"status":"accepted"}`)
	})
	p := player(t, replay.Options{URL: d.URL, Connections: 1})
	err := p.Play(ctx, strings.NewReader(strings.Repeat("{}\n", 1000)), "f")
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, len(d.bodies()), 1000)
}

func TestOnlyHTTPAddressesAreTaken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "127.0.0.1:8080", "localhost:8080", "ftp://host/", "http://"} {
		_, err := replay.New(replay.Options{URL: text})
		require.Error(t, err, text)
	}
}

func TestSpeeds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]replay.Speed{"1x": 1, "10x": 10, "0.5x": 0.5, "max": replay.Max} {
		speed, err := replay.ParseSpeed(text)
		require.NoError(t, err, text)
		require.InDelta(t, float64(want), float64(speed), 0)
	}
	for _, text := range []string{"", "x", "1", "0x", "-1x", "NaNx", "Infx", "fast"} {
		_, err := replay.ParseSpeed(text)
		require.Error(t, err, text)
	}
}

func TestWebhooksAreCountedWithoutBeingRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"": 0, "\n\n": 0, "{}": 1, "{}\n": 1, "a\n \nb": 2, " \n" + strings.Repeat("x", 100_000) + "\nx": 2,
	} {
		count, err := replay.Count(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
}
