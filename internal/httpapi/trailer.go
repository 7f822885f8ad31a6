package httpapi

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// dropTrailers takes out of a request's headers what came behind its body. fasthttp puts the trailers of a chunked body among
// the headers, where they would be believed as if a proxy had written them: X-Forwarded-For, or a secret. Nothing here wants any.
func dropTrailers(header *fasthttp.RequestHeader) error {
	chunked := false
	header.VisitAllInOrder(func(name, _ []byte) { chunked = chunked || string(name) == fiber.HeaderTransferEncoding })
	if !chunked {
		return nil // then there are none
	}
	text := bytes.Join([][]byte{header.Method(), header.RequestURI(), header.Protocol()}, []byte{' '})
	text = append(append(append(text, "\r\n"...), header.RawHeaders()...), "\r\n\r\n"...)
	if err := header.Read(bufio.NewReaderSize(bytes.NewReader(text), len(text))); err != nil {
		return fmt.Errorf("read headers without trailers: %w", err)
	}
	return nil
}
