package ingest_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/sqlite"
)

// BenchmarkSubmit takes the documented call's webhooks in, each call with ids of its own, from many senders at once.
// A sender waits for each answer, as the PBX does. An op is a webhook.
func BenchmarkSubmit(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) store.Store{
		"sqlite": func(b *testing.B) store.Store {
			b.Helper()
			opened, err := sqlite.Open(b.Context(), sqlite.Config{
				Path: filepath.Join(b.TempDir(), "webhookd.db"), Now: time.Now,
			})
			require.NoError(b, err)
			return opened
		},
		"postgres": func(b *testing.B) store.Store {
			b.Helper()
			url := pgtest.Migrated(b)
			opened, err := postgres.Open(b.Context(), postgres.Config{URL: url, Now: time.Now})
			require.NoError(b, err)
			return opened
		},
	} {
		for _, senders := range []int{1, 16, 256} {
			b.Run(name+"/senders="+strconv.Itoa(senders), func(b *testing.B) {
				st := open(b)
				b.Cleanup(func() { require.NoError(b, st.Close()) })
				benchmarkSubmit(b, st, senders)
			})
		}
	}
}

func benchmarkSubmit(b *testing.B, st store.Store, senders int) {
	b.Helper()
	in := start(b, st)
	b.ReportAllocs()
	b.ResetTimer()
	submitMany(b, in, b.N, senders)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
	b.ReportMetric(float64(in.Stats().Committed)/float64(in.Stats().Batches), "webhooks/batch")
}
