package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var wakeTests = []test{
	{"wakes every listener after each commit", func(t *testing.T, b *bundle) {
		one, err := b.Wake(b.ctx)
		require.NoError(t, err)
		two, err := b.Wake(b.ctx)
		require.NoError(t, err)
		for i := range 5 {
			ids := b.publish(t, change(acme, 1, int64(i)))
			for _, rung := range []<-chan struct{}{one, two} {
				awaitWake(t, rung)
				rows, err := b.Unsent(b.ctx, ids[0]-1, 1)
				require.NoError(t, err)
				require.Equal(t, ids, idsOf(rows), "what it is woken for can be read")
			}
		}
	}},

	{"merges wakes that nobody has heard", func(t *testing.T, b *bundle) {
		rung, err := b.Wake(b.ctx)
		require.NoError(t, err)
		for i := range 10 {
			b.publish(t, change(acme, 1, int64(i)))
		}
		awaitWake(t, rung)
	}},

	{"ends with the context", func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(b.ctx)
		rung, err := b.Wake(ctx)
		require.NoError(t, err)
		stays, err := b.Wake(b.ctx)
		require.NoError(t, err)
		cancel()
		awaitEnd(t, rung)
		b.publish(t, change(acme, 1, 1))
		awaitWake(t, stays)
	}},

	{"ends at once when the context is over already", func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		rung, err := b.Wake(ctx)
		if err != nil {
			require.ErrorIs(t, err, store.ErrUnavailable)
			return
		}
		awaitEnd(t, rung)
	}},
}
