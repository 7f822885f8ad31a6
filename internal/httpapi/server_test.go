package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
)

func TestSlowClientIsCutOff(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"nothing":        "",
		"half a header":  "POST /v1/webhooks HTTP/1.1\r\nHost: 127",
		"half a body":    "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
		"half the chunk": "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *httpapi.Config) { cfg.ReadTimeout = 100 * time.Millisecond })
			conn := b.dial(t)
			_, err := io.WriteString(conn, sent)
			require.NoError(t, err)

			requireProblem(t, readRaw(t, conn), 408, "request_timeout")
			_, err = conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.Empty(t, b.intake.submissions())
		})
	}

	t.Run("also one that sends a byte at a time", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *httpapi.Config) { cfg.ReadTimeout = 100 * time.Millisecond })
		conn := b.dial(t)
		cut := make(chan struct{})
		answered := &bytes.Buffer{}
		go func() {
			defer close(cut)
			_, _ = io.Copy(answered, conn)
		}()
		_, err := io.WriteString(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
		require.NoError(t, err)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-cut:
				require.True(t, strings.HasPrefix(answered.String(), "HTTP/1.1 408 "), answered.String())
				return
			case <-tick.C:
				_, _ = conn.Write([]byte("x"))
			}
		}
	})
}

func TestHalfARequestIsNoWebhook(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"a short body":             "Content-Length: 100\r\n\r\n{}",
		"a chunk that breaks off":  "Transfer-Encoding: chunked\r\n\r\n64\r\n{}",
		"no last chunk":            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"a chunk without a length": "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
		"a negative length":        "Content-Length: -2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			conn := b.dial(t)
			_, err := io.WriteString(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\n"+sent)
			require.NoError(t, err)
			require.NoError(t, conn.CloseWrite())

			// Where the client left between two chunks the engine closes without a word; any other gets a 400.
			if all, err := io.ReadAll(conn); len(all) > 0 {
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(string(all), "HTTP/1.1 400 "), "%s", all)
				require.Contains(t, string(all), `"code":"bad_request"`)
			}
			require.Empty(t, b.intake.submissions())
		})
	}
}

func TestNoHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	conn := b.dial(t)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nsecret looking rubbish: 1\r\n\r\n")
	require.NoError(t, err)
	got := requireProblem(t, readRaw(t, conn), 400, "bad_request")
	require.NotContains(t, got.Detail, "rubbish")
	require.NotContains(t, b.log.String(), "rubbish")
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for given, kept := range map[string]bool{
		"abc-1.2_3~x":           true,
		strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false,
		"a b":                   false,
		`a"b`:                   false,
		"":                      false,
	} {
		got := b.get(t, "/nothing", "X-Request-ID", given)
		requireProblem(t, got, 404, "route_not_found")
		id := got.header.Get("X-Request-ID")
		if kept {
			require.Equal(t, given, id)
		} else {
			require.Regexp(t, `^[0-9a-f-]{36}$`, id)
		}
		require.Contains(t, b.log.String(), `"request_id":"`+id+`"`)
	}
}

func TestPanicIsA500AndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.intake.answer = func(context.Context, []byte) (ingest.Answer, error) { panic("the roof is on fire") }

	got := requireProblem(t, b.post(t, "/v1/webhooks", `{}`), 500, "internal")
	require.NotContains(t, got.Detail, "roof")
	require.Equal(t, 1, strings.Count(b.log.String(), "the roof is on fire"))

	b.intake.answer = nil
	require.Equal(t, 200, b.post(t, "/v1/webhooks", `{}`).status)
}

func TestLogHoldsNothingPersonal(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.post(t, "/v1/webhooks", `{"number":"+48501502503"}`, "User-Agent", "Jan Kowalski")
	b.get(t, "/v1/calls?number=%2B48501502503&consultant=pkowalski")
	b.get(t, "/v1/calls?number=+48501502503&wrong=1")
	b.get(t, "/+48501502503")
	require.Equal(t, 4, strings.Count(b.log.String(), "answered request"))
	require.NotContains(t, b.log.String(), "501502503")
	require.NotContains(t, strings.ToLower(b.log.String()), "kowalski")
}

func TestShutdownAnswersRequestsThatHaveBegun(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	b := setup(t, nil)
	b.intake.answer = func(ctx context.Context, _ []byte) (ingest.Answer, error) {
		close(begun)
		<-release
		return ingest.Answer{Result: ingest.Ignored, JournalID: 7}, ctx.Err()
	}
	conn := b.dial(t)
	_, err := fmt.Fprintf(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", b.addr)
	require.NoError(t, err)
	<-begun

	stopped := make(chan error, 1)
	go func() { stopped <- b.server.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool { // new connections are refused, the request goes on
		late, err := net.Dial("tcp", b.addr)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond)
	close(release)

	got := readRaw(t, conn)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, `{"status":"ignored","journal_id":7}`, string(got.body))
	require.True(t, got.close)
	require.NoError(t, <-stopped)
}

func TestShutdownDoesNotWaitForSilentConnections(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.ReadTimeout = time.Hour; cfg.IdleTimeout = time.Hour })
	silent := b.dial(t) // as browsers open them
	idle := b.dial(t)
	_, err := io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, 200, readRaw(t, idle).status)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, b.server.Shutdown(ctx))
	_, err = io.ReadAll(silent)
	require.NoError(t, err)
}

