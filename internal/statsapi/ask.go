package statsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// Reader is the part of store.Reader that is asked.
type Reader interface {
	Tallies(ctx context.Context, question stats.Question) ([]stats.Tally, error)
	FactsComplete(ctx context.Context) (bool, error)
	NewestOf(ctx context.Context, account string, keys []string) (map[string]store.Call, error)
}

// Ask answers a question that Read made. It returns the store's errors.
func Ask(ctx context.Context, reader Reader, request Request) (stats.Report, error) {
	// First, so that what is counted while it is asked is not told to be all.
	complete, err := reader.FactsComplete(ctx)
	if err != nil {
		return stats.Report{}, fmt.Errorf("ask for statistics: %w", err)
	}
	question, err := questionOf(ctx, reader, request)
	if err != nil {
		return stats.Report{}, fmt.Errorf("ask for statistics: %w", err)
	}
	tallies, err := reader.Tallies(ctx, question)
	if err != nil {
		return stats.Report{}, fmt.Errorf("ask for statistics: %w", err)
	}
	tallies = slices.DeleteFunc(tallies, func(t stats.Tally) bool {
		return request.Direction != "" && t.Class.Direction() != directionOf(request.Direction)
	})
	report := reportOf(request, question)
	report.Complete = complete
	report.Total = stats.NewFigures(tallies)
	switch request.GroupBy {
	case stats.ByProject:
		report.Groups, err = byProject(ctx, reader, request.Account, tallies)
	case stats.ByConsultant:
		report.Groups, err = byConsultant(ctx, reader, request.Account, tallies)
	case stats.ByInterval:
		report.Groups = byInterval(request, tallies)
	}
	if err != nil {
		return stats.Report{}, fmt.Errorf("ask for statistics: %w", err)
	}
	return report, nil
}

func directionOf(word string) stats.Direction {
	switch word {
	case correlate.DirectionInbound:
		return stats.Inbound
	case correlate.DirectionOutbound:
		return stats.Outbound
	}
	return stats.UnknownDirection
}

// questionOf gives what the store is to be asked.
func questionOf(ctx context.Context, reader Reader, request Request) (stats.Question, error) {
	question := stats.Question{
		Account: request.Account, From: request.Span.From, To: request.Span.To,
		Consultants:  request.Consultant != nil || request.GroupBy == stats.ByConsultant,
		ByProject:    request.GroupBy == stats.ByProject,
		ByConsultant: request.GroupBy == stats.ByConsultant,
		AnswerWithin: int64(request.Thresholds.AnswerWithin / time.Second),
		AbandonAfter: int64(request.Thresholds.AbandonAfter / time.Second),
	}
	for _, span := range request.intervals {
		question.Begins = append(question.Begins, span.From)
	}
	if request.Project != nil {
		project := store.BoundedKey(*request.Project)
		question.Project = &project
	}
	if request.Consultant != nil {
		key := store.ConsultantKey(*request.Consultant)
		newest, err := reader.NewestOf(ctx, request.Account, []string{key})
		if err != nil {
			return question, err
		}
		// Facts know a consultant by one name only; a username may stand for an id.
		name := *request.Consultant
		if found, known := consultantIn(newest[key], name); known {
			name = stats.ConsultantOf(found)
		}
		name = store.BoundedKey(name)
		question.Consultant = &name
	}
	return question, nil
}

// people is what is read of a record.
type people struct {
	Consultants []correlate.Consultant `json:"consultants"`
	Project     correlate.Project      `json:"project"`
}

func peopleIn(call store.Call) people {
	var read people
	if json.Unmarshal(call.Record, &read) != nil {
		return people{} // a name is missing; the figures are there
	}
	return read
}

// consultantIn finds a consultant by id or username, in lower case, in a call's record. One whose id it is goes first.
func consultantIn(call store.Call, name string) (correlate.Consultant, bool) {
	consultants := peopleIn(call).Consultants
	for _, c := range consultants {
		if strings.EqualFold(c.ID.Text(), name) {
			return c, true
		}
	}
	for _, c := range consultants {
		if strings.EqualFold(string(c.Username), name) {
			return c, true
		}
	}
	return correlate.Consultant{}, false
}

