package relay

import (
	"sync/atomic"
	"time"
)

// Stats is what a relay can tell of itself, for metrics. Counts are since this relay was made.
type Stats struct {
	Leader    bool
	Published uint64 // events acknowledged by JetStream, those that it had already among them
	Failures  uint64 // attempts that failed for now and were or will be made again
	Poisoned  uint64 // rows set aside because they can never be published
	Position  int64  // outbox ID up to which everything was dealt with, as this relay last knew
	Held      int    // rows held back, as this relay last knew
	// LastError is the latest failure and LastErrorAt its time (UTC); Failing says that it is not over.
	LastError   string
	LastErrorAt time.Time
	Failing     bool
}

// gauges are the Stats while they change.
type gauges struct {
	leader    atomic.Bool
	published atomic.Uint64
	failures  atomic.Uint64
	poisoned  atomic.Uint64
	position  atomic.Int64
	held      atomic.Int64
	failing   atomic.Bool
	last      atomic.Pointer[failure]
}

type failure struct {
	text string
	at   time.Time
}

func (g *gauges) fail(err error, at time.Time) {
	g.failures.Add(1)
	g.last.Store(&failure{text: err.Error(), at: at.UTC()})
	g.failing.Store(true)
}

func (g *gauges) recover() { g.failing.Store(false) }

// Stats may be asked for at any time.
func (r *Relay) Stats() Stats {
	stats := Stats{
		Leader:    r.gauges.leader.Load(),
		Published: r.gauges.published.Load(),
		Failures:  r.gauges.failures.Load(),
		Poisoned:  r.gauges.poisoned.Load(),
		Position:  r.gauges.position.Load(),
		Held:      int(r.gauges.held.Load()),
		Failing:   r.gauges.failing.Load(),
	}
	if last := r.gauges.last.Load(); last != nil {
		stats.LastError, stats.LastErrorAt = last.text, last.at
	}
	return stats
}
