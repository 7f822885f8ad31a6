package callout_test

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"webhookd/internal/callout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// now is the time of every call in these tests: 1598372681 in Unix seconds.
var now = time.Date(2020, 8, 25, 16, 24, 41, 0, time.UTC)

// newClient makes a client that may call this machine at 127.0.0.1, and nothing else that is not public.
func newClient(t *testing.T, change ...func(*callout.Config)) *callout.Client {
	t.Helper()
	cfg := callout.Config{AllowPrivate: loopback, Now: func() time.Time { return now }}
	for _, f := range change {
		f(&cfg)
	}
	client := callout.New(cfg)
	t.Cleanup(client.Close)
	return client
}

func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newTLSServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it says what clients think of its certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// trusting makes a client believe the certificate of a test's server.
func trusting(server *httptest.Server) func(*callout.Config) {
	return func(cfg *callout.Config) {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AddCert(server.Certificate())
	}
}
