package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// Backlog checks a store whose calls with these keys, and no others, ended before there were facts, one page after the
// other.
func Backlog(t *testing.T, s store.Store, want []store.Key) {
	t.Helper()
	b := &bundle{Store: s, ctx: t.Context()}
	complete := func() bool {
		complete, err := b.FactsComplete(b.ctx)
		require.NoError(t, err)
		return complete
	}
	for _, key := range want {
		require.False(t, complete())
		b.write(t, func(tx store.Tx) {
			calls, more, err := tx.FactBacklog(b.ctx, 1)
			require.NoError(t, err)
			require.True(t, more)
			require.Len(t, calls, 1)
			require.Equal(t, store.Key{Account: calls[0].Account, UUID: calls[0].CallUUID}, key)
			require.JSONEq(t, `{}`, string(calls[0].Record))
			calls[0].Index.Facts = []stats.Fact{{Class: answeredClass, Wait: 1, Talk: 1}}
			require.NoError(t, tx.PutFacts(b.ctx, calls))
			require.NoError(t, tx.MoveFactBacklog(b.ctx, key))
		})
	}
	b.write(t, func(tx store.Tx) {
		calls, more, err := tx.FactBacklog(b.ctx, 1)
		require.NoError(t, err)
		require.True(t, more)
		require.Empty(t, calls)
		require.NoError(t, tx.MoveFactBacklog(b.ctx, store.Key{}))
	})
	require.True(t, complete())
	facts := b.factsOf(t, want...)
	require.Len(t, facts, len(want))
	b.write(t, func(tx store.Tx) {
		_, more, err := tx.FactBacklog(b.ctx, 1)
		require.NoError(t, err)
		require.False(t, more)
	})
}
