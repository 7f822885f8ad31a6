package due

import (
	"context"
	"time"

	"webhookd/internal/dispatch"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

// full is how long a request waits where an instance has as many as it can have.
const full = 2 * time.Second

// work does rows, each by its kind. The requests it gives are to be made after the transaction.
func (r *Runner) work(
	ctx context.Context, tx store.Tx, now time.Time, rows []store.Due,
) ([]dispatch.Errand, error) {
	var settle, reap, broadcasts []store.Key
	var triggers, requests []string
	var again, questions []store.Due
	var retain *store.Due
	deaf := r.cfg.CatchingUp != nil && r.cfg.CatchingUp()
	_, free := r.errands.room()
	later := func(row store.Due, by time.Duration) {
		row.At = now.Add(by)
		again = append(again, row)
	}
	for _, row := range rows {
		key := store.Key{Account: row.Account, UUID: row.CallUUID}
		switch {
		case row.Kind == store.DueSettle:
			settle = append(settle, key)
		case deaf && (row.Kind == store.DueReap || row.Kind == store.DueTrigger || row.Kind == store.DueRetention):
			later(row, lookAgain)
		case row.Kind == store.DueReap:
			reap = append(reap, key)
		case r.cfg.Dispatcher == nil && row.Kind.Triggers():
			later(row, retryAfter)
		case row.Kind == store.DueTrigger:
			triggers = append(triggers, row.CallUUID)
		case row.Kind == store.DueRequest && len(requests) >= free:
			later(row, full)
		case row.Kind == store.DueRequest:
			requests = append(requests, row.CallUUID)
		case row.Kind == store.DueBroadcast:
			broadcasts = append(broadcasts, key)
		case row.Kind == store.DueTidy:
			at, err := r.cfg.Dispatcher.Tidy(ctx, tx, now)
			if err != nil {
				return nil, err
			}
			row.At = at
			again = append(again, row)
			r.tidied = now
		case r.cfg.Repairer == nil && (row.Kind == store.DueReconcile || row.Kind == store.DueSweep):
			// Nobody can be asked any more.
		case row.Kind == store.DueReconcile && (deaf || r.repairs.busy()):
			later(row, reconcile.Later)
		case row.Kind == store.DueReconcile:
			questions = append(questions, row)
		case row.Kind == store.DueSweep:
			row.At = r.cfg.Repairer.NextSweep(now)
			again = append(again, row)
			r.repairs.sweep, r.swept = true, now
		case row.Kind == store.DueRetention && r.cfg.Retention == nil:
			later(row, putAgain)
		case row.Kind == store.DueRetention:
			retain = &row
		default:
			r.cfg.Logger.Error("dropped a due row of an unknown kind", "kind", row.Kind)
		}
	}
	if len(again) > 0 {
		if err := tx.PutDue(ctx, again); err != nil {
			return nil, err
		}
	}
	if len(questions) > 0 {
		calls, err := r.cfg.Repairer.Claim(ctx, tx, now, questions)
		if err != nil {
			return nil, err
		}
		r.repairs.calls = calls
	}
	if err := r.cfg.Engine.Reap(ctx, tx, now, reap); err != nil {
		return nil, err
	}
	if err := r.cfg.Engine.Settle(ctx, tx, now, settle); err != nil {
		return nil, err
	}
	var errands []dispatch.Errand
	if len(triggers)+len(requests)+len(broadcasts) > 0 {
		var err error
		if errands, err = r.dispatch(ctx, tx, now, triggers, requests, broadcasts); err != nil {
			return nil, err
		}
	}
	// Only now: the rows that were taken are gone, and say of no call any more that something of it is to be done.
	if retain != nil {
		if err := r.retain(ctx, tx, now, *retain); err != nil {
			return nil, err
		}
	}
	return errands, nil
}

// retain takes out a bit of what is old.
func (r *Runner) retain(ctx context.Context, tx store.Tx, now time.Time, row store.Due) (err error) {
	r.retained, r.retaining = now, true
	if r.removing, row.At, err = r.cfg.Retention.Batch(ctx, tx, now); err != nil {
		return err //nolint:wrapcheck // it says what it did
	}
	if r.removing.Calls > 0 {
		r.cfg.Engine.Forget()
	}
	if r.removing.Erasures > 0 {
		r.cfg.Engine.ForgetPersons()
	}
	return tx.PutDue(ctx, []store.Due{row})
}

// dispatch does what is due of triggers.
func (r *Runner) dispatch(
	ctx context.Context, tx store.Tx, now time.Time, triggers, requests []string, broadcasts []store.Key,
) ([]dispatch.Errand, error) {
	d := r.cfg.Dispatcher
	fired, err := d.Fire(ctx, tx, now, triggers)
	if err != nil {
		return nil, err
	}
	room, _ := r.errands.room()
	errands, claimed, err := d.Claim(ctx, tx, now, requests, room)
	if err != nil {
		return nil, err
	}
	went, err := d.Continue(ctx, tx, now, broadcasts)
	if err != nil {
		return nil, err
	}
	for _, result := range []dispatch.Result{fired, claimed, went} {
		if err := dispatch.Keep(ctx, tx, result); err != nil {
			return nil, err
		}
	}
	return errands, nil
}
