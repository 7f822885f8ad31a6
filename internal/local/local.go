// Package local says how the service that a configuration sets up is reached from the same machine, and how it is trusted:
// for the commands that ask it.
package local

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"os"
	"strings"

	"webhookd/internal/config"
	"webhookd/internal/natsbus"
)

// ErrNoReader says that the embedded NATS server has users, and none of them can be logged in as to look at everything.
var ErrNoReader = errors.New("nobody of nats_users has a password and sees all accounts")

// URL is where the service that is set up here is found from this machine, with everything that it has.
func URL(cfg config.Config) string {
	address, encrypted := cfg.Listen, cfg.TLSCertFile != ""
	if cfg.InternalListen != "" {
		address, encrypted = cfg.InternalListen, encrypted && !cfg.InternalOnLoopback()
	}
	scheme := "http://"
	if encrypted {
		scheme = "https://"
	}
	return scheme + reachable(address)
}

// reachable is an address at which a service that listens on another one can be reached from this machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// Trust is how the certificate of the service that is set up here is checked: it must be the one in tls_cert_file, or
// a new one from an authority that this machine trusts, for the same name. (The address at which it is asked is none of its
// names.) It is nil without TLS.
func Trust(cfg config.Config) (*tls.Config, error) {
	return trustOf(cfg.TLSCertFile, cfg.TLSKeyFile)
}

func trustOf(certFile, keyFile string) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no encryption is a choice, and no error
	}
	pem, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if trust.RootCAs, err = x509.SystemCertPool(); err != nil {
		trust.RootCAs = x509.NewCertPool()
	}
	trust.RootCAs.AppendCertsFromPEM(pem)
	switch {
	case len(pair.Leaf.DNSNames) > 0:
		trust.ServerName = pair.Leaf.DNSNames[0]
	case len(pair.Leaf.IPAddresses) > 0:
		trust.ServerName = pair.Leaf.IPAddresses[0].String()
	}
	return trust, nil
}

// NATS is how the NATS that is set up here is reached: the servers of nats_url, or the embedded server of a webhookd on
// this machine, at url if that is not empty, as the first of its users that has a password and sees all accounts.
func NATS(cfg config.Config, url string) (natsbus.Config, error) {
	if !cfg.NATSURL.Empty() {
		return natsbus.Config{
			URL: cfg.NATSURL.Reveal(), Credentials: cfg.NATSCredentials, Nkey: cfg.NATSNkey, RootCA: cfg.NATSCAFile,
			ClientCert: cfg.NATSCertFile, ClientKey: cfg.NATSKeyFile,
		}, nil
	}
	if url == "" {
		url = "nats://" + reachable(cfg.NATSListen)
	}
	made := natsbus.Config{URL: url}
	var err error
	if made.Trust, err = trustOf(cfg.NATSListenCertFile, cfg.NATSListenKeyFile); err != nil || len(cfg.NATSUsers) == 0 {
		return made, err
	}
	for _, user := range cfg.NATSUsers {
		if user.Account == "" && user.Nkey == "" {
			_, address, _ := strings.Cut(url, "://")
			made.URL = "nats://" + neturl.UserPassword(user.Name, user.Secret.Reveal()).String() + "@" + address
			return made, nil
		}
	}
	return made, ErrNoReader
}
