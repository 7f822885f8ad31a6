package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/reconcile"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

var now = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// database answers with its figures, or with its error.
type database struct {
	gauges store.Gauges
	err    error
	asked  int
}

func (d *database) Gauges(context.Context, time.Time) (store.Gauges, error) {
	d.asked++
	return d.gauges, d.err
}

// bundle is a Meter with everything that it asks.
type bundle struct {
	*Meter

	database *database
	now      time.Time
	handler  http.Handler
}

func setup(t *testing.T) *bundle {
	t.Helper()
	meter, err := New(Options{Version: "v1", Accounts: []string{"acme", "default"}, Results: []string{"accepted", "refused"}})
	require.NoError(t, err)
	b := &bundle{Meter: meter, database: &database{}, now: now}
	b.handler, err = meter.Handler(Sources{
		Ingest: func() ingest.Stats {
			return ingest.Stats{
				Committed: 11, Batches: 2, Refused: 3, UnknownCauses: 4, UnknownStates: 41, UnusableFields: 42, Waiting: 44,
				AwaySince: now.Add(-90 * time.Second),
				Spool: spool.Stats{
					Records: 8, Bytes: 900, Oldest: now.Add(-80 * time.Second), Appended: 12, Drained: 4, Errors: 1, Damaged: 2,
				},
			}
		},
		Due: func() due.Stats {
			return due.Stats{Done: 5, Failed: 51, Overdue: 1500 * time.Millisecond, Requests: 52, Removed: store.Removed{
				Calls: 71, Journal: 72, Outbox: 73, Quarantine: 74,
			}}
		},
		Repairs: func() map[string]reconcile.Stats {
			return map[string]reconcile.Stats{
				"acme": {Asked: 80, Failed: 2, Records: 83, Changed: 4, Answered: 85, Unanswered: 86}, "other": {Asked: 1, Records: 0, Changed: 80},
			}
		},
		Dispatch: func() dispatch.Stats {
			return dispatch.Stats{Fired: 21, Failed: 22, Requests: 23, Retried: 24, Cancelled: 25, Waiting: 26, Skipped: 27}
		},
		Relay: func() relay.Stats {
			return relay.Stats{Leader: true, Published: 6, Position: 7, Failures: 61, Poisoned: 62, Held: 63}
		},
		Streams: func() int { return 31 }, Connected: func() bool { return true },
		Stored: b.database, SpoolLimit: 1 << 30, StreamsLimit: 512,
		Now: func() time.Time { return b.now },
	})
	require.NoError(t, err)
	return b
}

func (b *bundle) scrape(t *testing.T) string {
	t.Helper()
	answer := httptest.NewRecorder()
	b.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, 200, answer.Code)
	return answer.Body.String()
}

func TestAScrapeShowsWhatThePartsCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := b.scrape(t)
	for _, line := range []string{
		"webhookd_webhooks_committed_total 11", "webhookd_batches_total 2", "webhookd_webhooks_refused_total 3",
		"webhookd_unknown_close_causes_total 4", "webhookd_unknown_states_total 41", "webhookd_unusable_fields_total 42",
		"webhookd_webhooks_waiting 44", "webhookd_database_away_seconds 90",
		"webhookd_due_done_total 5", "webhookd_due_failed_total 51", "webhookd_handlers_requests_waiting 52",
		"webhookd_spool_records 8", "webhookd_spool_bytes 900", "webhookd_spool_oldest_seconds 80",
		"webhookd_spool_appended_total 12", "webhookd_spool_drained_total 4", "webhookd_spool_errors_total 1",
		"webhookd_spool_damaged_files 2", "webhookd_spool_limit_bytes 1.073741824e+09",
		"webhookd_due_oldest_overdue_seconds 1.5", "webhookd_relay_leader 1", "webhookd_relay_events_published_total 6",
		"webhookd_handlers_fired_total 21", "webhookd_handlers_failures_total 22", "webhookd_handlers_requests_total 23",
		"webhookd_handlers_request_retries_total 24", "webhookd_handlers_cancelled_total 25",
		"webhookd_handlers_waiting_total 26", "webhookd_handlers_skipped_total 27",
		"webhookd_streams_open 31", "webhookd_streams_limit 512", "webhookd_nats_connected 1",
		"webhookd_retention_calls_total 71", "webhookd_retention_journal_entries_total 72",
		"webhookd_retention_outbox_changes_total 73", "webhookd_retention_quarantine_bodies_total 74",
		"webhookd_reconcile_asked_total 81", "webhookd_reconcile_failed_total 2", "webhookd_reconcile_records_total 83",
		"webhookd_reconcile_changed_calls_total 84", `webhookd_reconcile_questions_total{account="acme",result="answered"} 85`,
		`webhookd_reconcile_questions_total{account="acme",result="unanswered"} 86`,
		`webhookd_reconcile_questions_total{account="other",result="unanswered"} 0`,
		"webhookd_relay_position 7", "webhookd_relay_failures_total 61", "webhookd_relay_poisoned_total 62",
		"webhookd_relay_held_changes 63", `webhookd_build_info{version="v1"} 1`,
	} {
		require.Contains(t, body, line+"\n")
	}
	require.Contains(t, body, "go_goroutines ")
	require.Contains(t, body, "process_start_time_seconds ")
}

