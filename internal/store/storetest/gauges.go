package storetest

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func (b *bundle) gauges(t *testing.T, at time.Time) store.Gauges {
	t.Helper()
	gauges, err := b.Gauges(b.ctx, at)
	require.NoError(t, err)
	return gauges
}

var gaugeTests = []test{
	{"are zero where nothing waits", func(t *testing.T, b *bundle) {
		require.Equal(t, store.Gauges{Open: map[string]int64{}}, b.gauges(t, now))
	}},

	{"count what the relay has not dealt with, and since when", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			rows := []*store.OutboxRow{change(acme, 1, 1), change(acme, 2, 2), change(other, 1, 3)}
			for i, row := range rows {
				row.CreatedAt = now.Add(time.Duration(i) * time.Second)
			}
			require.NoError(t, tx.AppendOutbox(b.ctx, rows))
		})
		require.EqualValues(t, 3, b.gauges(t, now).Outbox)
		require.Equal(t, now, b.gauges(t, now).OutboxOldest)

		require.NoError(t, b.Advance(b.ctx, 2, []store.Held{{OutboxID: 1, Account: acme, CallUUID: uuid(1), At: now}}, nil))
		gauges := b.gauges(t, now)
		require.EqualValues(t, 1, gauges.Outbox, "a row that is held back waits for an operator, not for the relay")
		require.Equal(t, now.Add(2*time.Second), gauges.OutboxOldest)

		require.NoError(t, b.Advance(b.ctx, 3, nil, []int64{1}))
		gauges = b.gauges(t, now)
		require.Zero(t, gauges.Outbox)
		require.True(t, gauges.OutboxOldest.IsZero())
	}},

	{"count due rows whose time has come", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutDue(b.ctx, []store.Due{
				{Account: acme, CallUUID: uuid(1), Kind: store.DueReap, At: now},
				{Account: acme, CallUUID: uuid(1), Kind: store.DueSettle, At: now.Add(-time.Hour)},
				{Account: other, CallUUID: uuid(2), Kind: store.DueReap, At: now.Add(time.Microsecond)},
			}))
		})
		require.EqualValues(t, 2, b.gauges(t, now).Overdue)
		require.EqualValues(t, 3, b.gauges(t, now.Add(time.Second)).Overdue)
		require.Zero(t, b.gauges(t, now.Add(-2*time.Hour)).Overdue)
	}},

	{"count due rows up to a bound", func(t *testing.T, b *bundle) {
		rows := make([]store.Due, store.GaugesMost+5)
		for i := range rows {
			rows[i] = store.Due{Account: acme, CallUUID: uuid(i), Kind: store.DueReap, At: now}
		}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutDue(b.ctx, rows)) })
		require.EqualValues(t, store.GaugesMost, b.gauges(t, now).Overdue)
	}},

	{"count calls that have not ended, by account", func(t *testing.T, b *bundle) {
		ended, merged := call(acme, 3), call(acme, 4)
		ended.Index.State = "ended"
		merged.MergedInto, merged.Record = uuid(1), nil
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1), call(acme, 2), call(other, 1), ended, merged}))
		})
		require.Equal(t, map[string]int64{acme: 2, other: 1}, b.gauges(t, now).Open)
	}},

	{"count bodies in quarantine, each once", func(t *testing.T, b *bundle) {
		for _, n := range []int{1, 2, 2} {
			body := fmt.Appendf(nil, "{%d", n)
			require.NoError(t, b.Quarantine(b.ctx, store.Refused{
				Account: acme, ReceivedAt: now, LastAt: now, Count: 1, Code: "malformed_json", SHA256: sha256.Sum256(body), Body: body,
			}))
		}
		require.EqualValues(t, 2, b.gauges(t, now).Quarantined)
	}},
}
