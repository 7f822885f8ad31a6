package httpapi

import (
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
	"webhookd/internal/web"
)

// getQuarantinePage shows a page of the refused bodies.
func (s *Server) getQuarantinePage(c *fiber.Ctx) error {
	list, next, err := s.refusedPage(c, "done", "call")
	if err != nil {
		return err
	}
	page := web.QuarantinePage{Next: next, Later: c.Query("cursor") != "", Done: c.Query("done")}
	if id, ok := uuidOfQuery(c, "call"); ok {
		page.Call = id
	}
	for i := range list {
		page.Bodies = append(page.Bodies, shownRefused(list[i]))
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error {
		shell.Here = withoutOutcome(shell.Here)
		return web.Quarantine(w, shell, page)
	})
}

// getRefusedPage shows one refused body.
func (s *Server) getRefusedPage(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	return s.answerRefused(c, fiber.StatusOK, one, nil)
}

func (s *Server) answerRefused(c *fiber.Ctx, status int, one store.Refused, failed *problem) error {
	page := web.RefusedPage{Refused: shownRefused(one)}
	if failed != nil {
		page.Failed = failed.detail
	}
	return s.answerPage(c, status, func(w io.Writer, shell web.Shell) error {
		shell.Here = shell.Link("/quarantine/" + strconv.FormatInt(one.ID, 10))
		return web.RefusedBody(w, shell, page)
	})
}

// postRedrivePage is postRedrive for the form of the page.
func (s *Server) postRedrivePage(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	answer, err := s.redrive(c, one)
	var failed *problem
	if errors.As(err, &failed) && failed.kind == kindRedriveRefused {
		if again, err := s.findRefused(c); err == nil { // it came once more just now
			one = again
		}
		return s.answerRefused(c, fiber.StatusConflict, one, failed)
	}
	if err != nil {
		return err
	}
	done := string(answer.Result)
	if answer.Spooled {
		done = "spooled"
	}
	return c.Redirect(s.shell(c).Link("/quarantine", "done", done, "call", answer.CallUUID), fiber.StatusSeeOther)
}

// postDiscardPage is deleteRefused for the form of the page.
func (s *Server) postDiscardPage(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	if err := s.discard(one); err != nil {
		return err
	}
	return c.Redirect(s.shell(c).Link("/quarantine", "done", "discarded"), fiber.StatusSeeOther)
}

func shownRefused(one store.Refused) web.Refused {
	return web.Refused{
		ID: one.ID, ReceivedAt: one.ReceivedAt, LastAt: one.LastAt, Count: one.Count, Code: one.Code, Reason: one.Reason,
		SHA256: hex.EncodeToString(one.SHA256[:]), Size: max(one.Size, len(one.Body)), Truncated: one.Truncated, Body: one.Body,
	}
}

// withoutOutcome takes what was done out of an address: coming back to it must not tell it again.
func withoutOutcome(here string) string {
	parsed, err := url.Parse(here)
	if err != nil {
		return "/quarantine"
	}
	values := parsed.Query()
	values.Del("done")
	values.Del("call")
	parsed.RawQuery = values.Encode()
	return parsed.RequestURI()
}