func TestShutdownRunsOutOfPatience(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	b := setup(t, nil)
	b.intake.answer = func(ctx context.Context, _ []byte) (ingest.Answer, error) {
		close(begun)
		<-ctx.Done()
		return ingest.Answer{}, ctx.Err()
	}
	conn := b.dial(t)
	_, err := fmt.Fprintf(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", b.addr)
	require.NoError(t, err)
	<-begun

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.server.Shutdown(ctx), context.Canceled)
	all, _ := io.ReadAll(conn)
	require.NotContains(t, string(all), "200 OK")
}

func TestServeAndShutdownInAnyOrder(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return ln
	}
	t.Run("a stop before the start", func(t *testing.T) {
		t.Parallel()
		s := httpapi.New(httpapi.Config{Intake: &intake{}, Reader: noCalls{}})
		require.NoError(t, s.Shutdown(t.Context()))
		ln := listen()
		require.NoError(t, s.Serve(ln))
		_, err := net.Dial("tcp", ln.Addr().String())
		require.Error(t, err)
	})
	t.Run("a stop at the same time", func(t *testing.T) {
		t.Parallel()
		for range 50 {
			s := httpapi.New(httpapi.Config{Intake: &intake{}, Reader: noCalls{}})
			ln := listen()
			served := make(chan error, 1)
			go func() { served <- s.Serve(ln) }()
			require.NoError(t, s.Shutdown(t.Context()))
			require.NoError(t, <-served)
		}
	})
	t.Run("a second start", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		require.Equal(t, 200, b.get(t, "/healthz").status)
		require.Error(t, b.server.Serve(listen()))
	})
	t.Run("a second stop", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		require.Equal(t, 200, b.get(t, "/healthz").status)
		require.NoError(t, b.server.Shutdown(t.Context()))
		require.NoError(t, b.server.Shutdown(t.Context()))
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	missing := "no connection to nats.example:4222"
	for name, tc := range map[string]struct {
		ready  func(context.Context) []httpapi.Dependency
		status int
		body   string
	}{
		"needs nothing": {status: 200, body: `{"status":"ready","dependencies":{}}`},
		"all there": {
			ready: func(context.Context) []httpapi.Dependency {
				return []httpapi.Dependency{{Name: "database"}, {Name: "nats"}}
			},
			status: 200, body: `{"status":"ready","dependencies":{"database":"ok","nats":"ok"}}`,
		},
		"one missing": {
			ready: func(context.Context) []httpapi.Dependency {
				return []httpapi.Dependency{{Name: "nats", Missing: missing}, {Name: "database"}}
			},
			status: 503, body: `{"status":"not_ready","dependencies":{"database":"ok","nats":"` + missing + `"}}`,
		},
		"only an optional one missing": {
			ready: func(context.Context) []httpapi.Dependency {
				return []httpapi.Dependency{{Name: "nats", Missing: missing, Optional: true}, {Name: "database"}}
			},
			status: 200, body: `{"status":"degraded","dependencies":{"database":"ok","nats":"` + missing + `"}}`,
		},
		"all missing": {
			ready: func(context.Context) []httpapi.Dependency {
				return []httpapi.Dependency{
					{Name: "nats", Missing: missing, Optional: true},
					{Name: "database", Missing: "gone"},
					{Name: "more", Missing: missing, Optional: true},
				}
			},
			status: 503,
			body:   `{"status":"not_ready","dependencies":{"database":"gone","nats":"` + missing + `","more":"` + missing + `"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *httpapi.Config) { cfg.Ready = tc.ready })
			got := b.get(t, "/readyz")
			require.Equal(t, tc.status, got.status)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			require.JSONEq(t, tc.body, string(got.body))
			got = b.get(t, "/healthz")
			require.Equal(t, 200, got.status)
			require.JSONEq(t, `{"status":"ok"}`, string(got.body))
		})
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, path := range []string{"/", "/healthz", "/readyz", "/v1/calls", "/v1/calls/" + aCall, "/nothing"} {
		get, head := b.get(t, path), b.do(t, http.MethodHead, path, nil)
		require.Equal(t, get.status, head.status, path)
		require.Equal(t, get.header.Get("Content-Type"), head.header.Get("Content-Type"), path)
		require.Equal(t, "no-store", head.header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", head.header.Get("X-Content-Type-Options"), path)
		require.Empty(t, head.body, path)
	}
}

func TestMetricsAreGuardedLikeReads(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-some-length"
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures 1\n") })
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.Metrics, cfg.WebhookSecrets, cfg.GuardReads = metrics, []string{secret}, true
	})
	requireProblem(t, b.get(t, "/metrics"), 401, "unauthorized")
	got := b.get(t, "/metrics", "X-Webhook-Secret", secret)
	require.Equal(t, 200, got.status)
	require.Equal(t, "figures 1\n", string(got.body))
	requireProblem(t, setup(t, nil).get(t, "/metrics"), 404, "route_not_found")
}
