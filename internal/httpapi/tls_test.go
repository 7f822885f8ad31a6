package httpapi_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/tlsfile"
	"webhookd/internal/tlsfile/tlstest"
)

// setupTLS starts a server with TLS and gives a client that believes its authority.
func setupTLS(t *testing.T, change func(*httpapi.Config)) (*bundle, *tls.Config) {
	t.Helper()
	authority := tlstest.NewAuthority(t)
	certFile, keyFile := authority.Issue(t.TempDir(), "webhooks.example.com")
	certificate, err := tlsfile.Open(certFile, keyFile, slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.TLS = certificate.Server()
		if change != nil {
			change(cfg)
		}
	})
	return b, authority.Client()
}

func TestRequestsOverTLS(t *testing.T) {
	t.Parallel()
	b, trust := setupTLS(t, nil)
	transport := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for range 3 { // one connection for all
		response, err := client.Get("https://" + b.addr + "/healthz")
		require.NoError(t, err)
		require.Equal(t, 200, readAnswer(t, response).status)
		require.GreaterOrEqual(t, response.TLS.Version, uint16(tls.VersionTLS12))
	}

	_, err := tls.Dial("tcp", b.addr, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "webhooks.example.com"})
	require.ErrorContains(t, err, "certificate", "a client that does not know the authority")

	old := trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, err = tls.Dial("tcp", b.addr, old)
	require.Error(t, err, "TLS 1.1 is not taken")

	plain := b.dial(t)
	_, err = io.WriteString(plain, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	answered, _ := io.ReadAll(plain)
	require.NotContains(t, string(answered), "200 OK")
}

func TestAHandshakeThatDoesNotEndIsCutOff(t *testing.T) {
	t.Parallel()
	b, _ := setupTLS(t, func(cfg *httpapi.Config) { cfg.ReadTimeout = 100 * time.Millisecond })
	for name, sent := range map[string]string{
		"nothing":      "",
		"half a hello": "\x16\x03\x01\x02\x00\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := b.dial(t)
			_, err := io.WriteString(conn, sent)
			require.NoError(t, err)
			_, _ = io.ReadAll(conn) // it ends, or the deadline of dial does
			_, err = conn.Read(make([]byte, 1))
			require.Error(t, err)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it was the test that gave up")
		})
	}
}

func TestAStopAnswersWhatHasBegunOverTLS(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	b, trust := setupTLS(t, nil)
	b.intake.answer = func(context.Context, []byte) (ingest.Answer, error) {
		close(begun)
		<-release
		return ingest.Answer{Result: ingest.Ignored, JournalID: 7}, nil
	}
	conn, err := tls.Dial("tcp", b.addr, trust)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", b.addr)
	require.NoError(t, err)
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- b.server.Shutdown(context.Background()) }()
	close(release)
	require.Equal(t, 200, readRaw(t, conn).status)
	require.NoError(t, <-stopped)
}

// The answer to a body that is too large reaches a client that is still sending, over TLS too.
func TestATooLargeBodyIsAnsweredOverTLS(t *testing.T) {
	t.Parallel()
	b, trust := setupTLS(t, func(cfg *httpapi.Config) { cfg.BodyLimit = 1000 })
	conn, err := tls.Dial("tcp", b.addr, trust)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n", b.addr)
	require.NoError(t, err)
	_, err = conn.Write(make([]byte, 500_000))
	require.NoError(t, err)
	requireProblem(t, readRaw(t, conn), 413, "body_too_large")
}

func TestCookiesOverTLSAreSecure(t *testing.T) {
	t.Parallel()
	b, trust := setupTLS(t, func(cfg *httpapi.Config) {
		cfg.ReadTokens = []httpapi.ReadToken{{Token: "a-token-of-the-test"}}
	})
	transport := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.PostForm("https://"+b.addr+"/login", map[string][]string{"token": {"a-token-of-the-test"}})
	require.NoError(t, err)
	require.Contains(t, readAnswer(t, response).header.Get("Set-Cookie"), "secure")
}

// At the limit of connections nobody is waited for: one that is silent, and one too many, does not keep others out.
func TestASilentConnectionTooManyKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	b, trust := setupTLS(t, func(cfg *httpapi.Config) { cfg.MaxConnections = 1 })
	first, err := tls.Dial("tcp", b.addr, trust)
	require.NoError(t, err)
	ask := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 4096))
		return err
	}
	require.NoError(t, ask(first))
	b.dial(t) // and says nothing, for as long as the test goes on
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", b.addr, trust)
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.SetDeadline(time.Now().Add(5*time.Second)) == nil && ask(conn) == nil
	}, 30*time.Second, 50*time.Millisecond)
}
