package statsapi

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine need not have the zones

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/stats"
)

// Defaults is what counts where a question says nothing.
type Defaults struct {
	Zone       *time.Location // nil: UTC
	Thresholds stats.Thresholds
}

// Request is a question.
type Request struct {
	Account    string
	Span       stats.Span
	Zone       *time.Location
	GroupBy    stats.GroupBy
	Interval   stats.Interval // "" unless GroupBy is by interval
	Project    *string        // id; "" for the calls that have none; nil for any
	Consultant *string        // id or username, in any case; nil for any
	Direction  string         // "" for any
	Thresholds stats.Thresholds

	intervals []stats.Span // of Span, where GroupBy is by interval
}

// Parameters are the names of everything that a question may say, but for the account.
var Parameters = []string{
	"from", "to", "interval", "group_by", "project", "consultant", "direction", "time_zone", "answer_within", "abandon_after",
}

// ParameterError says that a parameter cannot be used.
type ParameterError struct {
	Parameter string
	Detail    string   // sentences, for whoever asked
	Allowed   []string // the values that it may have, if there are only some
}

func (e *ParameterError) Error() string { return "parameter " + e.Parameter + ": " + e.Detail }

// NoProject is the value of the parameter project that stands for calls that have none.
const NoProject = "-"

const maxThreshold = 24 * time.Hour

var dateOnly = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// The words of parameters that have only some values.
var (
	intervals  = []string{string(stats.Quarter), string(stats.Hour), string(stats.Day)}
	groupings  = []string{string(stats.ByInterval), string(stats.ByProject), string(stats.ByConsultant)}
	directions = []string{correlate.DirectionInbound, correlate.DirectionOutbound, correlate.DirectionUnknown}
)

// Read makes a question of parameters, of which each has a value. What they leave out is today up to now, by the hour.
// Its errors are *ParameterError.
func Read(account string, given map[string]string, defaults Defaults, now time.Time) (Request, error) {
	r := reader{given: given}
	request := Request{Account: account, Thresholds: defaults.Thresholds}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(Parameters, name) {
			return Request{}, &ParameterError{Parameter: name, Detail: "There is no such parameter.", Allowed: Parameters}
		}
	}
	request.Zone = r.zone(defaults.Zone)
	request.GroupBy = stats.GroupBy(r.word("group_by", string(stats.ByInterval), groupings))
	if request.GroupBy == stats.ByInterval {
		request.Interval = stats.Interval(r.word("interval", string(stats.Hour), intervals))
	} else if _, told := given["interval"]; told {
		r.fail("interval", "It needs group_by=interval: figures by project or consultant are of the whole time.")
	}
	request.Direction = r.word("direction", "", directions)
	request.Thresholds.AnswerWithin = r.threshold("answer_within", defaults.Thresholds.AnswerWithin)
	request.Thresholds.AbandonAfter = r.threshold("abandon_after", defaults.Thresholds.AbandonAfter)
	if project, told := given["project"]; told {
		if project = strings.TrimSpace(project); project == NoProject {
			project = ""
		}
		request.Project = &project
	}
	if consultant, told := given["consultant"]; told {
		consultant = strings.ToLower(strings.TrimSpace(consultant))
		request.Consultant = &consultant
	}
	if r.fault != nil {
		return Request{}, r.fault
	}
	request.Span = r.span(request.Zone, now)
	if r.fault == nil && request.GroupBy == stats.ByInterval {
		request.intervals = r.intervals(request)
	}
	if r.fault != nil {
		return Request{}, r.fault
	}
	return request, nil
}

// reader reads parameters, and remembers the first fault.
type reader struct {
	given map[string]string
	fault *ParameterError
}

func (r *reader) fail(parameter, detail string, allowed ...string) {
	if r.fault == nil {
		r.fault = &ParameterError{Parameter: parameter, Detail: detail, Allowed: allowed}
	}
}

