package dispatch

import (
	"context"
	"log/slog"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
	"webhookd/internal/trigger"
)

// Dispatcher evaluates events inside transactions. It may be used by any number of goroutines.
type Dispatcher struct {
	Book *Book
	// Failures is how many times in a row a handler may fail before it is switched off.
	Failures int
	Logger   *slog.Logger
	// Tracer tells of what is triggered over the API, and of requests, that are traced; nil: of none.
	Tracer *tracing.Tracer

	count counters
}

// Change is a change of a call that a transaction puts into the outbox.
type Change struct {
	Row      *store.OutboxRow
	Before   *correlate.Call // as it was before the change; nil if it began with it, or is the same
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
// It returns the store's errors, and one of its own where so much follows that a smaller batch is to be tried; for what
// one journal entry changed it does not.
func (d *Dispatcher) Events(ctx context.Context, tx store.Tx, now time.Time, changes []Change) (Result, error) {
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	for i := range changes {
		r.divisible = r.divisible || changes[i].Row.JournalID != changes[0].Row.JournalID
		r.change(&changes[i])
	}
	return r.finish()
}

// change looks at the events of a change.
func (r *round) change(change *Change) {
	r.party(change)
	r.identified(change)
	var o *trigger.Occasion
	for i := range change.Row.Events {
		event := &change.Row.Events[i]
		if !r.concerns(change.Row.Account, event.Type) {
			continue
		}
		if o == nil {
			o = r.occasion(change)
		}
		o = o.Beside(*event) // with what was worked out for the one before
		r.arrived = change.Arrived
		r.look(o, event.UUID)
	}
}

// occasion is that of a change, without an event.
func (r *round) occasion(change *Change) *trigger.Occasion {
	last := change.Row.Events[len(change.Row.Events)-1]
	return &trigger.Occasion{
		Account: change.Row.Account, Call: change.Call, Seq: last.Seq, Revision: change.Revision,
		Record: change.Row.Record, At: r.now,
	}
}
