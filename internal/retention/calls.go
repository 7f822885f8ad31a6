package retention

import (
	"context"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// oldCalls goes through the calls of an account, the one that began first first.
type oldCalls struct {
	account string
	keep    time.Duration
	dry     bool
	after   store.Cursor
	gone    map[store.Key]bool // of a dry pass: what would be gone by now
}

func (s *oldCalls) batch(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, bool, error) {
	page, err := tx.CallsFrom(ctx, s.account, s.after, endedBefore(now, s.keep), maxCalls)
	if err != nil || len(page) == 0 {
		return store.Removed{}, false, err
	}
	found, err := s.removable(ctx, tx, page, now)
	if err != nil {
		return store.Removed{}, false, err
	}
	var keys []store.Key
	entries, looked := 0, 0
	for i := range page {
		if entries >= maxEntries {
			break
		}
		looked++
		s.after = store.Cursor{StartedAt: page[i].Index.StartedAt, CallUUID: page[i].CallUUID}
		taken, size := found.take(page[i].CallUUID)
		keys = append(keys, taken...)
		entries += size
	}
	if s.dry {
		keys = slices.DeleteFunc(keys, func(key store.Key) bool { return s.gone[key] })
		for _, key := range keys {
			s.gone[key] = true
		}
	}
	removed, err := tx.RemoveCalls(ctx, keys)
	if err != nil {
		return store.Removed{}, false, err
	}
	// A later webhook about a dialog is about what is gone. A campaign's call is not known by it: the next call of the same
	// case has the same id.
	err = tx.Bury(ctx, slices.DeleteFunc(keys, func(key store.Key) bool { return !found.dialogs[key.UUID] }), now)
	return removed, looked < len(page) || len(page) == maxCalls, err
}

// isOld says whether a call of its own ended before a moment.
func isOld(call *store.Call, before dialog.Time) bool {
	return call.Index.State == correlate.StateEnded && !call.Index.EndedAt.IsZero() && call.Index.EndedAt < before
}

// removable gives what a call of its own that is old belongs to, if all of that can be removed.
func (s *oldCalls) removable(ctx context.Context, tx store.Tx, page []store.Call, now time.Time) (*components, error) {
	before := endedBefore(now, s.keep)
	var old []string
	for i := range page {
		if isOld(&page[i], before) && !s.gone[store.Key{Account: s.account, UUID: page[i].CallUUID}] {
			old = append(old, page[i].CallUUID)
		}
	}
	found, err := gather(ctx, tx, s.account, old)
	if err != nil {
		return nil, err
	}
	keys := found.keys()
	calls, err := tx.Calls(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := range calls {
		if calls[i].MergedInto == "" && !isOld(&calls[i], before) {
			found.keep(calls[i].CallUUID)
		}
	}
	unfinished, err := tx.Unfinished(ctx, keys, now.Add(-s.keep))
	if err != nil {
		return nil, err
	}
	for _, key := range unfinished {
		found.keep(key.UUID)
	}
	return found, nil
}
