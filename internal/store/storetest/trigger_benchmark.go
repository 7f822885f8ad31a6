package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

// BenchmarkPendingOf measures a batch of 300 events that may call triggers off, among 100,000 triggers that wait.
// Writing these is reported, too, as triggers a second.
func BenchmarkPendingOf(b *testing.B, s store.Store) {
	b.Helper()
	const all, batch, step = 100_000, 300, 1000
	ctx := b.Context()
	begun := time.Now()
	for from := 0; from < all; from += step {
		var triggers []*store.Trigger
		for n := from; n < from+step; n++ {
			trigger := pending(n, n/3, fmt.Sprint("+48", n%30_000), "call_answered", "call_talking")
			trigger.CancelScope = store.CancelScopeContact
			trigger.Occasion = make([]byte, 2000)
			triggers = append(triggers, trigger)
		}
		require.NoError(b, s.Write(ctx, func(tx store.Tx) error { return tx.AddTriggers(ctx, triggers) }))
	}
	added := float64(all) / time.Since(begun).Seconds()
	var queries []store.CancelQuery
	for n := range batch {
		queries = append(queries, asking(acme, uuid(n*77), fmt.Sprint("+48", n*97), "call_answered"))
	}
	require.NoError(b, s.Write(ctx, func(tx store.Tx) error {
		for b.Loop() {
			found, err := tx.PendingOf(ctx, queries)
			if err != nil {
				return err
			}
			require.NotEmpty(b, found)
		}
		return nil
	}))
	b.ReportMetric(added, "added/s")
}
