package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/stats"
	"webhookd/internal/statsapi"
	"webhookd/internal/web"
)

// getStatsPage shows figures. What is asked stands in the address, with the names that GET /v1/stats has; moments are in
// the zone that is asked for where they name none.
func (s *Server) getStatsPage(c *fiber.Ctx) error {
	if to, shorter := withoutEmpty(c); shorter {
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	page, request, err := s.askedStats(c)
	if err != nil {
		return err
	}
	status := fiber.StatusBadRequest
	if page.Invalid == "" {
		status = fiber.StatusOK
		ctx, cancel := s.requestContext()
		defer cancel()
		report, err := statsapi.Ask(ctx, s.cfg.Reader, request)
		if err != nil {
			return fmt.Errorf("ask for statistics: %w", err)
		}
		page.Report = &report
	}
	return s.answerPage(c, status, func(w io.Writer, shell web.Shell) error { return web.Stats(w, shell, page) })
}

// askedStats reads what the page is asked for. What is wrong with a field is told on the page.
func (s *Server) askedStats(c *fiber.Ctx) (page web.StatsPage, request statsapi.Request, err error) {
	page.AnyAccount = keyed(c) == ""
	page.Fields = map[string]string{}
	for _, name := range web.StatsFields() {
		page.Fields[name] = c.Query(name)
	}
	q, err := readQuery(c, append(web.StatsFields(), "account")...)
	if err == nil {
		request, err = s.readStats(c, q, &page)
	}
	var wrong *problem
	if errors.As(err, &wrong) && wrong.kind == kindParameterInvalid {
		page.Invalid, page.Detail = wrong.parameter, wrong.detail
		if page.Today.IsZero() {
			page.Today = s.startOfToday(s.zone())
		}
		return page, request, nil
	}
	return page, request, err
}

// readStats makes a question of the page's fields, and the address at which a program asks the same.
func (s *Server) readStats(c *fiber.Ctx, q query, page *web.StatsPage) (request statsapi.Request, err error) {
	account, err := accountOf(c, q)
	if err != nil {
		return request, err
	}
	zone := s.zone()
	if name, given := q["time_zone"]; given {
		if zone, err = statsapi.Zone(name); err != nil {
			return request, invalid("time_zone", "It is the name of a zone in the IANA time zone database, as Europe/Warsaw, or UTC.")
		}
	}
	page.Today = s.startOfToday(zone)
	for _, name := range []string{fromParameter, toParameter} {
		page.Fields[name] = fieldTimeIn(q, name, zone)
	}
	// A form sends its interval also where nothing is told apart by one.
	if by := q["group_by"]; by != "" && by != string(stats.ByInterval) {
		delete(q, "interval")
	}
	address := url.Values{"format": {formatCSV}}
	given := map[string]string{}
	for name, value := range q {
		address.Set(name, value)
		if name != accountParameter {
			given[name] = value
		}
	}
	page.CSV = "/v1/stats?" + address.Encode()
	defaults := s.cfg.Statistics
	if request, err = statsapi.Read(account, given, defaults, s.cfg.Now()); err != nil {
		return request, parameterProblem(err)
	}
	return request, nil
}

// startOfToday gives the first moment of the day by the clock of a zone.
func (s *Server) startOfToday(zone *time.Location) time.Time {
	now := s.cfg.Now().In(zone)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
}
