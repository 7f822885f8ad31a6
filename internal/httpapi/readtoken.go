package httpapi

import (
	"bytes"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// tokenScheme is how an Authorization header with a read token begins; the case does not matter.
const tokenScheme = "Bearer"

// readerKey is where a request keeps who reads.
const readerKey = "reader"

// reader is who sent a request, as far as reading goes.
type reader struct {
	account string          // whose data may be seen; "" for every account's
	barred  map[string]bool // but for these
	scopes  Scope
	session bool      // known by a cookie, not by a header
	until   time.Time // when the session ends; zero without one
}

// sees says whether who reads may see what is of an account, or, for "", of all of them without being any one's data.
func (r reader) sees(account string) bool {
	return (r.account == "" || account == "" || r.account == account) && !r.barred[account]
}

// seesEverything says whether who reads may see the data of all accounts.
func (r reader) seesEverything() bool { return r.account == "" && len(r.barred) == 0 }

// bearer gives what stands behind the scheme Bearer in a request's Authorization.
func bearer(header *fasthttp.RequestHeader) (token []byte, presented bool) {
	scheme, token, _ := bytes.Cut(header.Peek(fiber.HeaderAuthorization), []byte{' '})
	return bytes.TrimSpace(token), bytes.EqualFold(scheme, []byte(tokenScheme))
}

// admit finds out who reads. Where read tokens are configured, one of them must come, or the cookie that one was exchanged
// for; else a server that others can reach asks for the webhook secret, or a cookie, and one on loopback for nothing.
func (s *Server) admit(c *fiber.Ctx) error {
	header := &c.Request().Header
	if token, presented := bearer(header); presented && !s.tokens.none {
		who, ok := s.tokens.find(token, false)
		if !ok {
			if _, ok := s.keys.find(token, false); ok {
				return scopeMissing(ScopeRead)
			}
			return tokenRefused()
		}
		s.letRead(c, who)
		return nil
	}
	if known, ok := s.sessionOf(c); ok {
		s.letRead(c, known)
		return nil
	}
	switch {
	case !s.tokens.none:
		return tokenRefused()
	case s.cfg.GuardReads && len(s.secrets) == 0:
		return &problem{kind: kindUnauthorized, detail: "Others than this machine may reach this server, and nothing is configured " +
			"that lets read, so nothing is shown. Configure a token (read_tokens), and send it as Authorization: Bearer followed " +
			"by the token, or log in with it at /login."}
	case s.cfg.GuardReads && !s.secretReads(header):
		return unauthorized(s.cfg.WebhookHeader)
	case s.cfg.GuardReads:
		s.letRead(c, s.sender())
	}
	return nil
}

// letRead keeps who reads with the request. One account's reader sees that account's data on every route.
func (s *Server) letRead(c *fiber.Ctx, who reader) {
	c.Locals(readerKey, who)
	if who.account != "" {
		c.Locals(accountKey, who.account)
	}
}

// readerOf gives who sent a request that was admitted.
func readerOf(c *fiber.Ctx) reader {
	who, _ := c.Locals(readerKey).(reader)
	return who
}

// guardRead is before every route that only shows something.
func (s *Server) guardRead(c *fiber.Ctx) error {
	if err := s.admit(c); err != nil {
		return err
	}
	return c.Next()
}

// guardEverything is guardRead for what shows figures of all accounts together.
func (s *Server) guardEverything(c *fiber.Ctx) error {
	if err := s.admit(c); err != nil {
		return err
	}
	if !readerOf(c).seesEverything() {
		return &problem{kind: kindReadForeign, detail: "This shows figures of all accounts, and the read token, or the secret, is " +
			"not for all of them. Nothing is shown. Use a token that is configured without an account (read_tokens)."}
	}
	return c.Next()
}

func tokenRefused() *problem {
	return &problem{kind: kindTokenRefused, detail: "No valid read token came with the request, so nothing is shown. Send one " +
		"that is configured (read_tokens) as Authorization: Bearer followed by the token, or log in at /login."}
}
