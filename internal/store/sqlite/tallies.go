package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"webhookd/internal/dialog"
	"webhookd/internal/stats"
)

const quarterHour = 900 // seconds

type tallyRow struct {
	Quarter    int64         `db:"quarter"`
	Project    string        `db:"project"`
	Consultant string        `db:"consultant"`
	Class      int16         `db:"class"`
	Count      int64         `db:"count"`
	Within     int64         `db:"within"`
	After      int64         `db:"after"`
	Waits      int64         `db:"waits"`
	Wait       sql.NullInt64 `db:"wait"`
	MaxWait    sql.NullInt64 `db:"max_wait"`
	Talks      int64         `db:"talks"`
	Talk       sql.NullInt64 `db:"talk"`
	Hold       sql.NullInt64 `db:"hold"`
}

// Tallies implements [store.Reader]. Every interval is made of whole quarter hours, but for the first and the last one, of
// which From and To cut off the rest; so it is quarter hours that SQL groups by, and here each finds its interval.
func (s *Store) Tallies(ctx context.Context, question stats.Question) ([]stats.Tally, error) {
	query, args := tallyFacts(question)
	var rows []tallyRow
	if err := s.list(ctx, "add up facts", &rows, query, args...); err != nil {
		return nil, err
	}
	type group struct {
		interval            int
		project, consultant string
		class               stats.Class
	}
	tallies := make([]stats.Tally, 0, len(rows))
	places := make(map[group]int, len(rows))
	for _, r := range rows {
		g := group{intervalOf(question.Begins, r.Quarter), r.Project, r.Consultant, stats.Class(r.Class)}
		at, known := places[g]
		if !known {
			at = len(tallies)
			places[g] = at
			tallies = append(tallies, stats.Tally{
				Interval: g.interval, Project: g.project, Consultant: g.consultant, Class: g.class,
			})
		}
		t := &tallies[at]
		t.Count += r.Count
		t.Within += r.Within
		t.After += r.After
		t.Waits += r.Waits
		t.Wait += r.Wait.Int64
		t.MaxWait = max(t.MaxWait, r.MaxWait.Int64)
		t.Talks += r.Talks
		t.Talk += r.Talk.Int64
		t.Hold += r.Hold.Int64
	}
	return tallies, nil
}

// intervalOf gives the interval that a quarter hour is in. The first interval may begin within its quarter hour.
func intervalOf(begins []dialog.Time, quarter int64) int {
	if len(begins) == 0 {
		return 0
	}
	at, found := slices.BinarySearch(begins, dialog.Time(quarter*quarterHour))
	if found {
		return at
	}
	return max(0, at-1)
}

// tallyFacts makes the question: a stretch of the primary key, grouped by as little as is asked for.
func tallyFacts(question stats.Question) (string, []any) {
	var where condition
	where.and("account = ?", question.Account)
	where.and("of_consultant = ?", question.Consultants)
	where.and("started_at >= ?", int64(question.From))
	where.and("started_at < ?", int64(question.To))
	if question.Project != nil {
		where.and("project = ?", *question.Project)
	}
	if question.Consultant != nil {
		where.and("consultant = ?", *question.Consultant)
	}
	quarter, project, consultant, groups := "0", "''", "''", []string{"class"}
	switch {
	case len(question.Begins) > 0:
		quarter = fmt.Sprintf("started_at / %d", quarterHour)
		groups = append(groups, "1")
	case question.ByProject:
		project = "project"
		groups = append(groups, project)
	case question.ByConsultant:
		consultant = "consultant"
		groups = append(groups, consultant)
	}
	return fmt.Sprintf(`
select %s as quarter, %s as project, %s as consultant, class, count(*) as count,
       count(*) filter (where wait_s <= ?) as within,
       count(*) filter (where wait_s > ? or wait_s is null) as after,
       count(wait_s) as waits, sum(wait_s) as wait, max(wait_s) as max_wait,
       count(talk_s) as talks, sum(talk_s) as talk, sum(hold_s) as hold
from call_facts
where %s
group by %s`, quarter, project, consultant, strings.Join(where.parts, " and "), strings.Join(groups, ", ")),
		append([]any{question.AnswerWithin, question.AbandonAfter}, where.args...)
}
