package live

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

// Trail says which events a reader wants, and from where on.
type Trail struct {
	Account string
	Types   []string // none: all types
	// Next is the stream's sequence to begin with; 0: Since decides.
	Next uint64
	// Since begins with what the stream took at this time or later; zero: with what is published from now on.
	Since time.Time
}

// Reader is told what happens on a trail; all of it must be given. An error that it returns ends the reading.
type Reader struct {
	// Event gets the events one by one, in the order of their sequences on the stream.
	Event func(sequence uint64, body []byte) error
	// Gap tells that the stream does not hold what is from one sequence to another any more. With to 0 the stream was
	// made anew: its sequences begin at 1 again.
	Gap func(from, to uint64) error
	// Stale tells that NATS is away, and Fresh that it is back and nothing was missed.
	Stale, Fresh func() error
}

// Follow hands an account's events to a reader until ctx is done (then it returns nil) or the reader returns an error
// (then it returns that).
func (b *Board) Follow(ctx context.Context, trail Trail, reader Reader) error {
	subjects := make([]string, 0, max(1, len(trail.Types)))
	for _, kind := range trail.Types {
		subjects = append(subjects, flow.Subject(trail.Account, kind))
	}
	if len(subjects) == 0 {
		subjects = append(subjects, flow.AccountSubjects(trail.Account))
	}
	err := b.source.Follow(ctx,
		natsbus.Following{Subjects: subjects, Next: trail.Next, Since: trail.Since},
		natsbus.Follower{
			Event: func(received natsbus.Received) error { return reader.Event(received.Sequence, received.Body) },
			Gap:   func(gap natsbus.Gap) error { return reader.Gap(gap.From, gap.To) },
			Lost:  reader.Stale,
			Found: reader.Fresh,
		})
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	return nil
}
