package store

import (
	"context"
	"time"
)

// GaugesMost is up to how many rows are counted for a figure of [Gauges] that has no bound of its own: that many means
// that many or more. Counting a million rows for every look at the figures would cost more than it tells.
const GaugesMost = 10_000

// GaugeReader tells how much there is of what waits.
type GaugeReader interface {
	// Gauges gives the figures as of now. It is cheap however many rows there are: each figure is read from an index, or
	// from tables of one row, and counts are bounded.
	Gauges(ctx context.Context, now time.Time) (Gauges, error)
}

// Gauges says how much there is of what waits, for metrics.
type Gauges struct {
	Outbox       int64     // changes above the relay's position as it is stored
	OutboxOldest time.Time // when the first of them was written, UTC; zero if there is none
	Overdue      int64     // due rows whose time has come, GaugesMost at most
	Quarantined  int64     // bodies in quarantine, GaugesMost at most
	// Open counts calls that have not ended, by account; those beyond GaugesMost over all accounts are left out.
	Open map[string]int64
}
