package httpapi

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
)

// readBody gives the body of a request as it was sent.
func readBody(c *fiber.Ctx) ([]byte, error) {
	if compressed(c) {
		return nil, &problem{kind: kindEncodingRefused, detail: "Bodies are taken as they are, not compressed. Nothing was done. " +
			"Send the request without Content-Encoding."}
	}
	return c.BodyRaw(), nil
}

// idParam reads a client's id from the path: whatever it is, percent-encoded. fits says whether anything can have such
// an id at all.
func idParam(c *fiber.Ctx, name string) (id string, fits bool, err error) {
	id, err = url.PathUnescape(c.Params(name))
	if err != nil {
		return "", false, &problem{kind: kindBadRequest, detail: "The path cannot be decoded, and nothing was done. " +
			"Percent-encode the id in it (% as %25)."}
	}
	fits = id != "" && len(id) <= store.MaxKey && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
	return id, fits, nil
}
