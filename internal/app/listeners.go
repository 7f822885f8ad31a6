package app

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"webhookd/internal/httpapi"
	"webhookd/internal/tlsfile"
)

// newServers makes the server of each listener: one with everything, or one with what those outside need and, beside it,
// one with everything.
func (a *App) newServers(cfg httpapi.Config) error {
	encryption, err := encryption(a.cfg.TLSCertFile, a.cfg.TLSKeyFile, a.log, a.now)
	if err != nil {
		return err
	}
	outside := cfg
	outside.TLS, outside.PlainCookies = encryption, loopback(a.listener.Addr())
	outside.GuardReads = !loopback(a.listener.Addr()) || a.cfg.TakesFromElsewhere()
	if a.internal == nil {
		a.http = httpapi.New(outside)
		return nil
	}
	// A proxy may be before it, whose clients are not this machine's.
	outside.Public, outside.GuardReads = true, true
	a.http = httpapi.New(outside)
	cfg.Profiles = profiles()
	if cfg.GuardReads = !loopback(a.internal.Addr()); cfg.GuardReads {
		cfg.TLS = encryption
	}
	a.inside = httpapi.New(cfg)
	return nil
}

func (a *App) serveHTTP() {
	if a.inside != nil {
		a.run("internal http", func(context.Context) error { return a.inside.Serve(a.internal) }, a.inside.Shutdown)
	}
	a.run("http", func(context.Context) error { return a.http.Serve(a.listener) }, a.http.Shutdown)
}

// encryption gives how a listener encrypts; nil without a certificate.
func encryption(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no encryption is a choice, and no error
	}
	certificate, err := tlsfile.Open(certFile, keyFile, log, now)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	return certificate.Server(), nil
}

func scheme(encrypted bool) string {
	if encrypted {
		return "https://"
	}
	return "http://"
}

// Addr is the host and port at which webhooks come in.
func (a *App) Addr() string { return a.listener.Addr().String() }

// URL is where webhooks come in.
func (a *App) URL() string { return scheme(a.cfg.TLSCertFile != "") + a.Addr() }

// InternalURL is where everything is: calls, pages, metrics.
func (a *App) InternalURL() string {
	if a.internal == nil {
		return a.URL()
	}
	address := a.internal.Addr()
	return scheme(a.cfg.TLSCertFile != "" && !loopback(address)) + address.String()
}

// whole is the server that has everything.
func (a *App) whole() *httpapi.Server {
	if a.inside != nil {
		return a.inside
	}
	return a.http
}
