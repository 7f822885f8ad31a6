package store

import (
	"context"
	"slices"

	"webhookd/internal/stats"
)

// Facts is what a transaction does for statistics. Facts are written with their calls ([Index.Facts]) and go when a call
// is merged away or dropped.
type Facts interface {
	// FactsOf gives the facts that are stored of calls; of one that has none there is no entry. Their order is that of
	// stats.FactsOf.
	FactsOf(ctx context.Context, calls []Key) (map[Key][]stats.Fact, error)
	// PutFacts writes the facts of calls that are stored, and nothing else of them.
	PutFacts(ctx context.Context, calls []Call) error
	// FactBacklog gives up to limit calls, with their records, that ended before there were facts, and of which
	// MoveFactBacklog has not said yet that theirs are written. There are none, and more is false, where all are.
	FactBacklog(ctx context.Context, limit int) (calls []Call, more bool, err error)
	// MoveFactBacklog says that the facts of all calls up to this one of FactBacklog are written; the zero Key, that those
	// of all calls are.
	MoveFactBacklog(ctx context.Context, through Key) error
}

// FactReader answers questions about statistics.
type FactReader interface {
	// Tallies adds facts up; order is not defined.
	Tallies(ctx context.Context, question stats.Question) ([]stats.Tally, error)
	// FactsComplete says whether the facts of all calls are there; see Facts.FactBacklog.
	FactsComplete(ctx context.Context) (bool, error)
	// NewestOf gives, for each of the search keys that some call has, the call that began last, with its record.
	NewestOf(ctx context.Context, account string, keys []string) (map[string]Call, error)
}

// FactsDiffer says whether the facts of a call that is written may be others than those that are stored. For adapters.
func (c Call) FactsDiffer() bool {
	switch was := c.Stored; {
	case c.MergedInto != "":
		return was == nil || !was.EndedAt.IsZero()
	case c.Index.Facts == nil:
		return false
	case was == nil:
		return true
	case was.EndedAt.IsZero():
		return len(c.Index.Facts) > 0
	default:
		return was.Facts == nil || was.StartedAt != c.Index.StartedAt || !slices.Equal(was.Facts, c.Index.Facts)
	}
}
