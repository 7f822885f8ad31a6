package httpapi

import (
	"fmt"
	"io"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/web"
)

func urlEscape(text string) string { return url.QueryEscape(text) }

// getLogin shows the form to log in with; who is logged in already goes on.
func (s *Server) getLogin(c *fiber.Ctx) error {
	next := localPath(c.Query("next"))
	if _, ok := s.sessionOf(c); ok {
		return c.Redirect(next, fiber.StatusSeeOther)
	}
	return s.answerLogin(c, fiber.StatusOK, web.LoginPage{Next: next})
}

func (s *Server) answerLogin(c *fiber.Ctx, status int, page web.LoginPage) error {
	page.None = len(s.credentials) == 0
	return s.answerPage(c, status, func(w io.Writer, shell web.Shell) error {
		shell.Account = "" // nothing is shown of any
		shell.Here = "/login?next=" + url.QueryEscape(page.Next)
		return web.Login(w, shell, page)
	})
}

// postLogin exchanges a read token or an API key for a cookie.
func (s *Server) postLogin(c *fiber.Ctx) error {
	next := localPath(formValue(c, "next"))
	found, ok := s.findCredential(formValue(c, "token"))
	if !ok {
		return s.answerLogin(c, fiber.StatusUnauthorized, web.LoginPage{Next: next, Refused: true})
	}
	value, err := found.seal(s.cfg.Now().Add(sessionLife))
	if err != nil {
		return fmt.Errorf("seal session: %w", err)
	}
	s.setSession(c, value)
	return c.Redirect(next, fiber.StatusSeeOther)
}

// postLogout takes the cookie away.
func (s *Server) postLogout(c *fiber.Ctx) error {
	s.setSession(c, "")
	return c.Redirect("/login", fiber.StatusSeeOther)
}
