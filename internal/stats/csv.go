package stats

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"time"

	"webhookd/internal/spreadsheet"
)

// column is one column of a report as CSV.
type column struct {
	name  string
	value func(Group) string
}

var csvColumns = append([]column{
	{"from", func(g Group) string {
		if g.Interval == nil {
			return ""
		}
		return g.Interval.From.Format(time.RFC3339)
	}},
	{"to", func(g Group) string {
		if g.Interval == nil {
			return ""
		}
		return g.Interval.To.Format(time.RFC3339)
	}},
	{"project_id", func(g Group) string { return projectText(g, func(p *ProjectName) *string { return p.ID }) }},
	{"project_name", func(g Group) string { return projectText(g, func(p *ProjectName) *string { return p.Name }) }},
	{"consultant_id", func(g Group) string {
		return consultantText(g, func(c *ConsultantName) *string { return c.ID })
	}},
	{"consultant_username", func(g Group) string {
		return consultantText(g, func(c *ConsultantName) *string { return c.Username })
	}},
	{"consultant_name", func(g Group) string {
		return consultantText(g, func(c *ConsultantName) *string { return c.Name })
	}},
}, figureColumns()...)

// figureColumns are the columns of the figures: the names of the JSON, with the direction before them.
func figureColumns() []column {
	inbound := func(name string, value func(*InboundFigures) string) column {
		return column{"inbound_" + name, func(g Group) string { return value(&g.Inbound) }}
	}
	columns := make([]column, 0, 6+3*len(callColumns))
	columns = append(columns,
		inbound("offered", func(f *InboundFigures) string { return number(f.Offered) }),
		inbound("answered_within", func(f *InboundFigures) string { return number(f.AnsweredWithin) }),
		inbound("short_abandoned", func(f *InboundFigures) string { return number(f.ShortAbandoned) }),
		inbound("missed", func(f *InboundFigures) string { return number(f.Missed) }),
		inbound("abandon_rate", func(f *InboundFigures) string { return fraction(f.AbandonRate) }),
		inbound("service_level", func(f *InboundFigures) string { return fraction(f.ServiceLevel) }),
	)
	for _, direction := range []struct {
		name    string
		figures func(*Group) *CallFigures
	}{
		{"inbound", func(g *Group) *CallFigures { return &g.Inbound.CallFigures }},
		{"outbound", func(g *Group) *CallFigures { return &g.Outbound }},
		{"unknown_direction", func(g *Group) *CallFigures { return &g.UnknownDirection }},
	} {
		for _, c := range callColumns {
			columns = append(columns, column{
				direction.name + "_" + c.name,
				func(g Group) string { return c.value(direction.figures(&g)) },
			})
		}
	}
	return columns
}

var callColumns = []struct {
	name  string
	value func(*CallFigures) string
}{
	{"calls", func(f *CallFigures) string { return number(f.Calls) }},
	{"answered", func(f *CallFigures) string { return number(f.Answered) }},
	{"abandoned", func(f *CallFigures) string { return number(f.Abandoned) }},
	{"self_service", func(f *CallFigures) string { return number(f.SelfService) }},
	{"no_answer", func(f *CallFigures) string { return number(f.NoAnswer) }},
	{"busy", func(f *CallFigures) string { return number(f.Busy) }},
	{"rejected", func(f *CallFigures) string { return number(f.Rejected) }},
	{"failed", func(f *CallFigures) string { return number(f.Failed) }},
	{"cancelled", func(f *CallFigures) string { return number(f.Cancelled) }},
	{"answered_elsewhere", func(f *CallFigures) string { return number(f.AnsweredElsewhere) }},
	{"answer_rate", func(f *CallFigures) string { return fraction(f.AnswerRate) }},
	{"average_speed_of_answer_ms", func(f *CallFigures) string { return optional(f.AverageAnswerMS) }},
	{"longest_wait_ms", func(f *CallFigures) string { return optional(f.LongestWaitMS) }},
	{"average_handle_ms", func(f *CallFigures) string { return optional(f.AverageHandleMS) }},
	{"average_talk_ms", func(f *CallFigures) string { return optional(f.AverageTalkMS) }},
	{"average_hold_ms", func(f *CallFigures) string { return optional(f.AverageHoldMS) }},
	{"handle_ms", func(f *CallFigures) string { return number(f.HandleMS) }},
	{"hold_ms", func(f *CallFigures) string { return number(f.HoldMS) }},
	{"hangup_by_external", func(f *CallFigures) string { return number(f.HungUpBy.External) }},
	{"hangup_by_consultant", func(f *CallFigures) string { return number(f.HungUpBy.Consultant) }},
	{"hangup_by_system", func(f *CallFigures) string { return number(f.HungUpBy.System) }},
	{"hangup_by_unknown", func(f *CallFigures) string { return number(f.HungUpBy.Unknown) }},
	{"hangup_by_other", func(f *CallFigures) string { return number(f.HungUpBy.Other) }},
	{"hangup_side_caller", func(f *CallFigures) string { return number(f.HungUpSide.Caller) }},
	{"hangup_side_callee", func(f *CallFigures) string { return number(f.HungUpSide.Callee) }},
	{"hangup_side_none", func(f *CallFigures) string { return number(f.HungUpSide.None) }},
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func optional(n *int64) string {
	if n == nil {
		return ""
	}
	return number(*n)
}

func fraction(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func projectText(g Group, of func(*ProjectName) *string) string {
	if g.Project == nil {
		return ""
	}
	return text(of(g.Project))
}

func consultantText(g Group, of func(*ConsultantName) *string) string {
	if g.Consultant == nil {
		return ""
	}
	return text(of(g.Consultant))
}

// text gives what a sender sent as a cell.
func text(value *string) string {
	if value == nil {
		return ""
	}
	return spreadsheet.Cell(*value)
}

// CSV gives the groups of a report, one to a line, below a line with the names of the columns: RFC 4180, UTF-8, always
// the same columns. What is null is empty.
func (r Report) CSV() []byte {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	row := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		row[i] = c.name
	}
	_ = w.Write(row) // a buffer takes everything
	for _, group := range r.Groups {
		for i, c := range csvColumns {
			row[i] = c.value(group)
		}
		_ = w.Write(row)
	}
	w.Flush()
	return buf.Bytes()
}
