package web

import (
	"io"
	"strconv"
	"strings"
	"time"

	"webhookd/internal/stats"
)

// StatsPage is the page of statistics.
type StatsPage struct {
	// Fields are the form's fields as they stand in the address.
	Fields map[string]string
	// Invalid is the field that cannot be used; "" where all can. Detail says why, in English.
	Invalid, Detail string
	// Report is what was asked for; nil where it could not be.
	Report *stats.Report
	// CSV is the address of the same as a table.
	CSV string
	// AnyAccount says that who looks may choose the account.
	AnyAccount bool
	Today      time.Time // its first moment
}

// Stats writes the page of statistics.
func Stats(w io.Writer, shell Shell, page StatsPage) error {
	return render(w, shell, "stats", shell.T("stats.title"), page)
}

// StatsFields are what figures are asked by on the page, beside the account, in the order of the form.
func StatsFields() []string {
	return []string{
		"from", "to", "group_by", "interval", "direction", "project", "consultant", "time_zone", "answer_within", "abandon_after",
	}
}

// Label gives the key of what a field is called.
func (StatsPage) Label(field string) string {
	switch field {
	case "from", "to", "project", "consultant", "direction", "account":
		return "calls." + field
	}
	return "stats." + field
}

// FromField gives the type of the form's field for the beginning.
func (p StatsPage) FromField() string { return momentField(p.Fields["from"]) }

// ToField is as FromField, for the end.
func (p StatsPage) ToField() string { return momentField(p.Fields["to"]) }

// Choices gives the fields that have a fixed set of values.
func (p StatsPage) Choices(s Shell) []choice { //nolint:revive // templates call it
	choices := []choice{
		{"group_by", s.T("stats.group_by"), []option{
			{"", s.T("stats.by.interval"), false},
			{"project", s.T("stats.by.project"), false},
			{"consultant", s.T("stats.by.consultant"), false},
		}},
		{"interval", s.T("stats.interval"), []option{
			{"15min", s.T("stats.interval.15min"), false},
			{"", s.T("stats.interval.hour"), false},
			{"day", s.T("stats.interval.day"), false},
		}},
		{"direction", s.T("calls.direction"), []option{
			{"", s.T("calls.any"), false},
			{"inbound", s.Word("direction", "inbound"), false},
			{"outbound", s.Word("direction", "outbound"), false},
			{"unknown", s.Word("direction", "unknown"), false},
		}},
	}
	for i := range choices {
		for j := range choices[i].Options {
			choices[i].Options[j].Chosen = choices[i].Options[j].Value == p.Fields[choices[i].Name]
		}
	}
	return choices
}

// Address gives the page's path with what is asked, but for other values of some fields, name and value in turn.
func (p StatsPage) Address(s Shell, others ...string) string {
	fields := map[string]string{}
	for _, name := range StatsFields() {
		fields[name] = p.Fields[name]
	}
	for i := 0; i+1 < len(others); i += 2 {
		fields[others[i]] = others[i+1]
	}
	parameters := make([]string, 0, 2*len(fields))
	for _, name := range StatsFields() {
		parameters = append(parameters, name, fields[name])
	}
	return s.Link("/stats", parameters...)
}

// Days gives the address of the figures of some days, counted from today, by an interval.
func (p StatsPage) Days(s Shell, from, to int, interval string) string {
	return p.Address(s, "from", p.Today.AddDate(0, 0, from).Format(fieldTime), "to", p.Today.AddDate(0, 0, to).Format(fieldTime),
		"interval", interval)
}

// Name is what a group is called.
func (p StatsPage) Name(s Shell, group stats.Group) string {
	switch {
	case group.Interval != nil:
		return p.intervalName(group.Interval)
	case group.Project != nil:
		return named(s.T("stats.none"), group.Project.Name, group.Project.ID)
	case group.Consultant != nil:
		return named(s.T("stats.none"), group.Consultant.Name, group.Consultant.Username, group.Consultant.ID)
	}
	return ""
}

// named gives the first of several names that there is.
func named(otherwise string, names ...*string) string {
	for _, name := range names {
		if name != nil && *name != "" {
			return *name
		}
	}
	return otherwise
}

