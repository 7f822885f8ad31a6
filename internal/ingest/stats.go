package ingest

import (
	"sync/atomic"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
	"webhookd/internal/ingest/spool"
)

// Stats counts what went through since the start.
type Stats struct {
	Committed      int64 // webhooks committed, duplicates included
	Batches        int64 // transactions
	Refused        int64 // bodies refused, for quarantine
	UnusableFields int64 // fields that held a value of the wrong type or form, and were taken for absent
	UnknownStates  int64 // webhooks with a state that nobody knows
	UnknownCauses  int64 // dialog_close webhooks with a cause that is not in the table

	Waiting int // webhooks that wait for their commit

	AwaySince time.Time   // since when the database is away, UTC; zero while it is there
	Spool     spool.Stats // what waits for it; zero without a spool
}

type counters struct {
	committed, batches, refused, unusable, unknownStates, unknownCauses atomic.Int64
}

// read counts what is odd about a webhook that was read.
func (c *counters) read(w *dialog.Webhook, rules correlate.Rules) {
	c.unusable.Add(int64(len(w.Unusable)))
	if _, known := fsm.Parse(w.State); !known {
		c.unknownStates.Add(1)
	}
	if w.CloseCause != "" && !rules.Causes.Known(w.CloseCause) {
		c.unknownCauses.Add(1)
	}
}

// committed counts a transaction that committed webhooks.
func (i *Ingest) committed(webhooks int, began time.Time) {
	i.count.committed.Add(int64(webhooks))
	i.count.batches.Add(1)
	if i.cfg.Batch != nil {
		i.cfg.Batch(webhooks, time.Since(began))
	}
	if i.cfg.Committed != nil {
		i.cfg.Committed()
	}
}

func (i *Ingest) backed() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.waiting)
}

// Stats gives the counts.
func (i *Ingest) Stats() Stats {
	stats := Stats{
		Committed:      i.count.committed.Load(),
		Batches:        i.count.batches.Load(),
		Refused:        i.count.refused.Load(),
		UnusableFields: i.count.unusable.Load(),
		UnknownStates:  i.count.unknownStates.Load(),
		UnknownCauses:  i.count.unknownCauses.Load(),
		Waiting:        i.backed(),
	}
	if since, away := i.database.awaySince(); away {
		stats.AwaySince = since.UTC()
	}
	if i.cfg.Spool != nil {
		stats.Spool = i.cfg.Spool.Stats()
	}
	return stats
}
