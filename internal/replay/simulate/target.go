package simulate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"webhookd/internal/replay"
)

// ErrStranger says that the URL is not one of this machine or its private network: a load generator is not to be
// pointed at other people's servers.
var ErrStranger = errors.New("not an address of this machine or of a private network")

// target is one door to send to.
type target struct {
	address string            // IP and port, looked up once: a name cannot change its meaning meanwhile
	tls     *tls.Config       // nil: no TLS
	heads   map[string]string // by account: the request up to the value of Content-Length
}

// newTarget reads a URL and looks its host up.
func newTarget(ctx context.Context, base string, options *Options) (*target, error) {
	t := &target{heads: map[string]string{}}
	for _, account := range options.Generator.Accounts() {
		text, err := replay.Target(base, account)
		if err != nil {
			return nil, err
		}
		parsed, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read url: %w", err)
		}
		head := "POST " + parsed.RequestURI() + " HTTP/1.1\r\nHost: " + parsed.Host +
			"\r\nUser-Agent: webhookd-simulate\r\nContent-Type: application/json\r\n"
		if options.Secret != "" {
			head += options.Header + ": " + options.Secret + "\r\n"
		}
		if strings.ContainsAny(options.Header+options.Secret, "\r\n") {
			return nil, errors.New("a header has no line breaks")
		}
		t.heads[account] = head + "Content-Length: "
		if t.address != "" {
			continue
		}
		if parsed.Scheme == "https" {
			t.tls = &tls.Config{ServerName: parsed.Hostname(), MinVersion: tls.VersionTLS12}
		}
		if t.address, err = look(ctx, parsed, options.Strangers); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// look gives the IP address and port behind a URL.
func look(ctx context.Context, at *url.URL, strangers bool) (string, error) {
	port := at.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[at.Scheme]
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", at.Hostname())
	if err != nil {
		return "", fmt.Errorf("%w: %w", replay.ErrUnreachable, err)
	}
	for _, address := range addresses {
		if !strangers && !ours(address) {
			return "", fmt.Errorf("%s: %w", at.Hostname(), ErrStranger)
		}
	}
	return net.JoinHostPort(addresses[0].Unmap().String(), port), nil
}

func ours(address netip.Addr) bool {
	address = address.Unmap()
	return address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast()
}
