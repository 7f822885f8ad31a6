package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	sessionCookie = "webhookd_session"
	// sessionLife is long because a board on a wall has nobody to log in again.
	sessionLife = 30 * 24 * time.Hour
)

// sealed is what a session cookie holds: which credential it was given for, until when, and that it was given. All of it
// is made with the credential itself as the key: every instance can check it, nothing has to be kept, a restart changes
// nothing, and it ends with its credential.
type sealed struct {
	Credential [8]byte
	Expires    int64 // seconds since 1970
	Mark       [sha256.Size]byte
}

var sealEncoding = base64.RawURLEncoding.Strict()

// credential is one that can be exchanged for a session, and what the session may do.
type credential struct {
	key []byte
	who reader
	id  [8]byte
}

func newCredential(secret string, who reader) credential {
	made := credential{key: []byte(secret), who: who}
	copy(made.id[:], made.mac("webhookd session, which credential", nil))
	return made
}

// newCredentials lists what somebody can log in with: what may read, for a session is there to look at pages. An API key
// may, in a session.
func newCredentials(tokens []Token) []credential {
	var all []credential
	for _, token := range tokens {
		if token.keyOnly {
			token.Scopes |= ScopeRead
		}
		if token.Token != "" && token.Scopes.has(ScopeRead) {
			all = append(all, newCredential(token.Token, reader{account: token.Account, scopes: token.Scopes, session: true}))
		}
	}
	return all
}

func (d credential) mac(purpose string, data []byte) []byte {
	sum := hmac.New(sha256.New, d.key)
	sum.Write([]byte(purpose))
	sum.Write([]byte{0})
	sum.Write(data)
	return sum.Sum(nil)
}

func (d credential) markOf(expires int64) []byte {
	return d.mac("webhookd session, until when", binary.BigEndian.AppendUint64(nil, uint64(expires))) //nolint:gosec // bits
}

// seal gives the value of a cookie.
func (d credential) seal(expires time.Time) (string, error) {
	content := sealed{Credential: d.id, Expires: expires.Unix()}
	copy(content.Mark[:], d.markOf(content.Expires))
	buf, err := binary.Append(nil, binary.BigEndian, content)
	if err != nil {
		return "", err
	}
	return sealEncoding.EncodeToString(buf), nil
}

// findCredential gives the credential with this secret. How long it takes depends neither on which one it is nor on how
// much of it is right.
func (s *Server) findCredential(secret string) (credential, bool) {
	presented := sha256.Sum256([]byte(secret))
	found := -1
	for i := range s.credentials {
		own := sha256.Sum256(s.credentials[i].key)
		if hmac.Equal(own[:], presented[:]) {
			found = i
		}
	}
	if found < 0 {
		return credential{}, false
	}
	return s.credentials[found], true
}

// sessionOf says who a request's cookie stands for.
func (s *Server) sessionOf(c *fiber.Ctx) (reader, bool) {
	value := c.Cookies(sessionCookie)
	if value == "" || len(s.credentials) == 0 {
		return reader{}, false
	}
	var content sealed
	buf, err := sealEncoding.DecodeString(value)
	if err != nil || len(buf) != binary.Size(content) {
		return reader{}, false
	}
	if _, err := binary.Decode(buf, binary.BigEndian, &content); err != nil {
		return reader{}, false
	}
	for i := range s.credentials {
		one := &s.credentials[i]
		if one.id == content.Credential && hmac.Equal(one.markOf(content.Expires), content.Mark[:]) {
			who := one.who
			who.until = time.Unix(content.Expires, 0)
			return who, s.cfg.Now().Before(who.until)
		}
	}
	return reader{}, false
}

// setSession gives the browser a session, or takes it away (value "").
func (s *Server) setSession(c *fiber.Ctx, value string) {
	cookie := s.cookie(sessionCookie, value, sessionLife)
	cookie.HTTPOnly = true
	cookie.SameSite = fiber.CookieSameSiteStrictMode
	c.Cookie(cookie)
}

// cookie makes a cookie of this server; with the value "" it removes it. It is Secure wherever others than this machine
// can reach the server, and where it is encrypted.
func (s *Server) cookie(name, value string, life time.Duration) *fiber.Cookie {
	cookie := &fiber.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), SameSite: fiber.CookieSameSiteLaxMode,
		Secure: s.cfg.GuardReads && !s.cfg.PlainCookies || s.cfg.TLS != nil,
	}
	if value == "" {
		cookie.MaxAge = 0
		cookie.Expires = time.Unix(1, 0)
	}
	return cookie
}

// fromOwnPage says whether a request that may change something comes from a page of this server, or from no browser at
// all: every browser says of a form and of a script's request which page they come from.
func fromOwnPage(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || isOwnOrigin(origin, string(c.Request().Header.Host()))
}

// localPath gives the path and query to go to, where text is such a thing on this server; else the first page.
func localPath(text string) string {
	const otherwise = "/"
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsAny(text, "\\\r\n\t\x00") {
		return otherwise
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.IsAbs() || parsed.Host != "" {
		return otherwise
	}
	return parsed.RequestURI()
}
