package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/pbxapi"
	"webhookd/internal/store"
)

// fewTries is how often a repair by hand asks a PBX in a row that is busy or away.
const fewTries = 4

// Repair is one run over calls, asked for by hand.
type Repair struct {
	Account string    // only this one; "": every account with a PBX
	Since   time.Time // only calls that began since then
	DryRun  bool      // ask, but change nothing
	// Progress, if not nil, is called after every page of calls.
	Progress func(Outcome)
	// Waiting, if not nil, is called before the PBX of an account is left alone until a time because it asks for that.
	Waiting func(account string, until time.Time, so Outcome)
}

// errStopped ends the work on one account.
var errStopped = errors.New("its pbx answers nobody")

// Repair asks at once about every call that lacks something or has been open for long, whatever was asked before. A PBX
// that is busy is left alone for as long as it asks, and then asked on about the calls that are left. One that answers
// nobody is not asked about the other calls of its account.
func (r *Reconciler) Repair(ctx context.Context, work Repair) (Outcome, error) {
	var total Outcome
	for _, account := range slices.Sorted(maps.Keys(r.cfg.PBXs)) {
		if work.Account != "" && account != work.Account {
			continue
		}
		filter := store.CallFilter{Account: account, From: dialog.TimeOf(work.Since), Limit: pageSize}
		err := r.each(ctx, filter, func(calls []store.Call) error {
			keys, err := r.lacking(account, calls)
			if err != nil {
				return err
			}
			err = r.insist(ctx, work, account, keys, &total)
			if work.Progress != nil {
				work.Progress(total)
			}
			return err
		})
		switch {
		case errors.Is(err, errStopped):
			total.Stopped++
		case err != nil:
			return total, err
		}
	}
	return total, nil
}

// lacking gives the calls that lack something, or have been open for long.
func (r *Reconciler) lacking(account string, calls []store.Call) ([]store.Key, error) {
	open := dialog.TimeOf(r.cfg.Now().Add(-r.cfg.OpenAfter))
	var keys []store.Key
	for _, row := range calls {
		var call correlate.Call
		if err := json.Unmarshal(row.Record, &call); err != nil {
			return nil, fmt.Errorf("read record of call %s: %w", row.CallUUID, err)
		}
		isOpen := call.State != correlate.StateEnded
		if correlate.Gaps(&call) != nil || isOpen && call.StartedAt <= open {
			keys = append(keys, store.Key{Account: account, UUID: row.CallUUID})
		}
	}
	return keys, nil
}

// insist asks about calls of an account until the PBX has answered about all of them, or answers nobody: errStopped.
func (r *Reconciler) insist(
	ctx context.Context, work Repair, account string, keys []store.Key, total *Outcome,
) error {
	pause := firstPause
	for try := 1; len(keys) > 0; try++ {
		broken, err := r.askAccount(ctx, account, keys, work.DryRun, total)
		if err != nil || broken == nil {
			return err
		}
		told, ok := errors.AsType[*pbxapi.Error](broken.err)
		if ok && told.Narrow && len(broken.left) == len(keys) {
			return nil // it is about these calls
		}
		if len(broken.left) < len(keys) {
			try, pause = 1, firstPause // it did answer some
		}
		if !ok || try >= fewTries || !told.Narrow && told.Kind != pbxapi.KindBusy && told.Kind != pbxapi.KindUnreached {
			return errStopped
		}
		keys = broken.left
		total.Asked -= len(keys)
		total.Failed -= len(keys)
		if err := r.leaveAlone(ctx, work, account, max(pause, told.RetryAfter), *total); err != nil {
			return err
		}
		pause *= 2
	}
	return nil
}

// leaveAlone waits, and says so if it is for long.
func (r *Reconciler) leaveAlone(
	ctx context.Context, work Repair, account string, wait time.Duration, so Outcome,
) error {
	if work.Waiting != nil {
		work.Waiting(account, r.cfg.Now().Add(wait), so)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the pbx: %w", context.Cause(ctx))
	}
}
