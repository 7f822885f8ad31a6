package storetest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

// BenchmarkWrite measures transactions of 200 webhooks of 200 calls, as the ingest makes them, and reports how many
// webhooks a second that is. Each call gets six.
func BenchmarkWrite(b *testing.B, s store.Store) {
	b.Helper()
	const batch, webhooks = 200, 6
	ctx := b.Context()
	filler := strings.Repeat("0123456789abcdef", 60)
	turn := 0
	for b.Loop() {
		generation, step := turn/webhooks, turn%webhooks
		turn++
		var entries []*store.Entry
		var keys []store.Key
		for n := range batch {
			body := fmt.Sprintf(`{"turn":%d,"n":%d,"filler":%q}`, turn, n, filler)
			at := uuid(generation*batch + n)
			entries = append(entries, &store.Entry{
				Account: acme, ReceivedAt: now, Origin: store.OriginPBX, EventName: "dialog_state_update", EventTime: start,
				DialogUUID: at, SHA256: sha256.Sum256([]byte(body)), Body: []byte(body),
			})
			keys = append(keys, store.Key{Account: acme, UUID: at})
		}
		require.NoError(b, s.Write(ctx, func(tx store.Tx) error {
			if err := tx.Append(ctx, entries); err != nil {
				return err
			}
			if _, err := tx.Legs(ctx, keys); err != nil {
				return err
			}
			if _, err := tx.Calls(ctx, keys); err != nil {
				return err
			}
			var legs []store.Leg
			var calls []store.Call
			var changes []*store.OutboxRow
			var due []store.Due
			for i, k := range keys {
				legs = append(legs, store.Leg{Account: acme, DialogUUID: k.UUID, CallUUID: k.UUID, Evidence: entries[i].Body})
				c := call(acme, generation*batch+i)
				c.Record = json.RawMessage(fmt.Sprintf(`{"step":%d,"filler":"%s%[2]s"}`, step, filler))
				c.Index.Keys = []string{fmt.Sprint("consultant:", i), fmt.Sprint("number:", i), "project:1"}
				calls = append(calls, c)
				row := change(acme, generation*batch+i, int64(step))
				row.Record, row.JournalID = c.Record, entries[i].ID
				changes = append(changes, row)
				due = append(due, store.Due{Account: acme, CallUUID: k.UUID, Kind: store.DueReap, At: now.AddDate(0, 0, turn)})
			}
			if err := tx.PutLegs(ctx, legs); err != nil {
				return err
			}
			if err := tx.PutCalls(ctx, calls); err != nil {
				return err
			}
			if err := tx.AppendOutbox(ctx, changes); err != nil {
				return err
			}
			return tx.PutDue(ctx, due)
		}))
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "webhooks/s")
}
