package httpapi

import (
	"io"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/openapi"
	"webhookd/internal/web"
)

// getAPIPage shows what this API is. Like the document that it is made of, it shows nothing of anybody, so everybody may see
// it; who may see more is led to that, too.
func (s *Server) getAPIPage(c *fiber.Ctx) error {
	stranger := s.admit(c) != nil
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error {
		if stranger {
			shell.Account = ""
		}
		return web.API(w, shell, openapi.Read())
	})
}
