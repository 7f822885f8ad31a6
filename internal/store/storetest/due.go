package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var dueTests = []test{
	{"gives rows whose time has come, the oldest first", func(t *testing.T, b *bundle) {
		row := func(account string, n int, kind store.DueKind, at time.Time) store.Due {
			return store.Due{Account: account, CallUUID: uuid(n), Kind: kind, At: at}
		}
		settle := row(acme, 1, store.DueSettle, now)
		reap := row(acme, 1, store.DueReap, now.Add(-time.Hour))
		foreign := row(other, 1, store.DueReap, now.Add(-time.Minute))
		later := row(acme, 2, store.DueReap, now.Add(time.Microsecond))
		due := func(tx store.Tx, at time.Time, limit int) []store.Due {
			rows, err := tx.Due(b.ctx, at, limit)
			require.NoError(t, err)
			return rows
		}
		next := func() (time.Time, bool) {
			at, ok, err := b.NextDue(b.ctx)
			require.NoError(t, err)
			return at, ok
		}
		_, ok := next()
		require.False(t, ok)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutDue(b.ctx, []store.Due{later, settle, reap, foreign}))
			require.Equal(t, []store.Due{reap, foreign, settle}, due(tx, now, 10))
			require.Equal(t, []store.Due{reap, foreign}, due(tx, now, 2))
			require.Empty(t, due(tx, now.Add(-2*time.Hour), 10))
		})
		at, ok := next()
		require.True(t, ok)
		require.Equal(t, reap.At, at)

		moved := row(acme, 1, store.DueReap, now.Add(-time.Second))
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutDue(b.ctx, []store.Due{row(acme, 1, store.DueReap, now.AddDate(1, 0, 0)), moved}))
			require.Equal(t, []store.Due{foreign, moved, settle}, due(tx, now, 10))
			require.NoError(t, tx.DropDue(b.ctx, []store.Due{
				{Account: other, CallUUID: uuid(1), Kind: store.DueReap}, settle, row(acme, 9, store.DueReap, now), settle,
			}))
			require.Equal(t, []store.Due{moved, later}, due(tx, now.AddDate(1, 0, 0), 10))
		})
		at, ok = next()
		require.True(t, ok)
		require.Equal(t, moved.At, at)

		b.write(t, func(tx store.Tx) { require.NoError(t, tx.DropDue(b.ctx, []store.Due{moved, later})) })
		_, ok = next()
		require.False(t, ok)
	}},
}
