package stats

import (
	"fmt"
	"time"
)

// GroupBy says what figures are told apart by.
type GroupBy string

// What figures can be told apart by.
const (
	ByInterval   GroupBy = "interval"
	ByProject    GroupBy = "project"
	ByConsultant GroupBy = "consultant"
)

// What is counted.
const (
	// UnitCall is one call.
	UnitCall = "call"
	// UnitPart is the part that one consultant had in one call.
	UnitPart = "consultant_in_call"
)

// Report is an answer: figures, and everything that they rest on.
type Report struct {
	Account string `json:"account"`
	// From and To are the stretch of time in which the calls began, in the zone; To is not in it.
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	TimeZone string    `json:"time_zone"`
	GroupBy  GroupBy   `json:"group_by"`
	// Interval is null unless figures are told apart by it.
	Interval *Interval `json:"interval"`
	// Project, Consultant and Direction are what calls were chosen by, null for any.
	Project    *string `json:"project"`
	Consultant *string `json:"consultant"`
	Direction  *string `json:"direction"`
	// Unit says what is counted: UnitCall or UnitPart.
	Unit       string           `json:"unit"`
	Parameters ReportParameters `json:"parameters"`
	// Formulas say how figures are worked out, by the name of the figure.
	Formulas map[string]string `json:"formulas"`
	// Complete is false as long as calls that ended before there were statistics are still being counted.
	Complete bool `json:"complete"`
	// Total are the figures of all groups together.
	Total  Figures `json:"total"`
	Groups []Group `json:"groups"`
}

// ReportParameters are the thresholds.
type ReportParameters struct {
	AnswerWithinMS int64 `json:"answer_within_ms"`
	AbandonAfterMS int64 `json:"abandon_after_ms"`
}

// Group are the figures of one interval, project or consultant; the others are null.
type Group struct {
	Interval   *IntervalName   `json:"interval"`
	Project    *ProjectName    `json:"project"`
	Consultant *ConsultantName `json:"consultant"`
	Figures
}

// IntervalName is one interval, in the zone; To is not in it. The first and the last one may be cut off by the question.
type IntervalName struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ProjectName is one project; both are null for the calls that have none. The name is the one that was told last.
type ProjectName struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
}

// ConsultantName is one consultant. ID is null for one who has none, and is known by the username then.
type ConsultantName struct {
	ID       *string `json:"id"`
	Username *string `json:"username"`
	Name     *string `json:"name"`
}

// FormulasOf says how the figures that need it are worked out, with the thresholds in words.
func FormulasOf(t Thresholds) map[string]string {
	within, after := t.AnswerWithin.String(), t.AbandonAfter.String()
	return map[string]string{
		"offered":         "calls - self_service",
		"answered_within": "answered with a wait of at most " + within,
		"short_abandoned": "abandoned with a wait of at most " + after,
		"missed":          "offered - answered - answered_elsewhere",
		"abandon_rate":    "(abandoned - short_abandoned) / (offered - short_abandoned)",
		"service_level": fmt.Sprintf(
			"answered_within / (answered + abandoned - short_abandoned): answered within %s ÷ (answered + abandoned after %s)",
			within, after),
		"answer_rate":                "answered / calls",
		"average_speed_of_answer_ms": "sum of the waits of the answered / answered",
		"average_handle_ms":          "average_talk_ms + average_hold_ms = handle_ms / answered, of those whose talk is known",
		"average_talk_ms":            "(handle_ms - hold_ms) / answered, of those whose talk is known",
		"average_hold_ms":            "hold_ms / answered, of those whose talk is known",
	}
}
