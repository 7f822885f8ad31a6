package dispatch

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/store"
)

// How long what is only needed for a while is kept: answers that a client may ask for again, and marks of events for
// triggers that are armed by an event that comes late.
const (
	keepAnswers = 24 * time.Hour
	keepMarks   = 24 * time.Hour

	tidyRows  = 1000             // of each in one transaction
	tidyEvery = 10 * time.Minute // when there was less
	tidySoon  = time.Second      // when there may be more
)

// Tidy removes what is not needed any more, in the transaction that drops its due row, and says when to come again.
func (d *Dispatcher) Tidy(ctx context.Context, tx store.Tx, now time.Time) (again time.Time, err error) {
	answers, err := tx.DropIdempotent(ctx, now.Add(-keepAnswers), tidyRows)
	if err != nil {
		return again, fmt.Errorf("drop old answers: %w", err)
	}
	marks, err := tx.DropMarks(ctx, now.Add(-keepMarks), tidyRows)
	if err != nil {
		return again, fmt.Errorf("drop old marks: %w", err)
	}
	if answers == tidyRows || marks == tidyRows {
		return now.Add(tidySoon), nil
	}
	return now.Add(tidyEvery), nil
}
