package httpapi

import (
	"io"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/web"
)

// mostThreshold is the longest wait, in seconds, from which the board can be told to colour calls.
const mostThreshold = 24 * 60 * 60

// getBoardPage shows the live board. How it is to look stands in the address, so that a screen on a wall keeps it.
func (s *Server) getBoardPage(c *fiber.Ctx) error {
	if to, shorter := withoutEmpty(c); shorter {
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	q, err := readQuery(c, "account", "warn", "late", "tv")
	if err != nil {
		return err
	}
	if _, err := accountOf(c, q); err != nil {
		return err
	}
	page := web.BoardPage{Now: s.cfg.Now()}
	if page.Warn, err = q.threshold("warn", web.DefaultWarn); err != nil {
		return err
	}
	if page.Late, err = q.threshold("late", max(web.DefaultLate, page.Warn)); err != nil {
		return err
	}
	if tv, err := q.flag("tv"); err != nil {
		return err
	} else if tv != nil {
		page.TV = *tv
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.Board(w, shell, page) })
}

// threshold reads whole seconds.
func (q query) threshold(name string, otherwise int) (int, error) {
	text, given := q[name]
	if !given {
		return otherwise, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 || seconds > mostThreshold {
		return 0, invalid(name, "It is a whole number of seconds, from 0 to 86400.")
	}
	return seconds, nil
}
