package httpapi

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"webhookd/internal/verify"
)

// keyScheme is how an Authorization header with an API key begins; the case does not matter.
const keyScheme = "ApiKey"

// accountKey is where a request keeps the account of its API key.
const accountKey = "account of the key"

// keys are the tokens of some scopes that are valid, as SHA-256 sums, and whose they are.
type keys struct {
	sums [][sha256.Size]byte
	who  []reader
	only []bool // sent as ApiKey and not as Bearer
	none bool   // none is configured
}

// newKeys gives those of the tokens that have one of the scopes at least.
func newKeys(configured []Token, scopes Scope) keys {
	valid := keys{none: true}
	for _, token := range configured {
		if token.Scopes&scopes == 0 {
			continue
		}
		valid.none = false
		// An empty token would let in everybody who sends none. It still closes the door.
		if token.Token != "" {
			valid.sums = append(valid.sums, sha256.Sum256([]byte(token.Token)))
			valid.who = append(valid.who, reader{account: token.Account, scopes: token.Scopes})
			valid.only = append(valid.only, token.keyOnly)
		}
	}
	return valid
}

// find says whose a token is that was sent as Bearer, or as an API key. How long it takes depends neither on which one it is
// nor on how much of it is right.
func (k keys) find(presented []byte, asKey bool) (reader, bool) {
	sum := sha256.Sum256(presented)
	found := -1
	for i := range k.sums {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], k.sums[i][:]), i, found)
	}
	if found < 0 || k.only[found] && !asKey {
		return reader{}, false
	}
	return k.who[found], true
}

// keyOf says whose the API key is that a request with this header carries: a token that may trigger or change something.
// presented says whether it carries anything where the key stands.
func (s *Server) keyOf(header *fasthttp.RequestHeader) (who reader, presented, ok bool) {
	value := header.Peek(fiber.HeaderAuthorization)
	scheme, key, _ := bytes.Cut(value, []byte{' '})
	asKey := bytes.EqualFold(scheme, []byte(keyScheme))
	if !asKey && !bytes.EqualFold(scheme, []byte(tokenScheme)) {
		return reader{}, len(value) > 0, false
	}
	who, ok = s.keys.find(bytes.TrimSpace(key), asKey)
	return who, true, ok
}

// guardKey asks for an API key with a scope, which decides the account. Where none is configured, the API is open to this
// machine's own programs and closed to everybody else.
//
// A page's script sends no key but the cookie that one was exchanged for.
func (s *Server) guardKey(c *fiber.Ctx, scope Scope) error {
	if s.unasked() {
		if err := s.admitOpen(c); err != nil {
			return err
		}
		return s.limitAccount(c)
	}
	who, ok := s.sessionOf(c)
	if !ok || !who.scopes.has(scope) || !fromOwnPage(c) {
		if who, _, ok = s.keyOf(&c.Request().Header); !ok {
			return keyRefused()
		}
	}
	if !who.scopes.has(scope) {
		return scopeMissing(scope)
	}
	s.letRead(c, who)
	return s.limitAccount(c)
}

// unasked says whether nothing is configured that anybody could prove themselves with but the webhook secret. As soon as there
// is any token, if only to read, whoever changes something needs the scope.
func (s *Server) unasked() bool { return s.keys.none && s.tokens.none }

// admitOpen lets requests without a key in where no token of any kind is configured.
func (s *Server) admitOpen(c *fiber.Ctx) error {
	if s.cfg.GuardReads {
		return &problem{kind: kindKeyRefused, detail: "No API key is configured, and others than this machine can reach this " +
			"server, so the trigger API is closed. Nothing was done. Configure a key (api_keys), and send it as " +
			"Authorization: ApiKey followed by the key."}
	}
	if !ownMachine(c) {
		return &problem{kind: kindNotLocal, detail: "No API key is configured, so only this machine's own programs may use the " +
			"trigger API: the Host header must be an IP address or localhost, and a browser's Origin the same host. " +
			"Nothing was done. Configure a key (api_keys) to use it by a name or through a proxy."}
	}
	return nil
}

// guardKeyOrRead is guardRead for what belongs to triggers: an API key will do, too, and then decides the account.
func (s *Server) guardKeyOrRead(c *fiber.Ctx) error {
	_, token := bearer(&c.Request().Header)
	if who, presented, ok := s.keyOf(&c.Request().Header); ok {
		s.letRead(c, who)
		return c.Next()
	} else if presented && !s.keys.none && (!token || s.tokens.none) {
		return keyRefused()
	}
	if err := s.admit(c); err != nil {
		if s.keys.none || !s.tokens.none {
			return err
		}
		return &problem{kind: kindKeyRefused, detail: "Neither an API key (Authorization: ApiKey followed by the key) nor the " +
			"secret in the header " + s.cfg.WebhookHeader + " came with the request, so nothing is shown."}
	}
	return c.Next()
}

func keyRefused() *problem {
	return &problem{kind: kindKeyRefused, detail: "The Authorization header does not hold a valid API key. Nothing was done. " +
		"It must be: Authorization: ApiKey followed by a key that is configured (api_keys)."}
}

// keyed gives the account of the request's API key, read token or session; "" where it has none, or is for all.
func keyed(c *fiber.Ctx) string {
	account, _ := c.Locals(accountKey).(string)
	return account
}

// accountOf gives the account that a request is about: that of its key or token, else the one in the query, else the
// default.
func accountOf(c *fiber.Ctx, q query) (string, error) {
	account, err := q.account()
	if err != nil {
		return "", err
	}
	own := keyed(c)
	if own == "" {
		if !readerOf(c).sees(account) {
			return "", &problem{kind: kindUnauthorized, detail: "The webhooks of this account are proved in ways of its own, so the " +
				"webhook secret neither shows nor changes anything of it, and nothing was done. Use a token (read_tokens, tokens) or " +
				"an API key (api_keys)."}
		}
		return account, nil
	}
	if _, named := q["account"]; named && account != own {
		return "", invalid("account", "It is not the account of the API key or read token; leave it out.")
	}
	return own, nil
}

// mayHandIn says whether a request with this header may bring a large body.
func (s *Server) mayHandIn(header *fasthttp.RequestHeader) bool {
	if s.authorized(header) || verify.AnyPlausible(s.verifiersAt(header.RequestURI()), s.requestOf(header, nil)) {
		return true
	}
	if !s.asksForKey(header.RequestURI()) {
		return false
	}
	if s.unasked() {
		return !s.cfg.GuardReads
	}
	_, _, ok := s.keyOf(header)
	return ok
}

// asksForKey says whether a path is below one of the trigger API's.
func (s *Server) asksForKey(path []byte) bool {
	return s.cfg.Triggers != nil && (below(path, "/v1/handlers") || speaksNovu(path))
}

func below(path []byte, top string) bool {
	rest, ok := bytes.CutPrefix(path, []byte(top))
	return ok && (len(rest) == 0 || rest[0] == '/' || rest[0] == '?')
}
