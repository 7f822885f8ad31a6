package httpapi

import (
	"regexp"
	"strconv"
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Limits of a page of calls.
const (
	defaultPage = 50
	maxPage     = 200
)

// stateOpen is the value of the parameter state that stands for every state but ended.
const stateOpen = "open"

var (
	filterParameters = []string{
		accountParameter, "state", "direction", "disposition", "hangup_by", "missed", "transferred", "project", "consultant",
		"number", fromParameter, toParameter, "limit", "cursor",
	}
	states       = []string{"ringing", "alerting", "answered", "talking", correlate.StateEnded, stateOpen}
	directions   = []string{correlate.DirectionInbound, correlate.DirectionOutbound, correlate.DirectionUnknown}
	dispositions = []string{
		string(correlate.DispositionAnswered), string(correlate.DispositionSelfService),
		string(correlate.DispositionAbandoned), string(correlate.DispositionNoAnswer),
		string(correlate.DispositionBusy), string(correlate.DispositionRejected),
		string(correlate.DispositionFailed), string(correlate.DispositionCancelled),
	}
	// hangup_by is an open set: dialog types that nobody has told us of may hang up too.
	hangupWord = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
	dateOnly   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// filter reads the question that GET /v1/calls is asked.
func (q query) filter(region string) (filter store.CallFilter, err error) {
	if filter.Account, err = q.account(); err != nil {
		return filter, err
	}
	if filter.State, err = q.word("state", states...); err != nil {
		return filter, err
	}
	if filter.State == stateOpen {
		filter.State, filter.Open = "", true
	}
	if filter.Direction, err = q.word("direction", directions...); err != nil {
		return filter, err
	}
	if filter.Disposition, err = q.word("disposition", dispositions...); err != nil {
		return filter, err
	}
	if hangupBy, ok := q["hangup_by"]; ok {
		filter.HangupBy = strings.ToLower(strings.TrimSpace(hangupBy))
		if !hangupWord.MatchString(filter.HangupBy) {
			return filter, invalid("hangup_by", "It is external, consultant, system, unknown or another dialog type in lower case.")
		}
	}
	if filter.Missed, err = q.flag("missed"); err != nil {
		return filter, err
	}
	if filter.Transferred, err = q.flag("transferred"); err != nil {
		return filter, err
	}
	if project, ok := q["project"]; ok {
		filter.Keys = append(filter.Keys, store.ProjectKey(strings.TrimSpace(project)))
	}
	if consultant, ok := q["consultant"]; ok {
		filter.Keys = append(filter.Keys, store.ConsultantKey(strings.ToLower(strings.TrimSpace(consultant))))
	}
	if number, ok := q["number"]; ok {
		filter.Keys = append(filter.Keys, numberKey(number, region))
	}
	if filter.From, err = q.time("from"); err != nil {
		return filter, err
	}
	if filter.To, err = q.time("to"); err != nil {
		return filter, err
	}
	if !filter.From.IsZero() && !filter.To.IsZero() && filter.From >= filter.To {
		return filter, invalid("to", "It is not after from, so no call can be between them (from is included, to is not).")
	}
	filter.Limit = defaultPage
	if limit, ok := q["limit"]; ok {
		if filter.Limit, err = strconv.Atoi(limit); err != nil || filter.Limit < 1 || filter.Limit > maxPage {
			return filter, invalid("limit", "It is a number from 1 to "+strconv.Itoa(maxPage)+".")
		}
	}
	if text, ok := q["cursor"]; ok {
		place, err := decodeCursor(text)
		if err != nil {
			return filter, invalid("cursor", "It is not one that next_cursor gave. Ask again without it to begin at the newest call.")
		}
		filter.Before = &place
	}
	return filter, nil
}

// flag reads true or false; nil where it is not given.
func (q query) flag(name string) (*bool, error) {
	word, err := q.word(name, "true", "false")
	if err != nil || word == "" {
		return nil, err
	}
	yes := word == "true"
	return &yes, nil
}

// time reads a moment: RFC 3339, the PBX's own notation, or a date, which is its beginning in UTC.
func (q query) time(name string) (dialog.Time, error) {
	text, ok := q[name]
	if !ok {
		return 0, nil
	}
	text = strings.TrimSpace(text)
	if dateOnly.MatchString(text) {
		text += " 00:00:00"
	}
	at, err := dialog.ParseTime(text)
	if err != nil {
		return 0, invalid(name, "It is a time between 1970 and 9999: RFC 3339 (write a + as %2B), "+
			"YYYY-MM-DD HH:mm:ss or YYYY-MM-DD, the latter two in UTC.")
	}
	return at, nil
}
