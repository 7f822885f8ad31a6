// Package metrics shows what webhookd counts to Prometheus. The parts keep their own counts; this package only names
// them. Names are a contract: docs/metrics.md explains each, and a test holds the two together.
package metrics

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/ingest"
	"webhookd/internal/reconcile"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

// Sources are the parts that count. They are asked at every scrape and must be quick.
type Sources struct {
	Ingest func() ingest.Stats
	Due    func() due.Stats
	Relay  func() relay.Stats
	// Dispatch counts what handlers do.
	Dispatch func() dispatch.Stats
	// Repairs counts questions to PBXs, by account.
	Repairs func() map[string]reconcile.Stats
	// Streams says how many streams are open, and Connected whether there is a connection to NATS.
	Streams   func() int
	Connected func() bool
	// Stored says what waits in the database. It is asked every few seconds at most, however often is scraped.
	Stored store.GaugeReader
	// SpoolLimit is how many bytes the spool may hold, StreamsLimit how many streams may be open.
	SpoolLimit   int64
	StreamsLimit int
	Now          func() time.Time
}

// Handler answers scrapes in the formats of Prometheus. It may be asked for once.
func (m *Meter) Handler(sources Sources) (http.Handler, error) {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{sources},
		&storedCollector{source: sources.Stored, now: sources.Now, account: m.account},
	} {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}), nil
}

// metric is one figure and how it is read.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(*snapshot) float64
}

// snapshot is what the parts said for one scrape.
type snapshot struct {
	ingest   ingest.Stats
	due      due.Stats
	relay    relay.Stats
	handlers dispatch.Stats
	repairs  reconcile.Stats // of all accounts

	streams, streamsLimit int
	spoolLimit            int64
	connected             bool
	now                   time.Time
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// metrics is every figure there is.
var metrics = []metric{
	{
		"webhookd_webhooks_committed_total", "Webhooks committed, duplicates included.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Committed) },
	},
	{
		"webhookd_batches_total", "Transactions that committed webhooks.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Batches) },
	},
	{
		"webhookd_webhooks_refused_total", "Bodies that were refused and quarantined.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Refused) },
	},
	{
		"webhookd_unusable_fields_total", "Fields that held a value of the wrong type or form.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.UnusableFields) },
	},
	{
		"webhookd_unknown_states_total", "Webhooks with a state that nobody knows.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.UnknownStates) },
	},
	{
		"webhookd_unknown_close_causes_total", "Webhooks with a close cause that is not in the table.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.UnknownCauses) },
	},
	{
		"webhookd_reconcile_asked_total", "Calls that PBXs were asked about.", counter,
		func(s *snapshot) float64 { return float64(s.repairs.Asked) },
	},
	{
		"webhookd_reconcile_failed_total", "Of these, those of which no usable answer came.", counter,
		func(s *snapshot) float64 { return float64(s.repairs.Failed) },
	},
	{
		"webhookd_reconcile_records_total", "Records that PBXs gave.", counter,
		func(s *snapshot) float64 { return float64(s.repairs.Records) },
	},
	{
		"webhookd_reconcile_changed_calls_total", "Calls that such records changed.", counter,
		func(s *snapshot) float64 { return float64(s.repairs.Changed) },
	},
	{
		"webhookd_retention_calls_total", "Calls that retention removed.", counter,
		func(s *snapshot) float64 { return float64(s.due.Removed.Calls) },
	},
	{
		"webhookd_retention_journal_entries_total", "Journal entries that retention removed.", counter,
		func(s *snapshot) float64 { return float64(s.due.Removed.Journal) },
	},
	{
		"webhookd_retention_outbox_changes_total", "Changes that retention removed from the outbox.", counter,
		func(s *snapshot) float64 { return float64(s.due.Removed.Outbox) },
	},
	{
		"webhookd_retention_quarantine_bodies_total", "Refused bodies that retention removed.", counter,
		func(s *snapshot) float64 { return float64(s.due.Removed.Quarantine) },
	},
	{
		"webhookd_webhooks_waiting", "Webhooks that wait for their commit.", gauge,
		func(s *snapshot) float64 { return float64(s.ingest.Waiting) },
	},
	{
		"webhookd_database_away_seconds", "How long the database has been away; 0 while it is there.", gauge,
		func(s *snapshot) float64 { return seconds(s.now, s.ingest.AwaySince) },
	},
	{
		"webhookd_spool_records", "Webhooks in the spool, not drained yet.", gauge,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Records) },
	},
	{
		"webhookd_spool_bytes", "Size of the spool on disk.", gauge,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Bytes) },
	},
	{
		"webhookd_spool_limit_bytes", "Size that the spool may have on disk.", gauge,
		func(s *snapshot) float64 { return float64(s.spoolLimit) },
	},
	{
		"webhookd_spool_oldest_seconds", "How long ago the oldest webhook in the spool came; 0 if it is empty.", gauge,
		func(s *snapshot) float64 { return seconds(s.now, s.ingest.Spool.Oldest) },
	},
	{
		"webhookd_spool_appended_total", "Webhooks that went to the spool.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Appended) },
	},
	{
		"webhookd_spool_drained_total", "Webhooks that came out of the spool.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Drained) },
	},
	{
		"webhookd_spool_errors_total", "Batches that the spool could not take.", counter,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Errors) },
	},
	{
		"webhookd_spool_damaged_files", "Damaged files in the spool directory.", gauge,
		func(s *snapshot) float64 { return float64(s.ingest.Spool.Damaged) },
	},
	{
		"webhookd_due_done_total", "Due rows that were done.", counter,
		func(s *snapshot) float64 { return float64(s.due.Done) },
	},
	{
		"webhookd_due_failed_total", "Due rows that could not be done and were put off.", counter,
		func(s *snapshot) float64 { return float64(s.due.Failed) },
	},
	{
		"webhookd_due_oldest_overdue_seconds", "How long the oldest due row has been due; 0 if none is.", gauge,
		func(s *snapshot) float64 { return s.due.Overdue.Seconds() },
	},
	{
		"webhookd_handlers_fired_total", "Triggers whose actions were done.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Fired) },
	},
	{
		"webhookd_handlers_failures_total", "Conditions, actions and requests of handlers that failed.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Failed) },
	},
	{
		"webhookd_handlers_waiting_total", "Triggers that were made to fire later.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Waiting) },
	},
	{
		"webhookd_handlers_skipped_total", "Waiting triggers that did nothing in the end.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Skipped) },
	},
	{
		"webhookd_handlers_cancelled_total", "Waiting triggers that were called off.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Cancelled) },
	},
	{
		"webhookd_handlers_requests_total", "HTTP requests made for handlers, retries included.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Requests) },
	},
	{
		"webhookd_handlers_request_retries_total", "HTTP requests made for handlers after a first one that failed.", counter,
		func(s *snapshot) float64 { return float64(s.handlers.Retried) },
	},
	{
		"webhookd_handlers_requests_waiting", "HTTP requests for handlers that this instance has taken and not done.", gauge,
		func(s *snapshot) float64 { return float64(s.due.Requests) },
	},
	{
		"webhookd_streams_open", "Streams (server-sent events) that are open.", gauge,
		func(s *snapshot) float64 { return float64(s.streams) },
	},
	{
		"webhookd_streams_limit", "Streams that may be open.", gauge,
		func(s *snapshot) float64 { return float64(s.streamsLimit) },
	},
	{
		"webhookd_nats_connected", "1 while there is a connection to NATS.", gauge,
		func(s *snapshot) float64 { return truth(s.connected) },
	},
	{
		"webhookd_relay_leader", "1 while this instance publishes.", gauge,
		func(s *snapshot) float64 { return truth(s.relay.Leader) },
	},
	{
		"webhookd_relay_events_published_total", "Events that JetStream acknowledged.", counter,
		func(s *snapshot) float64 { return float64(s.relay.Published) },
	},
	{
		"webhookd_relay_failures_total", "Attempts to publish that failed and are made again.", counter,
		func(s *snapshot) float64 { return float64(s.relay.Failures) },
	},
	{
		"webhookd_relay_poisoned_total", "Changes set aside because they can never be published.", counter,
		func(s *snapshot) float64 { return float64(s.relay.Poisoned) },
	},
	{
		"webhookd_relay_held_changes", "Changes held back, as the leader last knew.", gauge,
		func(s *snapshot) float64 { return float64(s.relay.Held) },
	},
	{
		"webhookd_relay_position", "Outbox id up to which everything was dealt with, as the leader last knew.", gauge,
		func(s *snapshot) float64 { return float64(s.relay.Position) },
	},
}