func reportOf(request Request, question stats.Question) stats.Report {
	in := func(t dialog.Time) time.Time { return t.Time().In(request.Zone) }
	report := stats.Report{
		Account: request.Account, From: in(request.Span.From), To: in(request.Span.To), TimeZone: request.Zone.String(),
		GroupBy: request.GroupBy, Project: request.Project, Consultant: request.Consultant, Unit: stats.UnitCall,
		Parameters: stats.ReportParameters{
			AnswerWithinMS: request.Thresholds.AnswerWithin.Milliseconds(),
			AbandonAfterMS: request.Thresholds.AbandonAfter.Milliseconds(),
		},
		Formulas: stats.FormulasOf(request.Thresholds), Groups: []stats.Group{},
	}
	if question.Consultants {
		report.Unit = stats.UnitPart
	}
	if request.Interval != "" {
		report.Interval = &request.Interval
	}
	if request.Direction != "" {
		report.Direction = &request.Direction
	}
	return report
}

// byInterval gives every interval, also those in which no call began.
func byInterval(request Request, tallies []stats.Tally) []stats.Group {
	of := make([][]stats.Tally, len(request.intervals))
	for _, tally := range tallies {
		of[tally.Interval] = append(of[tally.Interval], tally)
	}
	groups := make([]stats.Group, len(of))
	for i, span := range request.intervals {
		groups[i] = stats.Group{
			Interval: &stats.IntervalName{
				From: span.From.Time().In(request.Zone), To: span.To.Time().In(request.Zone),
			},
			Figures: stats.NewFigures(of[i]),
		}
	}
	return groups
}

// named sorts tallies by a name that they have: the names in order, and the tallies of each.
func named(tallies []stats.Tally, name func(stats.Tally) string) ([]string, map[string][]stats.Tally) {
	of := map[string][]stats.Tally{}
	var names []string
	for _, tally := range tallies {
		if _, known := of[name(tally)]; !known {
			names = append(names, name(tally))
		}
		of[name(tally)] = append(of[name(tally)], tally)
	}
	slices.SortFunc(names, compareIDs)
	return names, of
}

// compareIDs puts numbers in the order of numbers: 9 before 10.
func compareIDs(a, b string) int {
	if digits(a) && digits(b) && len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func byProject(ctx context.Context, reader Reader, account string, tallies []stats.Tally) ([]stats.Group, error) {
	ids, of := named(tallies, func(t stats.Tally) string { return t.Project })
	newest, err := reader.NewestOf(ctx, account, keysOf(ids, store.ProjectKey))
	if err != nil {
		return nil, err
	}
	groups := make([]stats.Group, len(ids))
	for i, id := range ids {
		project := &stats.ProjectName{}
		if id != "" {
			project.ID = &ids[i]
			project.Name = word(peopleIn(newest[store.ProjectKey(id)]).Project.Name)
		}
		groups[i] = stats.Group{Project: project, Figures: stats.NewFigures(of[id])}
	}
	return groups, nil
}

func byConsultant(ctx context.Context, reader Reader, account string, tallies []stats.Tally) ([]stats.Group, error) {
	names, of := named(tallies, func(t stats.Tally) string { return t.Consultant })
	newest, err := reader.NewestOf(ctx, account, keysOf(names, store.ConsultantKey))
	if err != nil {
		return nil, err
	}
	groups := make([]stats.Group, len(names))
	for i, name := range names {
		consultant := &stats.ConsultantName{ID: &names[i]}
		if found, known := consultantIn(newest[store.ConsultantKey(name)], name); known {
			id := found.ID.Text()
			consultant = &stats.ConsultantName{
				ID: word(correlate.Word(id)), Username: word(found.Username), Name: word(found.Name),
			}
		}
		groups[i] = stats.Group{Consultant: consultant, Figures: stats.NewFigures(of[name])}
	}
	return groups, nil
}

func keysOf(names []string, key func(string) string) []string {
	keys := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" {
			keys = append(keys, key(name))
		}
	}
	return keys
}

// word gives nil for a text that is not there.
func word(text correlate.Word) *string {
	if text == "" {
		return nil
	}
	plain := string(text)
	return &plain
}