func TestWhatIsMeasuredIsInTheScrape(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := b.scrape(t)
	require.Contains(t, body, `webhookd_webhooks_total{account="acme",result="refused"} 0`+"\n", "there before it counts anything")
	b.Answered("acme", "accepted", 3*time.Millisecond)
	b.Answered("acme", "accepted", 700*time.Millisecond)
	b.Batch(3, 4*time.Millisecond)
	b.Published(40 * time.Second)
	b.Reaped(43)
	b.Published(-time.Second) // clocks of two machines
	body = b.scrape(t)
	for _, line := range []string{
		`webhookd_webhooks_total{account="acme",result="accepted"} 2`,
		`webhookd_webhooks_total{account="default",result="accepted"} 0`,
		`webhookd_webhook_answer_seconds_bucket{le="0.0025"} 0`, `webhookd_webhook_answer_seconds_bucket{le="0.005"} 1`,
		`webhookd_webhook_answer_seconds_bucket{le="1"} 2`, `webhookd_webhook_answer_seconds_count 2`,
		"webhookd_calls_reaped_total 43",
		`webhookd_batch_webhooks_bucket{le="2"} 0`, `webhookd_batch_webhooks_bucket{le="4"} 1`, `webhookd_batch_webhooks_sum 3`,
		`webhookd_commit_seconds_bucket{le="0.0025"} 0`, `webhookd_commit_seconds_bucket{le="0.005"} 1`,
		`webhookd_relay_lag_seconds_bucket{le="0.001"} 1`, `webhookd_relay_lag_seconds_bucket{le="60"} 2`,
		`webhookd_relay_lag_seconds_sum 40`,
	} {
		require.Contains(t, body, line+"\n")
	}
}

// A sender may post to any account's path, and mistype what it likes; series are of configured accounts only.
func TestNobodyCanMakeUpSeries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lines := strings.Count(b.scrape(t), "\n")
	b.database.gauges.Open = map[string]int64{"acme": 2, "x": 3, "+48221234567": 4}
	for _, account := range []string{"+48221234567", "", "(other)", "Acme", "x"} {
		b.Answered(account, "accepted", time.Millisecond)
		b.Answered(account, "made up", time.Millisecond)
	}
	b.now = b.now.Add(time.Minute)
	body := b.scrape(t)
	require.Contains(t, body, `webhookd_webhooks_total{account="(other)",result="accepted"} 5`+"\n")
	require.Contains(t, body, `webhookd_calls_open{account="(other)"} 7`+"\n")
	require.Contains(t, body, `webhookd_calls_open{account="acme"} 2`+"\n")
	require.NotContains(t, body, "4822")
	require.NotContains(t, body, "made up")
	require.Equal(t, lines+1, strings.Count(body, "\n"), "one for the open calls of acme")
}

func TestTheDatabaseIsAskedNowAndThenOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.database.gauges = store.Gauges{Outbox: 9, OutboxOldest: now.Add(-30 * time.Second), Overdue: 8, Quarantined: 7}
	body := b.scrape(t)
	for _, line := range []string{
		"webhookd_outbox_changes 9", "webhookd_outbox_oldest_seconds 30", "webhookd_due_overdue_rows 8",
		"webhookd_quarantine_bodies 7", `webhookd_calls_open{account="(other)"} 0`, "webhookd_stored_figures_errors_total 0",
	} {
		require.Contains(t, body, line+"\n")
	}
	b.database.gauges.Outbox = 10
	b.now = now.Add(4 * time.Second)
	body = b.scrape(t)
	require.Contains(t, body, "webhookd_outbox_changes 9\n")
	require.Contains(t, body, "webhookd_outbox_oldest_seconds 34\n", "time goes on")
	require.Equal(t, 1, b.database.asked)
	b.now = now.Add(5 * time.Second)
	require.Contains(t, b.scrape(t), "webhookd_outbox_changes 10\n")
	require.Equal(t, 2, b.database.asked)
}

func TestFiguresOfADatabaseThatIsAwayAreLeftOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Contains(t, b.scrape(t), "webhookd_outbox_changes 0\n")
	b.database.err = errors.New("away")
	b.now = now.Add(time.Minute)
	body := b.scrape(t)
	for _, name := range []string{"webhookd_outbox_", "webhookd_due_overdue_rows", "webhookd_quarantine_bodies", "webhookd_calls_open"} {
		require.NotContains(t, body, name)
	}
	require.Contains(t, body, "webhookd_stored_figures_errors_total 1\n")
	require.Contains(t, body, "webhookd_database_away_seconds 150\n", "the rest is there")
	b.database.err = nil
	b.now = now.Add(2 * time.Minute)
	require.Contains(t, b.scrape(t), "webhookd_outbox_changes 0\n")
}

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	shown := map[string]string{}
	for line := range strings.Lines(setup(t).scrape(t)) {
		if words := strings.Fields(line); words[1] == "TYPE" && strings.HasPrefix(words[2], "webhookd_") {
			shown[words[2]] = words[3]
		}
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `webhookd_") {
			continue
		}
		cells := strings.Split(line, "|")
		name := strings.Trim(cells[1], " `")
		require.NotContains(t, documented, name, "twice")
		documented[name] = strings.TrimSpace(cells[2])
	}
	require.Equal(t, shown, documented)
	for name, kind := range shown {
		require.Equal(t, kind == "counter", strings.HasSuffix(name, "_total"), name)
		if kind == "histogram" {
			require.True(t, slices.ContainsFunc([]string{"_seconds", "_webhooks"}, func(unit string) bool {
				return strings.HasSuffix(name, unit)
			}), name)
		}
	}
}

func BenchmarkAnswered(b *testing.B) {
	meter, err := New(Options{Version: "v1", Accounts: []string{"acme"}, Results: []string{"accepted"}})
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			meter.Answered("acme", "accepted", 3*time.Millisecond)
		}
	})
}
