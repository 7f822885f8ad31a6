package httpapi

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// guardLocal protects a server on loopback from the browsers of the same machine, wherever something is open there to whoever
// comes: webhooks without a secret, or calls that nobody is asked for. A secret for webhooks does not end it. Any web page can
// make a browser send requests to 127.0.0.1 (then Origin names the page), and by pointing its own name at 127.0.0.1 can also
// read the answers (then Host has that name, and a GET has no Origin). So Host must be an address or localhost, which nobody
// can point elsewhere, and Origin, where there is one, must be that host.
func (s *Server) guardLocal(c *fiber.Ctx) error {
	if asked := s.cfg.GuardReads || !s.tokens.none; !s.open && asked || ownMachine(c) {
		return c.Next()
	}
	if !s.open {
		return &problem{kind: kindNotLocal, detail: "Nothing says who may read here, so only this machine's own programs may use " +
			"this address: the Host header must be an IP address or localhost, and a browser's Origin the same host. Nothing was " +
			"kept of the request. Configure read_tokens to use it by a name or through a proxy."}
	}
	return &problem{kind: kindNotLocal, detail: "No webhook secret is configured, so only this machine's own programs may " +
		"use this server: the Host header must be an IP address or localhost, and a browser's Origin the same host. " +
		"Nothing was kept of the request. Configure a secret to use the server by a name or through a proxy."}
}

// ownMachine says whether a request can only come from a program of this machine that is no web page in a browser, as
// far as a server on loopback can tell.
func ownMachine(c *fiber.Ctx) bool {
	host := strings.ToLower(string(c.Request().Header.Host()))
	origin := c.Get(fiber.HeaderOrigin)
	return (host == "" || isLocalName(host)) && (origin == "" || isOwnOrigin(origin, host))
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isOwnOrigin(origin, host string) bool {
	parsed, err := url.Parse(origin)
	return err == nil && parsed.Host != "" && strings.EqualFold(parsed.Host, host)
}