func (r *reader) word(name, otherwise string, allowed []string) string {
	value, told := r.given[name]
	if !told {
		return otherwise
	}
	value = strings.ToLower(strings.TrimSpace(value))
	if !slices.Contains(allowed, value) {
		r.fail(name, `It is none of the values in "allowed".`, allowed...)
	}
	return value
}

func (r *reader) zone(otherwise *time.Location) *time.Location {
	if otherwise == nil {
		otherwise = time.UTC
	}
	name, told := r.given["time_zone"]
	if !told {
		return otherwise
	}
	zone, err := Zone(name)
	if err != nil {
		r.fail("time_zone", "It is the name of a zone in the IANA time zone database, as Europe/Warsaw, or UTC.")
		return otherwise
	}
	return zone
}

// ErrZone says that a text names no time zone.
var ErrZone = errors.New("no time zone")

// Zone finds a time zone by its name in the IANA time zone database. It returns ErrZone.
func Zone(name string) (*time.Location, error) {
	name = strings.TrimSpace(name)
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" { // the last two would be the machine's
		return nil, ErrZone
	}
	return zone, nil
}

// threshold reads whole seconds: a duration with units, or a number of seconds.
func (r *reader) threshold(name string, otherwise time.Duration) time.Duration {
	text, told := r.given[name]
	if !told {
		return otherwise
	}
	text = strings.TrimSpace(text)
	value, err := time.ParseDuration(text)
	if seconds, numeric := strconv.Atoi(text); numeric == nil && seconds <= int(maxThreshold/time.Second) {
		value, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || value < 0 || value > maxThreshold || value%time.Second != 0 {
		r.fail(name, "It is a duration of whole seconds from 0s to 24h, as 20s, 1m30s or 20.")
	}
	return value
}

// span gives what from and to say; without them, today up to now.
func (r *reader) span(zone *time.Location, now time.Time) stats.Span {
	present := dialog.TimeOf(now) + 1 // what begins in this second is in it
	span := stats.Span{To: present}
	if _, told := r.given["to"]; told {
		span.To = r.time("to", zone)
	}
	if _, told := r.given["from"]; told {
		span.From = r.time("from", zone)
	} else {
		span.From = stats.StartOfDay(span.To-1, zone)
	}
	if span.From >= span.To {
		r.fail("from", "It is not before to (which is now, unless given), so no call can have begun between them.")
	}
	return span
}

// time reads a moment: RFC 3339; the PBX's own notation, in UTC; or a date, which is the beginning of that day in the
// zone.
func (r *reader) time(name string, zone *time.Location) dialog.Time {
	text := strings.TrimSpace(r.given[name])
	if dateOnly.MatchString(text) {
		// At noon every clock shows that date.
		noon, err := time.ParseInLocation(time.DateOnly+" 15", text+" 12", zone)
		if err == nil && noon.Unix() > 2*24*60*60 {
			return stats.StartOfDay(dialog.TimeOf(noon), zone)
		}
		text = ""
	}
	at, err := dialog.ParseTime(text)
	if err != nil {
		r.fail(name, "It is a time between 1970 and 9999: RFC 3339 (write a + as %2B), YYYY-MM-DD HH:mm:ss, which is UTC, "+
			"or YYYY-MM-DD, which is the beginning of that day in the time zone.")
	}
	return at
}

func (r *reader) intervals(request Request) []stats.Span {
	spans, err := request.Span.Intervals(request.Interval, request.Zone)
	switch {
	case errors.Is(err, stats.ErrTooMany):
		r.fail("interval", "The time asked for has more than "+strconv.Itoa(stats.MaxIntervals)+
			" of these intervals. Ask for less time, or for longer intervals.", intervals...)
	case err != nil:
		r.fail("time_zone", "Its clock was no whole number of quarter hours from UTC in that time, so calls cannot be told "+
			"apart by its intervals. Ask for another zone, as UTC.")
	}
	return spans
}
