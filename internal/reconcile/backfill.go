package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/pbxapi"
	"webhookd/internal/store"
)

const (
	// stretch is how much history is asked for at once, and how far an import goes on after it was cut off, in seconds.
	stretch dialog.Time = 3600
	// together is how many records one transaction takes: webhooks wait for it.
	together = 100
	// tries is how often a stretch is asked for that the PBX does not give.
	tries = 6
	// firstPause is how long is waited after the first of them; it doubles.
	firstPause = time.Second
)

// History is one import of history.
type History struct {
	Account  string
	From, To dialog.Time // of the dialogs' beginnings; To is not part of it
	Publish  bool        // publish events of what is imported, as if it happened now
	DryRun   bool        // ask, but change nothing
	// Progress, if not nil, is called after every stretch.
	Progress func(reached dialog.Time, sum HistorySum)
}

// HistorySum says what an import did.
type HistorySum struct {
	Records    int // that the PBX gave
	Open       int // of these, of dialogs that go on; left out
	Unreadable int // of these, that cannot be read; left out, and told in the log
	Resumed    bool
	ingest.Reconciled
}

// ErrNoPBX says that there is no PBX to ask for an account.
var ErrNoPBX = errors.New("no pbx_api is set up for the account")

// Backfill imports history: every record of dialogs that began from From on and before To. It goes on where an earlier
// import of the same account and times was cut off. It may be done twice: what is known adds nothing. It returns
// ErrNoPBX, *pbxapi.Error when the PBX went on failing, the store's errors, or ctx's; what was imported until then stays.
func (r *Reconciler) Backfill(ctx context.Context, work History) (HistorySum, error) {
	var sum HistorySum
	if !r.Has(work.Account) {
		return sum, fmt.Errorf("import history of account %s: %w", work.Account, ErrNoPBX)
	}
	state := store.Backfill{Account: work.Account, From: work.From, To: work.To, Publish: work.Publish, Reached: work.From}
	if !work.DryRun {
		known, err := r.cfg.Store.Backfill(ctx, state)
		switch {
		case err == nil && known.Reached < known.To:
			sum.Resumed = known.Reached > known.From
			state = known
		case err == nil: // it is through; somebody wants to be sure
		case !errors.Is(err, store.ErrNotFound):
			return sum, fmt.Errorf("read how far the import is: %w", err)
		}
	}
	for state.Reached < work.To {
		to := min(state.Reached+stretch, work.To)
		one, err := r.stretch(ctx, work, state.Reached, to)
		if err != nil {
			return sum, err
		}
		sum.Records += one.Records
		sum.Open += one.Open
		sum.Unreadable += one.Unreadable
		sum.Add(one.Reconciled)
		state.Reached, state.UpdatedAt = to, r.cfg.Now().UTC().Truncate(time.Microsecond)
		state.Records += int64(one.Records)
		state.Taken += int64(one.Taken)
		if !work.DryRun {
			if err := r.write(ctx, func(tx store.Tx) error { return tx.PutBackfill(ctx, state) }); err != nil {
				return sum, fmt.Errorf("write how far the import is: %w", err)
			}
		}
		if work.Progress != nil {
			work.Progress(to, sum)
		}
	}
	return sum, nil
}

// stretch imports a stretch of time, and tries again while the PBX is busy or away.
func (r *Reconciler) stretch(ctx context.Context, work History, from, to dialog.Time) (HistorySum, error) {
	pause := firstPause
	var taken HistorySum // by tries that broke off
	for try := 1; ; try++ {
		var sum HistorySum
		err := r.cfg.PBXs[work.Account].Dialogs(ctx, from, to, func(page []json.RawMessage) error {
			return r.importPage(ctx, work, from, to, page, &sum)
		})
		if err == nil {
			sum.Taken += taken.Taken
			sum.New += taken.New
			sum.Known = max(0, sum.Known-taken.Taken)
			return sum, nil
		}
		taken.Taken += sum.Taken
		taken.New += sum.New
		told, ok := errors.AsType[*pbxapi.Error](err)
		if !ok || told.Kind != pbxapi.KindBusy && told.Kind != pbxapi.KindUnreached || try == tries {
			return sum, fmt.Errorf("import history from %s: %w", from, err)
		}
		r.cfg.Logger.Warn("the PBX does not give its records; it is asked again", "account", work.Account, "error", err)
		timer := time.NewTimer(max(pause, told.RetryAfter))
		pause *= 2
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return sum, fmt.Errorf("import history: %w", context.Cause(ctx))
		}
	}
}

func (r *Reconciler) importPage(
	ctx context.Context, work History, from, to dialog.Time, page []json.RawMessage, sum *HistorySum,
) error {
	event := ingest.EventHistory
	if work.Publish {
		event = ingest.EventRecord
	}
	sum.Records += len(page)
	var finished []ingest.Recorded
	read := r.read(work.Account, page)
	sum.Unreadable += len(page) - len(read)
	for _, one := range read {
		switch {
		case one.Record.Hangup.IsZero():
			sum.Open++
		case one.Record.Start >= from && one.Record.Start < to:
			finished = append(finished, one)
		}
	}
	for len(finished) > 0 {
		some := finished[:min(together, len(finished))]
		finished = finished[len(some):]
		now := r.cfg.Now().UTC().Truncate(time.Microsecond)
		var reconciled ingest.Reconciled
		err := r.write(ctx, func(tx store.Tx) (err error) {
			reconciled, err = r.cfg.Engine.Reconcile(ctx, tx, now, work.Account, event, some)
			if err == nil && work.DryRun {
				err = errDry
			}
			return err
		})
		if err != nil && !errors.Is(err, errDry) {
			return fmt.Errorf("import records: %w", err)
		}
		sum.Add(reconciled)
		if !work.DryRun {
			r.count(work.Account, Stats{Records: int64(reconciled.Taken)})
		}
	}
	return nil
}
