package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
	"webhookd/internal/web"
)

// pageFields are the query parameters of the history of calls.
func pageFields() []string { return append(web.CallFields(), "account", "cursor", "limit") }

// getCallsPage shows a page of calls. All that is asked is in the address, so that it can be shared; fields that a form
// left empty are taken out of it.
func (s *Server) getCallsPage(c *fiber.Ctx) error {
	if to, shorter := withoutEmpty(c); shorter {
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	page, filter, err := s.askedCalls(c)
	if err != nil {
		return err
	}
	status := fiber.StatusBadRequest
	if page.Invalid == "" {
		status = fiber.StatusOK
		ctx, cancel := s.requestContext()
		defer cancel()
		if page.Calls, page.Next, err = s.callsOf(ctx, filter); err != nil {
			return err
		}
	}
	return s.answerPage(c, status, func(w io.Writer, shell web.Shell) error { return web.Calls(w, shell, page) })
}

// askedCalls reads what the history of calls is asked for. What is wrong with a field is told on the page.
func (s *Server) askedCalls(c *fiber.Ctx) (page web.CallsPage, filter store.CallFilter, err error) {
	now := s.cfg.Now().In(s.zone())
	page.Today = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.zone())
	page.AnyAccount = keyed(c) == ""
	page.Fields = map[string]string{}
	for _, name := range pageFields() {
		page.Fields[name] = c.Query(name)
	}
	q, err := readQuery(c, pageFields()...)
	if err == nil {
		for _, name := range []string{fromParameter, toParameter} {
			page.Fields[name] = s.fieldTime(q, name)
		}
		filter, err = q.filter(s.cfg.DefaultRegion)
	}
	if err == nil {
		filter.Account, err = accountOf(c, q)
	}
	var wrong *problem
	shown := append(web.CallFields(), "account")
	if errors.As(err, &wrong) && wrong.kind == kindParameterInvalid && slices.Contains(shown, wrong.parameter) {
		page.Invalid, page.Detail = wrong.parameter, wrong.detail
		return page, filter, nil
	}
	return page, filter, err
}

// callsOf gives a page of calls and the cursor of the next one.
func (s *Server) callsOf(ctx context.Context, filter store.CallFilter) (calls []correlate.Call, next string, err error) {
	limit := filter.Limit
	filter.Limit++ // one more tells whether there is a next page
	found, err := s.cfg.Reader.Calls(ctx, filter)
	if err != nil {
		return nil, "", fmt.Errorf("list calls: %w", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		if next, err = encodeCursor(store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID}); err != nil {
			return nil, "", err
		}
	}
	for i := range found {
		call, err := recordOf(found[i])
		if err != nil {
			return nil, "", err
		}
		calls = append(calls, call)
	}
	return calls, next, nil
}

// recordOf reads a stored record.
func recordOf(call store.Call) (correlate.Call, error) {
	var record correlate.Call
	if err := json.Unmarshal(call.Record, &record); err != nil {
		return record, fmt.Errorf("read record of %s: %w", call.CallUUID, err)
	}
	return record, nil
}

func (s *Server) zone() *time.Location {
	if s.cfg.Zone == nil {
		return time.UTC
	}
	return s.cfg.Zone
}

// fieldLayouts are how a form's field, or somebody who writes an address, gives a moment of the pages' zone.
var fieldLayouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateTime, time.DateOnly}

// fieldTime takes a moment that is written in the pages' zone over into what the API reads, and gives it as a field has
// it. Anything else is left for the API to judge.
func (s *Server) fieldTime(q query, name string) string { return fieldTimeIn(q, name, s.zone()) }

func fieldTimeIn(q query, name string, zone *time.Location) string {
	text := strings.TrimSpace(q[name])
	if text == "" {
		return ""
	}
	for _, layout := range fieldLayouts {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			q[name] = at.UTC().Format(time.RFC3339)
			break
		}
	}
	at, err := dialog.ParseTime(q[name])
	if err != nil {
		return text
	}
	local := at.Time().In(zone)
	layout := "2006-01-02T15:04"
	if local.Second() != 0 {
		layout = "2006-01-02T15:04:05"
	}
	// Of an hour that comes twice, when the clock is put back, a clock's time is only one: the other one keeps its offset.
	if back, err := time.ParseInLocation(layout, local.Format(layout), zone); err != nil || !back.Equal(local) {
		return local.Format(time.RFC3339)
	}
	return local.Format(layout)
}

// withoutEmpty gives the address without the fields that have no value, and whether there were any.
func withoutEmpty(c *fiber.Ctx) (string, bool) {
	values, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return "", false // told when the query is read
	}
	shorter := false
	for name, given := range values {
		kept := slices.DeleteFunc(slices.Clone(given), func(value string) bool { return strings.TrimSpace(value) == "" })
		shorter = shorter || len(kept) != len(given)
		if values[name] = kept; len(kept) == 0 {
			delete(values, name)
		}
	}
	if len(values) == 0 {
		return c.Path(), shorter
	}
	return c.Path() + "?" + values.Encode(), shorter
}
