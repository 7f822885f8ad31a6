package dispatch

import (
	"context"
	"log/slog"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// Dispatcher evaluates events inside transactions. It may be used by any number of goroutines.
type Dispatcher struct {
	Book *Book
	// Failures is how many times in a row a handler may fail before it is switched off.
	Failures int
	Logger   *slog.Logger

	count counters
}

// Change is a change of a call that a transaction puts into the outbox.
type Change struct {
	Row      *store.OutboxRow
	Call     *correlate.Call // as it is after the change
	Revision int
	Arrived  time.Time // when what made the change arrived, UTC: delays count from then
}

// Result is what follows, for the transaction to write.
type Result struct {
	Outbox          []*store.OutboxRow
	PutDue, DropDue []store.Due
}

// Events evaluates the handlers over the events of a transaction's changes, in their order, and whatever these lead to.
// It returns the store's errors.
func (d *Dispatcher) Events(ctx context.Context, tx store.Tx, now time.Time, changes []Change) (Result, error) {
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	for i := range changes {
		change := &changes[i]
		r.party(change)
		for at := range change.Row.Events {
			event := &change.Row.Events[at]
			if !r.concerns(change.Row.Account, event.Type) {
				continue
			}
			r.arrived = change.Arrived
			r.look(&trigger.Occasion{
				Account: change.Row.Account, Event: *event, Call: change.Call, Seq: event.Seq, Revision: change.Revision,
				Record: change.Row.Record, At: now,
			})
		}
	}
	return r.finish()
}

func (d *Dispatcher) round(ctx context.Context, tx store.Tx, now time.Time) (*round, error) {
	set, err := d.Book.set(ctx, tx)
	if err != nil {
		return nil, err
	}
	return &round{
		dispatcher: d, ctx: ctx, tx: tx, now: now, set: set, arrived: now,
		taken: map[store.OnceQuery]bool{}, seen: map[string]bool{}, placed: map[string]int{},
		counts: map[string]*store.HandlerCount{},
	}, nil
}
