package httpapi

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"webhookd/internal/verify"
)

// WebhookAccount is what holds for the webhooks of one account.
type WebhookAccount struct {
	Verifiers []verify.Verifier // any of which lets a webhook in; none: WebhookSecrets count
	Sources   []netip.Prefix    // where they may come from, beside Config.WebhookSources; none: everywhere
}

// guarded gives the accounts that have verifiers of their own. Where there is any, the door is closed to those that have none.
func guarded(accounts map[string]WebhookAccount) map[string]bool {
	own := map[string]bool{}
	for name, account := range accounts {
		if len(account.Verifiers) > 0 {
			own[name] = true
		}
	}
	return own
}

// requestOf is what a verifier looks at.
func (s *Server) requestOf(header *fasthttp.RequestHeader, body []byte) verify.Request {
	return verify.Request{
		Header: func(name string) string { return string(header.Peek(name)) },
		Body:   body, Now: s.cfg.Now(),
	}
}

// checkSender says why a webhook for an account is not taken from whoever sent it; nil where it is.
func (s *Server) checkSender(c *fiber.Ctx, account string) error {
	header := &c.Request().Header
	own := s.cfg.WebhookAccounts[account]
	if len(own.Verifiers) > 0 {
		if !verify.Any(own.Verifiers, s.requestOf(header, c.Request().Body())) {
			return senderRefused(own.Verifiers)
		}
	} else if !s.authorized(header) {
		return unauthorized(s.cfg.WebhookHeader)
	}
	if len(s.cfg.WebhookSources) == 0 && len(own.Sources) == 0 {
		return nil
	}
	if from := s.clientOf(c); !within(s.cfg.WebhookSources, from) || !within(own.Sources, from) {
		return &problem{kind: kindSourceRefused, detail: "Webhooks of this account are not taken from the address that this one " +
			"came from. It was not kept. Add the sender's network to webhook_sources, and its proxy, if there is one, to " +
			"trusted_proxies."}
	}
	return nil
}

func senderRefused(verifiers []verify.Verifier) *problem {
	challenges := make([]string, 0, len(verifiers))
	for _, verifier := range verifiers {
		challenges = append(challenges, verifier.Challenge())
	}
	return &problem{
		kind: kindUnauthorized, challenge: strings.Join(challenges, ", "),
		detail: "The webhook does not prove that it comes from this account's PBX: the secret or signature is missing, wrong or " +
			"too old. Nothing was kept of it. Configure the sender with what this server has for the account (accounts, " +
			"webhook_auth); a signature also needs a right clock on both sides.",
	}
}

// verifiersAt gives the verifiers of the account that webhooks to a path are for; none where it is no such path, or the
// account has none.
func (s *Server) verifiersAt(uri []byte) []verify.Verifier {
	path, _, _ := bytes.Cut(uri, []byte{'?'})
	account, ok := bytes.CutPrefix(path, []byte("/v1/webhooks"))
	if !ok || len(account) > 0 && account[0] != '/' {
		return nil
	}
	name := orDefault(string(bytes.TrimPrefix(account, []byte{'/'})), DefaultAccount)
	return s.cfg.WebhookAccounts[name].Verifiers
}

// within says whether an address is in one of the networks; with no networks every address is.
func within(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return len(networks) == 0
}

// clientOf gives the address that a request came from: that of the connection, or, where this is a trusted proxy's, the
// last one in X-Forwarded-For that is none. What is further to the left anybody may have written.
func (s *Server) clientOf(c *fiber.Ctx) netip.Addr {
	connection, err := netip.ParseAddrPort(c.Context().RemoteAddr().String())
	if err != nil {
		return netip.Addr{} // a listener that is no TCP; it is in no network
	}
	return client(connection.Addr().Unmap(), c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), s.cfg.TrustedProxies)
}

func client(from netip.Addr, forwarded [][]byte, trusted []netip.Prefix) netip.Addr {
	hops := strings.Split(string(bytes.Join(forwarded, []byte{','})), ",")
	for i := len(hops) - 1; i >= 0 && len(trusted) > 0 && within(trusted, from); i-- {
		hop := strings.TrimSpace(hops[i])
		address, err := netip.ParseAddr(hop)
		if withPort, portErr := netip.ParseAddrPort(hop); portErr == nil {
			address, err = withPort.Addr(), nil
		}
		if err != nil {
			return from // a proxy that says nothing useful stands for whoever is behind it
		}
		from = address.Unmap().WithZone("")
	}
	return from
}
