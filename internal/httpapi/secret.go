package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"webhookd/internal/verify"
)

// strangerBodyLimit is how many bytes of a body we read from a client without a valid secret: enough for a webhook of
// the usual size to get its 401, too little to be used for filling our memory.
const strangerBodyLimit = 16 << 10

// newSecrets gives what checks the webhook secrets. An empty one is never right, and still closes the door.
func newSecrets(header string, texts []string) []verify.Verifier {
	secrets := make([]verify.Verifier, 0, len(texts))
	for _, text := range texts {
		secrets = append(secrets, verify.Header(header, text))
	}
	return secrets
}

// knowsSecret says whether a request with this header carries a webhook secret.
func (s *Server) knowsSecret(header *fasthttp.RequestHeader) bool {
	return verify.Any(s.secrets, s.requestOf(header, nil))
}

// secretReads says whether a request with this header may read for the webhook secret that it carries: as long as no token is
// configured that reads. In either case what it shows is of the accounts alone that have no verifiers of their own.
func (s *Server) secretReads(header *fasthttp.RequestHeader) bool {
	return s.tokens.none && s.knowsSecret(header)
}

// secretChanges says the same of changing something.
func (s *Server) secretChanges(header *fasthttp.RequestHeader) bool {
	return s.admins.none && s.knowsSecret(header)
}

// sender is who carries the webhook secret.
func (s *Server) sender() reader { return reader{barred: s.barred} }

// authorized says whether a request with this header may hand in webhooks of accounts that have no verifiers of their own.
func (s *Server) authorized(header *fasthttp.RequestHeader) bool {
	return s.open || s.knowsSecret(header)
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
		if own := s.verifiersAt(header.RequestURI()); len(own) > 0 {
			return senderRefused(own)
		}
		return unauthorized(s.cfg.WebhookHeader)
	}
	return &problem{kind: kindBodyTooLarge, detail: s.limits() +
		" This one is larger; it was not read to its end and nothing was kept of it. " +
		"Sending it again will not help: have the sender filter fields out, or raise the limit."}
}