// intervalName writes an interval in the report's zone. Where the clock is changed there may be an hour that comes twice:
// then its offset tells it apart.
func (p StatsPage) intervalName(interval *stats.IntervalName) string {
	if p.Report.Interval != nil && *p.Report.Interval == stats.Day {
		return interval.From.Format(time.DateOnly)
	}
	const layout = "2006-01-02 15:04"
	name := interval.From.Format(layout)
	for _, shift := range []time.Duration{-time.Hour, time.Hour} {
		if interval.From.Add(shift).Format(layout) == name {
			return name + interval.From.Format(" (-07:00)")
		}
	}
	return name
}

// Percent writes a rate; "–" for none.
func (StatsPage) Percent(s Shell, rate *float64) string {
	if rate == nil {
		return "–"
	}
	text := strconv.FormatFloat(*rate*100, 'f', 1, 64)
	if s.Language == Polish {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text + " %"
}

// Span writes milliseconds in words; "–" for none.
func (StatsPage) Span(s Shell, ms *int64) string {
	if ms == nil {
		return "–"
	}
	return s.Duration(ms)
}

// Seconds writes a threshold in words.
func (StatsPage) Seconds(s Shell, ms int64) string { return s.Duration(&ms) }

// row is one line of the table: a group, or all of them.
type row struct {
	Name string
	stats.Figures
}

// Rows gives the lines of the table.
func (p StatsPage) Rows(s Shell) []row { //nolint:revive // templates call it
	rows := make([]row, 0, len(p.Report.Groups))
	for _, group := range p.Report.Groups {
		rows = append(rows, row{p.Name(s, group), group.Figures})
	}
	return rows
}

// Total gives the last line of the table.
func (p StatsPage) Total(s Shell) row { //nolint:revive // templates call it
	return row{s.T("stats.total"), p.Report.Total}
}

// Parts says that what is counted are consultants' parts in calls.
func (p StatsPage) Parts() bool { return p.Report.Unit == stats.UnitPart }

// Charts gives the pictures of the report. There is none of nothing.
func (p StatsPage) Charts(s Shell) []chart { //nolint:revive // templates call it
	if len(p.Report.Groups) == 0 {
		return nil
	}
	counted := []series{
		{s.T("stats.answered"), "answered"},
		{s.T("stats.no_answer"), "unanswered"},
		{s.T("stats.abandoned"), "abandoned"},
		{s.T("stats.others"), "outbound"},
	}
	calls := chartOf(s.T("stats.chart.calls"), counted)
	level := chartOf(s.T("stats.chart.level"), []series{{s.T("stats.service_level"), "level"}})
	level.top = 100
	waits := chartOf(s.T("stats.chart.waits"), []series{{s.T("stats.asa"), "waits"}})
	for _, group := range p.Report.Groups {
		name, in := p.Name(s, group), &group.Inbound
		short := p.short(group, name)
		calls.add(name, short, float64(in.Answered), float64(in.Missed-in.Abandoned), float64(in.Abandoned),
			float64(group.Outbound.Calls+group.UnknownDirection.Calls))
		level.add(name, short, percentOf(in.ServiceLevel))
		waits.add(name, short, secondsOf(in.AverageAnswerMS))
	}
	charts := make([]chart, 0, 3)
	for _, one := range []*chart{calls, level, waits} {
		one.each = p.Report.Interval == nil
		if one.most() > 0 {
			one.lay()
			charts = append(charts, *one)
		}
	}
	return charts
}

// short gives a name for below a bar: of intervals of one day, the time alone.
func (p StatsPage) short(group stats.Group, name string) string {
	if group.Interval == nil || *p.Report.Interval == stats.Day {
		return name
	}
	if p.Report.From.Format(time.DateOnly) == p.Report.To.Add(-time.Second).Format(time.DateOnly) {
		return name[len("2026-01-01 "):]
	}
	return name[len("2026-"):]
}

func percentOf(rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate * 100
}

func secondsOf(ms *int64) float64 {
	if ms == nil {
		return 0
	}
	return float64(*ms) / 1000
}
