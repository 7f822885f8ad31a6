package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/web"
)

// Cookies of what somebody likes; they say nothing about who it is.
const (
	languageCookie = "webhookd_language"
	themeCookie    = "webhookd_theme"
	likingLife     = 365 * 24 * time.Hour
)

// routePages says where the pages for people are.
func (s *Server) routePages() {
	s.app.Get("/assets/:hash/:name", s.getAsset)
	s.app.Get("/api", s.getAPIPage)
	s.app.Get("/login", s.getLogin)
	s.app.Post("/login", s.guardForm, s.postLogin)
	s.app.Post("/logout", s.guardForm, s.postLogout)
	s.app.Post("/preferences", s.guardForm, s.postPreferences)
	s.app.Get("/calls", s.guardPage, s.getCallsPage)
	s.app.Get("/calls.csv", s.guardPage, s.getCallsCSV)
	s.app.Get("/stats", s.guardPage, s.getStatsPage)
	s.app.Get("/calls/:call_uuid", s.guardPage, s.getCallPage)
	if s.cfg.Refusals != nil {
		s.app.Get("/quarantine", s.guardPage, s.getQuarantinePage)
		s.app.Get("/quarantine/:id", s.guardPage, s.getRefusedPage)
		s.app.Post("/quarantine/:id/redrive", s.guardChange, s.postRedrivePage)
		s.app.Post("/quarantine/:id/discard", s.guardChange, s.postDiscardPage)
	}
}

// wantsHTML says whether a request comes from somebody who looks at pages: browsers say so, programs do not.
func wantsHTML(c *fiber.Ctx) bool {
	return strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}

// isPage says whether a request is for a page, so that its errors are pages, too.
func isPage(c *fiber.Ctx) bool {
	path := []byte(c.Path())
	for _, program := range []string{"/v1", "/healthz", "/readyz", "/metrics", "/assets", "/openapi.json", "/asyncapi.json"} {
		if below(path, program) {
			return false
		}
	}
	return wantsHTML(c)
}

// guardPage is guardRead for pages: who is not logged in is asked to.
func (s *Server) guardPage(c *fiber.Ctx) error {
	err := s.admit(c)
	switch {
	case err == nil:
		return c.Next()
	case c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead:
		return err
	case c.Get("Sec-Fetch-Site") == "cross-site" || c.Get("Sec-Fetch-Site") == "same-site":
		// The browser keeps the cookie back because a link on another site led here.
		return s.answerPage(c, fiber.StatusOK, web.Again)
	}
	return c.Redirect("/login?next="+urlEscape(c.OriginalURL()), fiber.StatusSeeOther)
}

// shell says what is around the page that a request asks for.
func (s *Server) shell(c *fiber.Ctx) web.Shell {
	who := readerOf(c)
	shell := web.Shell{
		Language: languageOf(c),
		Zone:     s.cfg.Zone,
		Here:     localPath(c.OriginalURL()),
		Account:  orDefault(keyed(c), DefaultAccount),
		SignedIn: who.session,
		MayLogin: len(s.credentials) > 0,
		// On an open server without API keys everybody who reaches it may change; see mayChange.
		MayChange: s.mayChange(c) == nil,
		Version:   s.cfg.Version,
	}
	shell.Theme, _ = web.ParseTheme(c.Cookies(themeCookie))
	if named := c.Query("account"); saneAccount.MatchString(named) && (keyed(c) == "" || keyed(c) == named) {
		shell.Account, shell.Named = named, true
	}
	return shell
}

func languageOf(c *fiber.Ctx) web.Language {
	if language, ok := web.ParseLanguage(c.Cookies(languageCookie)); ok {
		return language
	}
	return web.PreferredLanguage(c.Get(fiber.HeaderAcceptLanguage))
}

// answerPage writes a page as the answer.
func (s *Server) answerPage(c *fiber.Ctx, status int, write func(io.Writer, web.Shell) error) error {
	var buf bytes.Buffer
	if err := write(&buf, s.shell(c)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderContentSecurityPolicy, web.Policy)
	c.Set(fiber.HeaderReferrerPolicy, web.Referrers)
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Vary(fiber.HeaderAccept, fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	return c.Status(status).Send(buf.Bytes())
}

// answerProblemPage writes a problem as a page.
func (s *Server) answerProblemPage(c *fiber.Ctx, p *problem, status int) error {
	return s.answerPage(c, status, func(w io.Writer, shell web.Shell) error {
		return web.Problem(w, shell, web.ProblemPage{Status: status, Detail: p.detail, Request: requestID(c)})
	})
}

// getAsset answers with a file that pages load. Its URL changes with what is in it, so it may be kept for good.
func (*Server) getAsset(c *fiber.Ctx) error {
	asset, ok := web.FindAsset(c.Params("hash"), c.Params("name"))
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, asset.Type)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(asset.Body)
}

// postPreferences keeps in cookies which language and which colours somebody likes.
func (s *Server) postPreferences(c *fiber.Ctx) error {
	if language, ok := web.ParseLanguage(formValue(c, "language")); ok {
		c.Cookie(s.cookie(languageCookie, string(language), likingLife))
	}
	if word := formValue(c, "theme"); word != "" {
		if theme, ok := web.ParseTheme(word); ok {
			c.Cookie(s.cookie(themeCookie, string(theme), likingLife))
		}
	}
	return c.Redirect(localPath(formValue(c, "back")), fiber.StatusSeeOther)
}
