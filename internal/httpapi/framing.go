package httpapi

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
)

// refuseFraming refuses a request of which two readers might see different ends: a proxy before this server could take part
// of its body for the next request, or the other way round, and somebody's request would be answered to somebody else. The
// engine guesses where RFC 9112, sections 2.2, 3.2, 5 and 6, lets a server refuse. The connection ends with the answer, so
// nothing that follows on it is read.
func (s *Server) refuseFraming(c *fiber.Ctx) error {
	header := &c.Request().Header
	if why := misframed(header.RawHeaders(), header.IsHTTP11()); why != "" {
		c.Context().SetConnectionClose()
		return &problem{kind: kindBadRequest, detail: why + " It may mean different things to different readers, so nothing was " +
			"kept of the request, and the connection is closed. It is the client's HTTP library, or a proxy, that has to change."}
	}
	return c.Next()
}

// misframed says what is wrong with the lines of a header, the empty one at its end included; "" if nothing is.
func misframed(lines []byte, http11 bool) string {
	hosts, lengths, codings := 0, 0, 0
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		if end < 0 {
			end = len(lines) - 1
		}
		line := bytes.TrimSuffix(lines[:end], []byte("\r"))
		switch lines = lines[end+1:]; {
		case len(line) == end:
			return "A line of its header ends without a carriage return."
		case len(line) == 0:
			continue
		case line[0] == ' ' || line[0] == '\t':
			return "A line of its header begins with a space."
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		switch {
		case bytes.EqualFold(name, []byte(fiber.HeaderHost)):
			hosts++
		case bytes.EqualFold(name, []byte(fiber.HeaderContentLength)):
			lengths++
			if len(value) == 0 || len(bytes.Trim(value, "0123456789")) > 0 {
				return "Its Content-Length is no number."
			}
		case bytes.EqualFold(name, []byte(fiber.HeaderTransferEncoding)):
			codings++
			if !bytes.EqualFold(value, []byte("chunked")) {
				return "Its Transfer-Encoding is not chunked."
			}
		}
	}
	switch {
	case hosts > 1:
		return "It has more than one Host."
	case lengths > 1:
		return "It has more than one Content-Length."
	case codings > 1:
		return "It has more than one Transfer-Encoding."
	case lengths > 0 && codings > 0:
		return "It has both a Content-Length and a Transfer-Encoding."
	case codings > 0 && !http11:
		return "It has a Transfer-Encoding, which HTTP/1.0 does not know."
	}
	return ""
}
