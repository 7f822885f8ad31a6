package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"webhookd/internal/store"
)

const (
	storedFor  = 5 * time.Second // how old figures of the database may be
	storedWait = 2 * time.Second // for the database; a scrape should not fail for it
)

// stored are the figures of the database; those by account stand beside them.
var stored = []struct {
	name, help string
	value      func(g *store.Gauges, now time.Time) float64
}{
	{
		"webhookd_outbox_changes", "Changes in the outbox that the relay has not dealt with.",
		func(g *store.Gauges, _ time.Time) float64 { return float64(g.Outbox) },
	},
	{
		"webhookd_outbox_oldest_seconds", "How long ago the oldest of them was written; 0 if there is none.",
		func(g *store.Gauges, now time.Time) float64 { return seconds(now, g.OutboxOldest) },
	},
	{
		"webhookd_due_overdue_rows", "Due rows whose time has come, 10000 at most.",
		func(g *store.Gauges, _ time.Time) float64 { return float64(g.Overdue) },
	},
	{
		"webhookd_quarantine_bodies", "Bodies in quarantine, 10000 at most.",
		func(g *store.Gauges, _ time.Time) float64 { return float64(g.Quarantined) },
	},
}

var (
	openCalls = prometheus.NewDesc("webhookd_calls_open", "Calls that have not ended, 10000 at most.", []string{byAccount}, nil)
	failures  = prometheus.NewDesc("webhookd_stored_figures_errors_total",
		"Times the database could not be asked for its figures.", nil, nil)
)

// storedCollector asks the database. Where that cannot answer its figures are left out of the scrape: an old figure would
// look like one of now.
type storedCollector struct {
	source  store.GaugeReader
	now     func() time.Time
	account func(string) string

	mu     sync.Mutex // also keeps scrapes from asking side by side
	asked  time.Time
	known  *store.Gauges // nil where the database did not answer
	failed int
}

// Describe implements [prometheus.Collector].
func (*storedCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for i := range stored {
		descriptions <- prometheus.NewDesc(stored[i].name, stored[i].help, nil, nil)
	}
	descriptions <- openCalls
	descriptions <- failures
}

// Collect implements [prometheus.Collector].
func (c *storedCollector) Collect(values chan<- prometheus.Metric) {
	gauges, failed, now := c.ask()
	values <- prometheus.MustNewConstMetric(failures, counter, float64(failed))
	if gauges == nil {
		return
	}
	for i := range stored {
		desc := prometheus.NewDesc(stored[i].name, stored[i].help, nil, nil)
		values <- prometheus.MustNewConstMetric(desc, gauge, stored[i].value(gauges, now))
	}
	open := map[string]float64{c.account(""): 0}
	for account, calls := range gauges.Open {
		open[c.account(account)] += float64(calls)
	}
	for account, calls := range open {
		values <- prometheus.MustNewConstMetric(openCalls, gauge, calls, account)
	}
}

func (c *storedCollector) ask() (gauges *store.Gauges, failed int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = c.now()
	if age := now.Sub(c.asked); age >= 0 && age < storedFor {
		return c.known, c.failed, now
	}
	ctx, cancel := context.WithTimeout(context.Background(), storedWait)
	defer cancel()
	c.asked, c.known = now, nil
	if got, err := c.source.Gauges(ctx, now.UTC()); err == nil {
		c.known = &got
	} else {
		c.failed++
	}
	return c.known, c.failed, now
}
