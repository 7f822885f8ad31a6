package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Sweep looks for calls that have been open for long and puts down that they are to be asked about. It also drops what
// is kept of questions of long ago.
func (r *Reconciler) Sweep(ctx context.Context) error {
	now := r.cfg.Now().UTC()
	for account := range r.cfg.PBXs {
		filter := store.CallFilter{
			Account: account, Open: true, To: dialog.TimeOf(now.Add(-r.cfg.OpenAfter)) + 1, Limit: pageSize,
		}
		err := r.each(ctx, filter, func(calls []store.Call) error {
			rows := make([]store.Due, 0, len(calls))
			for _, call := range calls {
				rows = append(rows, store.Due{
					Account: account, CallUUID: call.CallUUID, Kind: store.DueReconcile, At: now.Truncate(time.Microsecond),
				})
			}
			return r.write(ctx, func(tx store.Tx) error { return tx.PutDue(ctx, rows) })
		})
		if err != nil {
			return fmt.Errorf("look for calls that are open for long: %w", err)
		}
	}
	for {
		dropped := 0
		err := r.write(ctx, func(tx store.Tx) (err error) {
			dropped, err = tx.DropQuestions(ctx, now.Add(-keepQuestions), pageSize)
			return err
		})
		if err != nil {
			return fmt.Errorf("drop old questions: %w", err)
		}
		if dropped < pageSize {
			return nil
		}
	}
}

// each goes through calls page by page.
func (r *Reconciler) each(ctx context.Context, filter store.CallFilter, do func([]store.Call) error) error {
	for {
		calls, err := r.cfg.Store.Calls(ctx, filter)
		if err != nil {
			return fmt.Errorf("read calls: %w", err)
		}
		if len(calls) == 0 {
			return nil
		}
		if err := do(calls); err != nil {
			return err
		}
		if len(calls) < filter.Limit {
			return nil
		}
		last := calls[len(calls)-1]
		filter.Before = &store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID}
	}
}

// Repair is one run over calls, asked for by hand.
type Repair struct {
	Account string    // only this one; "": every account with a PBX
	Since   time.Time // only calls that began since then
	DryRun  bool      // ask, but change nothing
	// Progress, if not nil, is called after every page of calls.
	Progress func(Outcome)
}

// Repair asks at once about every call that lacks something or has been open for long, whatever was asked before.
func (r *Reconciler) Repair(ctx context.Context, work Repair) (Outcome, error) {
	var total Outcome
	open := dialog.TimeOf(r.cfg.Now().Add(-r.cfg.OpenAfter))
	for account := range r.cfg.PBXs {
		if work.Account != "" && account != work.Account {
			continue
		}
		filter := store.CallFilter{Account: account, From: dialog.TimeOf(work.Since), Limit: pageSize}
		err := r.each(ctx, filter, func(calls []store.Call) error {
			var keys []store.Key
			for _, row := range calls {
				var call correlate.Call
				if err := json.Unmarshal(row.Record, &call); err != nil {
					return fmt.Errorf("read record of call %s: %w", row.CallUUID, err)
				}
				isOpen := call.State != correlate.StateEnded
				if correlate.Gaps(&call) != nil || isOpen && call.StartedAt <= open {
					keys = append(keys, store.Key{Account: account, UUID: row.CallUUID})
				}
			}
			outcome, err := r.ask(ctx, keys, work.DryRun)
			total.sum(outcome)
			if work.Progress != nil {
				work.Progress(total)
			}
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
