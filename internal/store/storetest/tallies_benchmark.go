package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// What BenchmarkTallies asks about: a million calls of one account in 90 days, and a part of a consultant in each, in two
// of every five two. An adapter's own benchmark loads them.
const (
	TallyCalls   = 1_000_000
	TallyDays    = 90
	TallyAccount = acme
	TallyStart   = start - start%86400
)

// BenchmarkTallies measures questions about a million calls.
func BenchmarkTallies(b *testing.B, s store.Store) {
	b.Helper()
	const day = 86400
	consultant, project := "consultant-7", "7"
	begins := func(days int, step dialog.Time) func(*stats.Question) {
		return func(q *stats.Question) {
			q.From = TallyStart + TallyDays*day - dialog.Time(days)*day
			for at := q.From; at < q.To; at += step {
				q.Begins = append(q.Begins, at)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*stats.Question)
	}{
		{"today by hour", begins(1, 3600)},
		{"a week by quarter hour", begins(7, 900)},
		{"a month by day", begins(30, day)},
		{"all by hour", begins(TallyDays, 3600)},
		{"all by day", begins(TallyDays, day)},
		{"all by project", func(q *stats.Question) { q.ByProject = true }},
		{"all by day, of a project", func(q *stats.Question) {
			begins(TallyDays, day)(q)
			q.Project = &project
		}},
		{"today by consultant", func(q *stats.Question) {
			q.From, q.Consultants, q.ByConsultant = q.To-day, true, true
		}},
		{"all by consultant", func(q *stats.Question) { q.Consultants, q.ByConsultant = true, true }},
		{"all by day, of a consultant", func(q *stats.Question) {
			begins(TallyDays, day)(q)
			q.Consultants, q.Consultant = true, &consultant
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := stats.Question{
				Account: TallyAccount, From: TallyStart, To: TallyStart + TallyDays*day, AnswerWithin: 20, AbandonAfter: 5,
			}
			c.change(&q)
			for b.Loop() {
				tallies, err := s.Tallies(b.Context(), q)
				require.NoError(b, err)
				require.NotEmpty(b, tallies)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/question")
		})
	}
}
