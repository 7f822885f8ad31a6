package httpapi

import "github.com/gofiber/fiber/v2"

// Scope is what a token may be used for; several together are their sum.
type Scope uint8

// What there is to be used. Handing in webhooks is no Scope but a verifier of an account.
const (
	ScopeRead     Scope = 1 << iota // look: calls, events, figures, streams, pages
	ScopeTriggers                   // the trigger API: trigger and cancel, subscribers and topics, and try handlers
	ScopeAdmin                      // change: handlers, quarantine, closing a call by hand
)

// has says whether all of a scope is in it.
func (s Scope) has(other Scope) bool { return s&other == other }

func (s Scope) String() string {
	switch s {
	case ScopeRead:
		return "read"
	case ScopeTriggers:
		return "triggers"
	case ScopeAdmin:
		return "admin"
	}
	return "several"
}

// Token is a secret and what it may be used for.
type Token struct {
	Account string // whose data; "" is every account's, for ScopeRead alone
	Token   string
	Scopes  Scope

	keyOnly bool // it is an API key, which is sent as one and not as Bearer
}

// everyToken gives the tokens of a configuration in one list: API keys and read tokens are tokens, too. A session that an
// API key was exchanged for reads; the key itself, in a header, does not.
func (c Config) everyToken() []Token {
	all := make([]Token, 0, len(c.ReadTokens)+len(c.APIKeys)+len(c.Tokens))
	for _, token := range c.ReadTokens {
		all = append(all, Token{Account: token.Account, Token: token.Token, Scopes: ScopeRead})
	}
	for _, key := range c.APIKeys {
		all = append(all, Token{
			Account: orDefault(key.Account, DefaultAccount), Token: key.Key, Scopes: ScopeTriggers | ScopeAdmin, keyOnly: true,
		})
	}
	for _, token := range c.Tokens {
		if token.Scopes != ScopeRead {
			token.Account = orDefault(token.Account, DefaultAccount)
		}
		all = append(all, token)
	}
	return all
}

func scopeMissing(scope Scope) *problem {
	return &problem{kind: kindScopeMissing, detail: "The token that came with the request is valid, but not for this: it lacks " +
		"the scope " + scope.String() + ". Nothing was done and nothing is shown. Use another one, or give it the scope (tokens)."}
}

// guardTriggers is before the routes of the trigger API, and guardAdmin before those of it that change what webhookd does.
func (s *Server) guardTriggers(c *fiber.Ctx) error { return s.guardKey(c, ScopeTriggers) }
func (s *Server) guardAdmin(c *fiber.Ctx) error    { return s.guardKey(c, ScopeAdmin) }
