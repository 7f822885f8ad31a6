package metrics

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/relay"
)

func TestAScrapeShowsWhatThePartsCount(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	handler, err := Handler(Sources{
		Ingest: func() ingest.Stats {
			return ingest.Stats{
				Committed: 11, Batches: 2, Refused: 3, UnknownCauses: 4, AwaySince: now.Add(-90 * time.Second),
				Spool: spool.Stats{
					Records: 8, Bytes: 900, Oldest: now.Add(-80 * time.Second), Appended: 12, Drained: 4, Errors: 1, Damaged: 2,
				},
			}
		},
		Due: func() due.Stats { return due.Stats{Done: 5, Overdue: 1500 * time.Millisecond} },
		Dispatch: func() dispatch.Stats {
			return dispatch.Stats{Fired: 21, Failed: 22, Requests: 23, Retried: 24, Cancelled: 25}
		},
		Relay: func() relay.Stats { return relay.Stats{Leader: true, Published: 6, Position: 7} },
		Now:   func() time.Time { return now },
	}, "v1")
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, 200, answer.Code)
	body := answer.Body.String()
	for _, line := range []string{
		"webhookd_webhooks_committed_total 11", "webhookd_batches_total 2", "webhookd_webhooks_refused_total 3",
		"webhookd_unknown_close_causes_total 4", "webhookd_database_away_seconds 90", "webhookd_due_done_total 5",
		"webhookd_spool_records 8", "webhookd_spool_bytes 900", "webhookd_spool_oldest_seconds 80",
		"webhookd_spool_appended_total 12", "webhookd_spool_drained_total 4", "webhookd_spool_errors_total 1",
		"webhookd_spool_damaged_files 2",
		"webhookd_due_oldest_overdue_seconds 1.5", "webhookd_relay_leader 1", "webhookd_relay_events_published_total 6",
		"webhookd_handlers_fired_total 21", "webhookd_handlers_failures_total 22", "webhookd_handlers_requests_total 23",
		"webhookd_handlers_request_retries_total 24", "webhookd_handlers_cancelled_total 25",
		"webhookd_relay_position 7", `webhookd_build_info{version="v1"} 1`,
	} {
		require.Contains(t, body, line+"\n")
	}
	require.Contains(t, body, "go_goroutines ")
}

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	for _, m := range metrics {
		require.Contains(t, string(text), "| `"+m.name+"` |")
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `webhookd_") {
			continue
		}
		name := strings.Split(line, "`")[1]
		found := name == "webhookd_build_info"
		for _, m := range metrics {
			found = found || m.name == name
		}
		require.True(t, found, "%s is documented and does not exist", name)
	}
}
