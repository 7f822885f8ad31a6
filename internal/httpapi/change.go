package httpapi

import "github.com/gofiber/fiber/v2"

// mayChange says why whoever sent a request may not change what is kept; nil where they may. An API key may, in its
// account, and so may a session that one was exchanged for. Where none is configured, so may the webhook secret, in the accounts
// of which it can hand in webhooks; and where there is no token of any kind, this machine's own programs may on a server that
// only they can reach.
func (s *Server) mayChange(c *fiber.Ctx) error {
	if s.secretChanges(&c.Request().Header) {
		return nil
	}
	return s.mayAdminister(c)
}

// mayAdminister is mayChange without the webhook secret.
func (s *Server) mayAdminister(c *fiber.Ctx) error {
	who := readerOf(c)
	switch {
	case who.scopes.has(ScopeAdmin):
		return nil
	case !s.unasked():
		if key, _, ok := s.keyOf(&c.Request().Header); ok && key.scopes.has(ScopeAdmin) {
			return nil
		}
		return &problem{kind: kindReadOnly, detail: "This needs an API key (api_keys), or a token with the scope admin, and the " +
			"request came without a valid one. " +
			"Nothing was changed. Send one as Authorization: ApiKey followed by the key, or log in with one."}
	case s.cfg.GuardReads:
		return &problem{kind: kindReadOnly, detail: "No API key is configured, and others than this machine can reach this " +
			"server, so nothing can be changed here. Nothing was changed. Configure a key (api_keys); what is about " +
			"webhooks and calls, and not about a person, may be changed with the webhook secret, in the header " +
			s.cfg.WebhookHeader + ", too."}
	case !ownMachine(c):
		return &problem{kind: kindNotLocal, detail: "No API key is configured, so only this machine's own programs may change " +
			"something: the Host header must be an IP address or localhost, and a browser's Origin the same host. " +
			"Nothing was changed. Configure a key (api_keys) to use it by a name or through a proxy."}
	}
	return nil
}

// guardChange is before every route that changes something and is no part of the trigger API. An API key is enough, or, where
// none is configured, the webhook secret in its header; anything else must be allowed to read first.
func (s *Server) guardChange(c *fiber.Ctx) error {
	header := &c.Request().Header
	if who, _, ok := s.keyOf(header); ok {
		if !who.scopes.has(ScopeAdmin) {
			return scopeMissing(ScopeAdmin)
		}
		s.letRead(c, who)
		return c.Next()
	}
	if s.secretChanges(header) {
		s.letRead(c, s.sender())
		return c.Next()
	}
	return s.guardOwn(c, s.mayChange)
}

// guardPerson is guardChange for what shows, or takes out, everything of a person. The webhook secret, which the PBX has,
// will not do for that.
func (s *Server) guardPerson(c *fiber.Ctx) error {
	if who, _, ok := s.keyOf(&c.Request().Header); ok {
		if !who.scopes.has(ScopeAdmin) {
			return scopeMissing(ScopeAdmin)
		}
		s.letRead(c, who)
		return s.limitAccount(c)
	}
	return s.guardOwn(c, s.mayAdminister)
}

// guardOwn asks for what lets read, for a page of this server where it comes from a browser, and for what else may.
func (s *Server) guardOwn(c *fiber.Ctx, may func(*fiber.Ctx) error) error {
	if err := s.admit(c); err != nil {
		return err
	}
	if !fromOwnPage(c) {
		return foreignPage()
	}
	if err := may(c); err != nil {
		return err
	}
	return c.Next()
}

func foreignPage() *problem {
	return &problem{kind: kindForeignPage, detail: "The request comes from a page of another site. Nothing was changed. " +
		"Open the page on this server and do it there."}
}
