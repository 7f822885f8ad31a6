package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"webhookd/internal/stats"
)

type tallyRow struct {
	Interval   int    `db:"interval"`
	Project    string `db:"project"`
	Consultant string `db:"consultant"`
	Class      int16  `db:"class"`
	Count      int64  `db:"count"`
	Within     int64  `db:"within"`
	After      int64  `db:"after"`
	Waits      int64  `db:"waits"`
	Wait       int64  `db:"wait"`
	MaxWait    int64  `db:"max_wait"`
	Talks      int64  `db:"talks"`
	Talk       int64  `db:"talk"`
	Hold       int64  `db:"hold"`
}

// Tallies implements [store.Reader].
func (s *Store) Tallies(ctx context.Context, question stats.Question) ([]stats.Tally, error) {
	query, args := tallyFacts(question)
	var rows []tallyRow
	if err := s.list(ctx, "add up facts", &rows, query, args...); err != nil {
		return nil, err
	}
	tallies := make([]stats.Tally, len(rows))
	for i, r := range rows {
		tallies[i] = stats.Tally{
			Interval: r.Interval, Project: r.Project, Consultant: r.Consultant, Class: stats.Class(r.Class),
			Count: r.Count, Within: r.Within, After: r.After, Waits: r.Waits, Wait: r.Wait, MaxWait: r.MaxWait,
			Talks: r.Talks, Talk: r.Talk, Hold: r.Hold,
		}
	}
	return tallies, nil
}

// sums are the columns of a tally that are added up; $1 and $2 are the thresholds.
const sums = `count(*) as count,
       count(*) filter (where wait_s <= $1) as within,
       count(*) filter (where wait_s > $2 or wait_s is null) as after,
       count(wait_s) as waits, coalesce(sum(wait_s), 0) as wait, coalesce(max(wait_s), 0) as max_wait,
       count(talk_s) as talks, coalesce(sum(talk_s), 0) as talk, coalesce(sum(hold_s), 0) as hold`

// tallyFacts makes the question: a stretch of the primary key, grouped by as little as is asked for. Intervals are one
// stretch each, and not one long one that is sorted into intervals: the planner can say nothing of how many groups that
// would give, and reads and sorts everything.
func tallyFacts(question stats.Question) (string, []any) {
	where := condition{args: []any{question.AnswerWithin, question.AbandonAfter}}
	where.and("account = %s", question.Account)
	where.and(fmt.Sprintf("of_consultant = %t", question.Consultants)) // in the text, so that it is planned for one of two
	if question.Project != nil {
		where.and("project = %s", *question.Project)
	}
	if question.Consultant != nil {
		where.and("consultant = %s", *question.Consultant)
	}
	if len(question.Begins) > 0 {
		begins := texts(question.Begins, second)
		begins[0] = second(question.From)
		ends := slices.Concat(begins[1:], pq.StringArray{second(question.To)})
		where.args = append(where.args, begins, ends)
		return fmt.Sprintf(`
select span.number - 1 as interval, '' as project, '' as consultant, tally.*
from unnest($%d::timestamptz[], $%d::timestamptz[]) with ordinality as span(begins, ends, number)
     cross join lateral (
         select class, %s
         from call_facts
         where %s and started_at >= span.begins and started_at < span.ends
         group by class
     ) as tally`, len(where.args)-1, len(where.args), sums, strings.Join(where.parts, " and ")), where.args
	}
	where.and("started_at >= %s", second(question.From))
	where.and("started_at < %s", second(question.To))
	project, consultant, groups := "''", "''", []string{"class"}
	switch {
	case question.ByProject:
		project = "project"
		groups = append(groups, project)
	case question.ByConsultant:
		consultant = "consultant"
		groups = append(groups, consultant)
	}
	return fmt.Sprintf(`
select 0 as interval, %s as project, %s as consultant, class, %s
from call_facts
where %s
group by %s`, project, consultant, sums, strings.Join(where.parts, " and "), strings.Join(groups, ", ")), where.args
}
