package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var broadcastTests = []test{
	{"keeps how far a broadcast has come", func(t *testing.T, b *bundle) {
		begun := store.Broadcast{
			ID: uuid(1), Account: acme, Name: "missed-call", TransactionID: "tx", Spec: []byte("{\x00\xff"), Total: 1000,
			State: store.BroadcastRunning, CreatedAt: now, UpdatedAt: now,
		}
		bare := store.Broadcast{ID: uuid(1), Account: other, Spec: []byte{}, CreatedAt: now, UpdatedAt: now}
		further := begun
		further.After, further.Sent, further.UpdatedAt = "s199", 200, now.Add(time.Second)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutBroadcast(b.ctx, begun))
			require.NoError(t, tx.PutBroadcast(b.ctx, bare))
			got, err := tx.Broadcast(b.ctx, acme, uuid(1))
			require.NoError(t, err)
			require.Equal(t, begun, got)
			_, err = tx.Broadcast(b.ctx, acme, uuid(2))
			require.ErrorIs(t, err, store.ErrNotFound)
			require.NotErrorIs(t, err, store.ErrUnavailable)
			require.NoError(t, tx.PutBroadcast(b.ctx, further), "the transaction goes on")
		})
		for account, want := range map[string]store.Broadcast{acme: further, other: bare} {
			got, err := b.ReadBroadcast(b.ctx, account, uuid(1))
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err := b.ReadBroadcast(b.ctx, acme, uuid(2))
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
