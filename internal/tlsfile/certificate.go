// Package tlsfile keeps TLS certificates that lie in files, as certbot, cert-manager and people put them there, and takes
// new ones without a restart.
package tlsfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAfter is how long a certificate is used before its files are looked at again.
const lookAfter = time.Second

// Certificate is a certificate with its key, in two PEM files. Its files are looked at when somebody connects, at most
// once a second. When they have changed they are read; if what is there then cannot be used, as while only one of the two
// was replaced, the one before stays in use, and the log says so once.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	state   state // of the files that current was read from, or that could not be used
	looked  time.Time
}

// state tells whether files have changed.
type state struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// Open reads a certificate (its own first, then those of its issuers) and its key. now is the clock.
func Open(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, now: now}
	current, err := c.stat()
	if err != nil {
		return nil, err
	}
	c.state, c.looked = current, now()
	if c.current, err = c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// Server gives the set-up of a server with this certificate: TLS 1.2 and 1.3, with the ciphers that Go takes for safe.
func (c *Certificate) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.Current(), nil
		},
	}
}

// Current gives the certificate that is to be used now.
func (c *Certificate) Current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.looked) < lookAfter {
		return c.current
	}
	c.looked = c.now()
	found, err := c.stat()
	if err == nil && found == c.state {
		return c.current
	}
	if err == nil {
		var replaced *tls.Certificate
		if replaced, err = c.read(); err == nil {
			c.current = replaced
			c.log.Info("tls certificate replaced", "file", c.certFile, "expires", replaced.Leaf.NotAfter)
		}
	}
	if err != nil && found != c.state {
		c.log.Error("tls certificate cannot be replaced, the one before stays in use", "error", err)
	}
	c.state = found
	return c.current
}

func (c *Certificate) stat() (state, error) {
	cert, err := os.Stat(c.certFile)
	if err != nil {
		return state{}, fmt.Errorf("look at tls certificate: %w", err)
	}
	key, err := os.Stat(c.keyFile)
	if err != nil {
		return state{}, fmt.Errorf("look at tls key: %w", err)
	}
	return state{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

func (c *Certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("read tls certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}
