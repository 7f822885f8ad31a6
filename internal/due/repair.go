package due

import (
	"context"
	"sync"
	"time"

	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

// Repairer asks PBXs for their own records of calls. *reconcile.Reconciler is one.
type Repairer interface {
	// Claim puts the rows off for as long as asking can take, and gives the calls that are to be asked about.
	Claim(ctx context.Context, tx store.Tx, now time.Time, rows []store.Due) ([]store.Key, error)
	// Ask asks about calls and takes in what comes.
	Ask(ctx context.Context, calls []store.Key) (reconcile.Outcome, error)
	// Sweep puts down which calls are open for so long that they are to be asked about.
	Sweep(ctx context.Context) error
	// NextSweep is when to do that again.
	NextSweep(now time.Time) time.Time
}

// repairs is what of this is to be done, and under way: one thing after the other, for a PBX is not to be asked by many at
// once. Its goroutine ends with the context it was started with.
type repairs struct {
	// Of the transaction that is about to commit.
	calls []store.Key
	sweep bool

	mu    sync.Mutex
	going bool
	group sync.WaitGroup
}

func (r *repairs) forget() { r.calls, r.sweep = nil, false }

func (r *repairs) wait() { r.group.Wait() }

func (r *repairs) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.going
}

// repair begins what the last transaction took. Where something is under way still, only a sweep can have been taken; it
// is done beside.
func (r *Runner) repair(ctx context.Context) {
	calls, sweep := r.repairs.calls, r.repairs.sweep
	r.repairs.forget()
	if sweep {
		r.repairs.group.Go(func() {
			if err := r.cfg.Repairer.Sweep(ctx); err != nil && ctx.Err() == nil {
				r.cfg.Logger.Warn("calls that are open for long could not be looked for; it is tried again in an hour", "error", err)
			}
			r.Wake()
		})
	}
	if len(calls) == 0 {
		return
	}
	r.repairs.mu.Lock()
	r.repairs.going = true
	r.repairs.mu.Unlock()
	r.repairs.group.Go(func() {
		outcome, err := r.cfg.Repairer.Ask(ctx, calls)
		r.repairs.mu.Lock()
		r.repairs.going = false
		r.repairs.mu.Unlock()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.cfg.Logger.Warn("calls could not be repaired; it is tried again in some minutes", "calls", len(calls), "error", err)
		default:
			r.cfg.Logger.Info("the PBX was asked about calls", "calls", outcome.Asked, "changed", outcome.Changed,
				"missing", outcome.Missing, "failed", outcome.Failed)
		}
		r.Wake()
	})
}
