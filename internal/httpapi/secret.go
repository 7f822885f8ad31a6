package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// strangerBodyLimit is how many bytes of a body we read from a client without a valid secret: enough for a webhook of
// the usual size to get its 401, too little to be used for filling our memory.
const strangerBodyLimit = 16 << 10

// secrets are the SHA-256 sums of the secrets that are valid. Sums have one length, so comparing them tells nothing
// about the length of a secret either.
type secrets struct {
	sums [][sha256.Size]byte
	open bool // no secret is configured, for no account either
}

func newSecrets(texts []string) secrets {
	valid := secrets{open: len(texts) == 0}
	for _, text := range texts {
		// An empty secret would let in everybody who sends none. It still closes the door.
		if text != "" {
			valid.sums = append(valid.sums, sha256.Sum256([]byte(text)))
		}
	}
	return valid
}

// match says whether presented is one of the secrets. How long it takes depends neither on which one nor on how much
// of it is right.
func (s secrets) match(presented []byte) bool {
	sum := sha256.Sum256(presented)
	found := 0
	for i := range s.sums {
		found |= subtle.ConstantTimeCompare(sum[:], s.sums[i][:])
	}
	return found == 1
}

// authorized says whether a request with this header may hand in webhooks.
func (s *Server) authorized(header *fasthttp.RequestHeader) bool {
	return s.secrets.open || s.secrets.match(header.Peek(s.cfg.WebhookHeader))
}

// allowBody says, once the headers are here, how large a body may be read.
func (s *Server) allowBody(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if s.mayHandIn(header) {
		return fasthttp.RequestConfig{MaxRequestBodySize: s.cfg.BodyLimit}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: min(strangerBodyLimit, s.cfg.BodyLimit)}
}

func unauthorized(header string) *problem {
	return &problem{kind: kindUnauthorized, detail: "The header " + header +
		" does not hold a valid secret. Nothing was kept of the request, and nothing is shown. Configure the client to send " +
		"the secret in it."}
}

// tooLarge says why a body was not read to its end. After a chunked body the engine has forgotten the headers, so a
// stranger's is told apart only where the length was announced.
func (s *Server) tooLarge(c *fiber.Ctx) *problem {
	header := &c.Request().Header
	if header.ContentLength() > 0 && !s.mayHandIn(header) {
		if s.asksForKey(header.RequestURI()) {
			return keyRefused()
		}
		return unauthorized(s.cfg.WebhookHeader)
	}
	return &problem{kind: kindBodyTooLarge, detail: s.limits() +
		" This one is larger; it was not read to its end and nothing was kept of it. " +
		"Sending it again will not help: have the sender filter fields out, or raise the limit."}
}
