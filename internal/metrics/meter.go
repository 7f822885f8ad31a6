package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// byAccount is the label that names an account.
const byAccount = "account"

// OtherAccount is the label of every account that is not configured. It is the name of none, so no sender can make up
// series, or hide among those of an account.
const OtherAccount = "(other)"

// Buckets of the histograms, in seconds and in webhooks.
var (
	quickly = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}
	lagging = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}
	sizes   = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
)

// Options say what is measured.
type Options struct {
	Version string
	// Accounts are those that have series of their own; all others share one. Results are what can become of a webhook.
	Accounts, Results []string
}

// Meter measures what happens while it happens. Its methods may be called at any time, by many at once, and take some
// tens of nanoseconds.
type Meter struct {
	registry *prometheus.Registry
	webhooks map[string]map[string]prometheus.Counter // by account and result
	answers  prometheus.Histogram
	batches  prometheus.Histogram
	commits  prometheus.Histogram
	lag      prometheus.Histogram
	reaped   prometheus.Counter
}

// New makes a Meter. Every series that there can be is there from the start, at 0: what appears later has no increase.
func New(options Options) (*Meter, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "webhookd_build_info", Help: "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": options.Version},
	})
	build.Set(1)
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	webhooks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "webhookd_webhooks_total", Help: "Requests with a webhook, by account and by what became of them.",
	}, []string{byAccount, "result"})
	m := &Meter{
		registry: prometheus.NewRegistry(),
		webhooks: map[string]map[string]prometheus.Counter{},
		answers: histogram("webhookd_webhook_answer_seconds",
			"From the request of a webhook to its answer, whatever that was.", quickly),
		batches: histogram("webhookd_batch_webhooks", "Webhooks in one transaction.", sizes),
		commits: histogram("webhookd_commit_seconds", "Transactions that committed webhooks.", quickly),
		lag: histogram("webhookd_relay_lag_seconds",
			"From the commit of a change to the acknowledgement of its last event by JetStream.", lagging),
		reaped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "webhookd_calls_reaped_total", Help: "Calls that were closed because nothing was heard of them.",
		}),
	}
	for _, account := range append([]string{OtherAccount}, options.Accounts...) {
		m.webhooks[account] = map[string]prometheus.Counter{}
		for _, result := range options.Results {
			m.webhooks[account][result] = webhooks.WithLabelValues(account, result)
		}
	}
	for _, c := range []prometheus.Collector{build, webhooks, m.answers, m.batches, m.commits, m.lag, m.reaped} {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// account gives the label of an account.
func (m *Meter) account(name string) string {
	if _, known := m.webhooks[name]; known {
		return name
	}
	return OtherAccount
}

// Answered counts the answer to a webhook. A result that is not one of Options is not counted.
func (m *Meter) Answered(account, result string, took time.Duration) {
	if count := m.webhooks[m.account(account)][result]; count != nil {
		count.Inc()
	}
	m.answers.Observe(took.Seconds())
}

// Batch counts a transaction that committed webhooks.
func (m *Meter) Batch(webhooks int, took time.Duration) {
	m.batches.Observe(float64(webhooks))
	m.commits.Observe(took.Seconds())
}

// Published counts a change that is on the stream.
func (m *Meter) Published(behind time.Duration) { m.lag.Observe(max(0, behind.Seconds())) }

// Reaped counts calls that were closed because nothing was heard of them.
func (m *Meter) Reaped(calls int) { m.reaped.Add(float64(calls)) }