func seconds(now, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since).Seconds())
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// collector asks the sources once for each scrape.
type collector struct{ sources Sources }

// questions are by account and result, so that one PBX that does not answer is not hidden by another one that does.
var questions = prometheus.NewDesc("webhookd_reconcile_questions_total",
	"Questions to PBXs, by account and by whether they were answered.", []string{byAccount, "result"}, nil)

func (m *metric) desc() *prometheus.Desc { return prometheus.NewDesc(m.name, m.help, nil, nil) }

// Describe implements [prometheus.Collector].
func (*collector) Describe(descriptions chan<- *prometheus.Desc) {
	for i := range metrics {
		descriptions <- metrics[i].desc()
	}
	descriptions <- questions
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(values chan<- prometheus.Metric) {
	s := &snapshot{
		ingest: c.sources.Ingest(), due: c.sources.Due(), relay: c.sources.Relay(), now: c.sources.Now(),
		handlers: c.sources.Dispatch(), streams: c.sources.Streams(), connected: c.sources.Connected(),
		spoolLimit: c.sources.SpoolLimit, streamsLimit: c.sources.StreamsLimit,
	}
	for account, one := range c.sources.Repairs() {
		values <- prometheus.MustNewConstMetric(questions, counter, float64(one.Answered), account, "answered")
		values <- prometheus.MustNewConstMetric(questions, counter, float64(one.Unanswered), account, "unanswered")
		s.repairs.Asked += one.Asked
		s.repairs.Failed += one.Failed
		s.repairs.Records += one.Records
		s.repairs.Changed += one.Changed
	}
	for i := range metrics {
		m := &metrics[i]
		values <- prometheus.MustNewConstMetric(m.desc(), m.kind, m.value(s))
	}
}
