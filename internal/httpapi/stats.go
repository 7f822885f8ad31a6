package httpapi

import (
	"errors"
	"maps"
	"strings"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/statsapi"
)

// The forms of the answer of GET /v1/stats.
const (
	formatJSON = "json"
	formatCSV  = "csv"
)

var statsParameters = append([]string{accountParameter, "format"}, statsapi.Parameters...)

// getStats answers with figures.
func (s *Server) getStats(c *fiber.Ctx) error {
	q, err := readQuery(c, statsParameters...)
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	format, err := q.word("format", formatJSON, formatCSV)
	if err != nil {
		return err
	}
	given := maps.Clone(q)
	delete(given, accountParameter)
	delete(given, "format")
	request, err := statsapi.Read(account, given, s.cfg.Statistics, s.cfg.Now())
	if err != nil {
		return parameterProblem(err)
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	report, err := statsapi.Ask(ctx, s.cfg.Reader, request)
	if err != nil {
		return err
	}
	if format == formatCSV {
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8; header=present")
		c.Set(fiber.HeaderContentDisposition, `attachment; filename="webhookd-statistics-`+
			strings.ReplaceAll(report.From.Format("2006-01-02T15:04"), ":", "")+`.csv"`)
		return c.Send(report.CSV())
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, report)
}

// parameterProblem says of a query parameter what statsapi says of it.
func parameterProblem(err error) error {
	if fault, ok := errors.AsType[*statsapi.ParameterError](err); ok {
		return invalid(fault.Parameter, fault.Detail, fault.Allowed...)
	}
	return err
}
