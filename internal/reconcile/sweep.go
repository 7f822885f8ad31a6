package reconcile

import (
	"context"
	"fmt"
	"time"

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
