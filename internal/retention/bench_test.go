package retention_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/ingest"
	"webhookd/internal/retention"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/sqlite"
)

// BenchmarkBatch says how long webhooks wait for one transaction of retention: calls of three legs and twelve webhooks.
func BenchmarkBatch(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		st, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "webhookd.db")})
		require.NoError(b, err)
		benchmarkBatch(b, st)
	})
	b.Run("postgres", func(b *testing.B) {
		st, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.Migrated(b)})
		require.NoError(b, err)
		benchmarkBatch(b, st)
	})
}

func benchmarkBatch(b *testing.B, st store.Store) {
	b.Helper()
	defer func() { require.NoError(b, st.Close()) }()
	const calls = 1600
	in := ingest.New(ingest.Config{Store: st, Engine: newEngine(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ran := make(chan error, 1)
	go func() { ran <- in.Run(context.Background()) }()
	var group sync.WaitGroup
	for part := range 64 {
		group.Go(func() {
			for call := part; call < calls; call += 64 {
				for n := range 12 {
					more := parent(call * 3)
					if n%3 == 0 {
						more = ""
					}
					name := []string{"dialog_create", "dialog_state_update", "dialog_state_update", "dialog_close"}[n/3]
					state := []string{"ringing", "alerting", "talking", "closed"}[n/3]
					body := webhook(name, call*3+n%3, noon.Add(time.Duration(call*40+n)*time.Second), more+fmt.Sprintf(`,"state":%q`, state))
					if _, err := in.Submit(context.Background(), acme, []byte(body)); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	in.Stop()
	require.NoError(b, <-ran)
	require.NoError(b, st.Write(b.Context(), func(tx store.Tx) error {
		due, err := tx.Due(b.Context(), time.Now().Add(time.Hour), 10*calls)
		if err != nil {
			return err
		}
		return tx.DropDue(b.Context(), due)
	}))
	require.NoError(b, st.Advance(b.Context(), 1<<40, nil, nil))
	for b.Loop() {
		pass := retention.NewPass(calls30, "", false)
		var took []time.Duration
		var removed store.Removed
		for more := true; more; {
			var began time.Time
			require.NoError(b, st.Write(b.Context(), func(tx store.Tx) (err error) {
				began = time.Now()
				var bit store.Removed
				bit, more, err = pass.Batch(b.Context(), tx, noon.Add(40*day))
				removed.Add(bit)
				return err
			}))
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		if removed.Calls > 0 {
			b.ReportMetric(float64(removed.Calls)/float64(len(took)), "calls/batch")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/longest")
		}
	}
}
