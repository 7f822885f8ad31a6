package retention

import (
	"context"
	"math"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Bounds of one transaction. Webhooks wait for it, for some hundredths of a second.
const (
	maxCalls   = 32
	maxEntries = 400  // journal entries of calls, which makes some 1,000 rows in all; a call goes whole, however many it has
	maxRows    = 1000 // of anything else that are removed, or looked at
	maxIdle    = 16   // steps that found nothing to do
)

// keepTombstones is how long it is remembered that a dialog is gone.
const keepTombstones = 365 * 24 * time.Hour

// Pass goes once through all that there is. It is used by one goroutine at a time.
type Pass struct {
	policy  Policy
	account string // only this one, "" for all
	// dry says that no transaction is ever committed.
	dry   bool
	begun bool
	steps []step
}

// step does a part of a pass, batch by batch. It says false when it is through.
type step interface {
	batch(ctx context.Context, tx store.Tx, now time.Time) (removed store.Removed, more bool, err error)
}

// NewPass makes a pass, through one account or, if it is "", through all. A dry one is for transactions that are rolled
// back: it goes on as if they had not been.
func NewPass(policy Policy, account string, dry bool) *Pass {
	return &Pass{policy: policy, account: account, dry: dry}
}

// Batch does the next bit in a transaction, and says whether more is left. After an error the pass is to be given up.
func (p *Pass) Batch(ctx context.Context, tx store.Tx, now time.Time) (removed store.Removed, more bool, err error) {
	if !p.begun {
		if err := p.begin(ctx, tx); err != nil {
			return removed, false, err
		}
		p.begun = true
	}
	for range maxIdle {
		if len(p.steps) == 0 {
			return removed, false, nil
		}
		bit, more, err := p.steps[0].batch(ctx, tx, now)
		if err != nil {
			return store.Removed{}, false, err
		}
		removed.Add(bit)
		if !more {
			p.steps = p.steps[1:]
		}
		if more || bit != (store.Removed{}) {
			break
		}
	}
	return removed, len(p.steps) > 0, nil
}

// begin finds out what there is to do.
func (p *Pass) begin(ctx context.Context, tx store.Tx) error {
	accounts := []string{p.account}
	if p.account == "" {
		var err error
		if accounts, err = tx.Accounts(ctx); err != nil {
			return err
		}
	}
	_, uncounted, err := tx.FactBacklog(ctx, 0)
	if err != nil {
		return err
	}
	rows := maxRows
	if p.dry { // the same rows would be found again
		rows = math.MaxInt32
	}
	var journal, outbox groups
	for _, account := range accounts {
		limits := p.policy.Of(account)
		if limits.Calls > 0 && !uncounted { // or the figures of what is removed would be lost
			p.steps = append(p.steps, &oldCalls{account: account, keep: limits.Calls, dry: p.dry, gone: map[store.Key]bool{}})
		}
		if limits.Calls > 0 {
			p.steps = append(p.steps, &pageStep{do: func(
				ctx context.Context, tx store.Tx, now time.Time, after string,
			) (store.Removed, string, error) {
				count, last, err := tx.RemoveParties(ctx, account, after, now.Add(-limits.Calls), maxRows)
				return store.Removed{Subscribers: int64(count)}, last, err
			}})
		}
		if limits.Outbox > 0 {
			p.steps = append(p.steps, &pageStep{do: func(
				ctx context.Context, tx store.Tx, now time.Time, after string,
			) (store.Removed, string, error) {
				count, last, err := tx.RemoveBroadcasts(ctx, account, after, now.Add(-limits.Outbox), maxRows)
				return store.Removed{Broadcasts: int64(count)}, last, err
			}})
		}
		journal.add(account, limits.Journal)
		outbox.add(account, limits.Outbox)
		if limits.Outbox > 0 {
			p.steps = append(p.steps, countStep(func(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, int, error) {
				count, err := tx.RemoveTriggers(ctx, account, now.Add(-limits.Outbox), rows)
				return store.Removed{Triggers: int64(count)}, count, err
			}))
		}
		if limits.Quarantine > 0 {
			p.steps = append(p.steps, countStep(func(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, int, error) {
				count, err := tx.RemoveRefused(ctx, account, now.Add(-limits.Quarantine), rows)
				return store.Removed{Quarantine: int64(count)}, count, err
			}))
		}
	}
	for _, group := range journal {
		p.steps = append(p.steps, &oldRows{what: store.RemovedJournal, accounts: group.accounts, keep: group.keep})
	}
	for _, group := range outbox {
		p.steps = append(p.steps, &oldRows{what: store.RemovedOutbox, accounts: group.accounts, keep: group.keep})
	}
	if p.account == "" {
		p.steps = append(p.steps,
			countStep(func(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, int, error) {
				count, err := tx.DropTombstones(ctx, now.Add(-keepTombstones), rows)
				return store.Removed{Tombstones: int64(count)}, count, err
			}),
			countStep(func(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, int, error) {
				count, err := tx.ForgetMarks(ctx, now)
				return store.Removed{Erasures: int64(count)}, 0, err // all at once: they are few
			}))
	}
	return nil
}

// groups are accounts by how long theirs is kept: those of one limit are looked at together.
type groups []struct {
	keep     time.Duration
	accounts []string
}

func (g *groups) add(account string, keep time.Duration) {
	if keep <= 0 {
		return
	}
	for i := range *g {
		if (*g)[i].keep == keep {
			(*g)[i].accounts = append((*g)[i].accounts, account)
			return
		}
	}
	*g = append(*g, struct {
		keep     time.Duration
		accounts []string
	}{keep, []string{account}})
}

// countStep removes up to maxRows at once, until there are fewer.
type countStep func(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, int, error)

func (s countStep) batch(ctx context.Context, tx store.Tx, now time.Time) (store.Removed, bool, error) {
	removed, count, err := s(ctx, tx, now)
	return removed, count == maxRows, err
}

// pageStep goes through the rows of a table by their ids, a page at a time.
type pageStep struct {
	after string
	do    func(ctx context.Context, tx store.Tx, now time.Time, after string) (removed store.Removed, last string, err error)
}

func (s *pageStep) batch(ctx context.Context, tx store.Tx, now time.Time) (removed store.Removed, more bool, err error) {
	removed, s.after, err = s.do(ctx, tx, now, s.after)
	return removed, s.after != "", err
}

// oldRows goes through journal or outbox in the order of ids, from where the last pass came to.
type oldRows struct {
	what     store.RemovedWhat
	accounts []string
	keep     time.Duration
	begun    bool
	through  int64
}

func (s *oldRows) batch(ctx context.Context, tx store.Tx, now time.Time) (removed store.Removed, more bool, err error) {
	if !s.begun {
		if s.through, err = tx.RemovedThrough(ctx, s.what, s.accounts); err != nil {
			return removed, false, err
		}
		s.begun = true
	}
	var count int
	before, through := now.Add(-s.keep), s.through
	if s.what == store.RemovedJournal {
		count, s.through, err = tx.RemoveIgnored(ctx, s.accounts, through, before, maxRows)
		removed.Journal = int64(count)
	} else {
		count, s.through, err = tx.RemoveHistory(ctx, s.accounts, through, before, maxRows)
		removed.Outbox = int64(count)
	}
	return removed, s.through > through, err
}

// endedBefore is the event time before which a call must have ended to be old.
func endedBefore(now time.Time, keep time.Duration) dialog.Time {
	return dialog.TimeOf(now.Add(-keep))
}
