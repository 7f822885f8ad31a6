package httpapi

import (
	"mime"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// formLimit is how many bytes a form may have: a token and the address of a page are the most that is in one.
const formLimit = 8 << 10

// guardForm refuses forms that another site's page sends, and everything that no page of this server sends. fasthttp would
// unpack a compressed multipart form without any bound, for anybody.
func (*Server) guardForm(c *fiber.Ctx) error {
	if !fromOwnPage(c) {
		return foreignPage()
	}
	if compressed(c) {
		return &problem{kind: kindEncodingRefused, detail: "Forms are taken as they are, not compressed. Nothing was done. " +
			"Send the request without Content-Encoding."}
	}
	body := c.BodyRaw()
	if len(body) > formLimit {
		return &problem{kind: kindBodyTooLarge, detail: "A form may have up to " + strconv.Itoa(formLimit) +
			" bytes, and this one is larger. Nothing was done."}
	}
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if len(body) > 0 && (err != nil || kind != fiber.MIMEApplicationForm) {
		return &problem{kind: kindMediaType, detail: "The body is no " + fiber.MIMEApplicationForm + ", which is what the pages " +
			"send. Nothing was done."}
	}
	return c.Next()
}

// formValue gives a field of a form that guardForm let in; "" where there is none. It looks nowhere else: neither into the
// query, where nobody should write a token, nor into a multipart body.
func formValue(c *fiber.Ctx, name string) string {
	return string(c.Context().PostArgs().Peek(name))
}

// compressed says whether a body is said not to be as it is.
func compressed(c *fiber.Ctx) bool {
	encoding := strings.TrimSpace(c.Get(fiber.HeaderContentEncoding))
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}
