package retention

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"webhookd/internal/store"
)

const (
	// Between is how long others may write between two transactions of a pass.
	Between = 250 * time.Millisecond
	// every is how long after the end of a pass the next one begins.
	every = time.Hour
	// stale is after how long a pass that nobody went on with is begun anew: another instance was at it meanwhile.
	stale = time.Minute
)

// Purger does one pass after the other, in transactions of others. Several instances may each have one: whichever is asked
// goes on where it was, and what another one removed meanwhile is not found again.
type Purger struct {
	policy Policy
	logger *slog.Logger

	mu      sync.Mutex
	pass    *Pass
	at      time.Time // of the last batch
	removed store.Removed
	// What the last batch did, as long as it is not known whether its transaction has committed.
	open bool
	bit  store.Removed
	more bool
}

// New makes a Purger.
func New(policy Policy, logger *slog.Logger) *Purger { return &Purger{policy: policy, logger: logger} }

// Batch does the next bit in a transaction and says when to come again. What it counts has happened only if the
// transaction commits, which Committed must tell: if it did not, the next batch begins a pass anew. It returns the store's
// errors, and an error when a journal entry cannot be read.
func (p *Purger) Batch(ctx context.Context, tx store.Tx, now time.Time) (
	removed store.Removed, again time.Time, err error,
) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pass == nil || p.open || now.Sub(p.at) > stale {
		p.pass, p.removed = NewPass(p.policy, "", false), store.Removed{}
	}
	p.at, p.open = now, true
	removed, more, err := p.pass.Batch(ctx, tx, now)
	if err != nil {
		return store.Removed{}, again, fmt.Errorf("remove what is old: %w", err)
	}
	p.bit, p.more = removed, more
	if more {
		return removed, now.Add(Between), nil
	}
	return removed, now.Add(every), nil
}

// Committed says that the transaction of the last Batch has committed.
func (p *Purger) Committed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return
	}
	p.open = false
	p.removed.Add(p.bit)
	if p.more {
		return
	}
	p.pass = nil
	if r := p.removed; r != (store.Removed{}) {
		p.logger.Info("removed what was older than it is kept", "calls", r.Calls, "legs", r.Legs, "journal", r.Journal,
			"outbox", r.Outbox, "triggers", r.Triggers, "subscribers", r.Subscribers, "broadcasts", r.Broadcasts,
			"quarantine", r.Quarantine, "tombstones", r.Tombstones, "erasures", r.Erasures)
	}
}
