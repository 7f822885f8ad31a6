package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var relayTests = []test{
	{"begins at zero and moves", func(t *testing.T, b *bundle) {
		position, err := b.Position(b.ctx)
		require.NoError(t, err)
		require.Equal(t, store.Position{}, position)

		require.NoError(t, b.Advance(b.ctx, 7, nil, nil))
		position, err = b.Position(b.ctx)
		require.NoError(t, err)
		require.Equal(t, store.Position{Through: 7}, position)
	}},

	{"never moves back, but holds and lets go", func(t *testing.T, b *bundle) {
		held := func(id int64, n int, poison bool) store.Held {
			return store.Held{OutboxID: id, Account: acme, CallUUID: uuid(n), Poison: poison, Reason: "too big", At: now}
		}
		require.NoError(t, b.Advance(b.ctx, 10, []store.Held{held(9, 1, false), held(4, 1, true)}, nil))
		require.NoError(t, b.Advance(b.ctx, 5, []store.Held{held(10, 2, true)}, []int64{9, 77}))
		position, err := b.Position(b.ctx)
		require.NoError(t, err)
		require.Equal(t, store.Position{Through: 10, Held: []store.Held{held(4, 1, true), held(10, 2, true)}}, position)

		// Held again: still held since then, for the new reason.
		again := held(4, 1, false)
		again.Reason, again.At = "waits", now.Add(time.Hour)
		require.NoError(t, b.Advance(b.ctx, 10, []store.Held{again}, []int64{4, 10}))
		position, err = b.Position(b.ctx)
		require.NoError(t, err)
		again.At = now
		require.Equal(t, store.Position{Through: 10, Held: []store.Held{again}}, position)

		require.NoError(t, b.Advance(b.ctx, 11, nil, []int64{4}))
		position, err = b.Position(b.ctx)
		require.NoError(t, err)
		require.Equal(t, store.Position{Through: 11}, position)
	}},

	{"holds a row for a reason that is no proper text", func(t *testing.T, b *bundle) {
		require.NoError(t, b.Advance(b.ctx, 1, []store.Held{{OutboxID: 1, Account: acme, CallUUID: uuid(1), Reason: "\xff\x00!"}}, nil))
		position, err := b.Position(b.ctx)
		require.NoError(t, err)
		require.Len(t, position.Held, 1)
		require.Contains(t, position.Held[0].Reason, "!")
		require.False(t, position.Held[0].At.IsZero())
	}},

	{"has one leader at a time", func(t *testing.T, b *bundle) {
		first, err := b.Lead(b.ctx)
		require.NoError(t, err)
		_, err = b.Lead(b.ctx)
		require.ErrorIs(t, err, store.ErrLeaderElsewhere)
		require.NotErrorIs(t, err, store.ErrUnavailable)
		select {
		case <-first.Lost():
			require.Fail(t, "leadership was lost")
		default:
		}

		require.NoError(t, first.Release())
		second, err := b.Lead(b.ctx)
		require.NoError(t, err)
		require.NoError(t, first.Release(), "a second release does nothing")
		_, err = b.Lead(b.ctx)
		require.ErrorIs(t, err, store.ErrLeaderElsewhere)
		select {
		case <-first.Lost():
			require.Fail(t, "a release is no loss")
		default:
		}
		require.NoError(t, second.Release())
	}},

	{"does not stop writing while somebody leads", func(t *testing.T, b *bundle) {
		lease, err := b.Lead(b.ctx)
		require.NoError(t, err)
		b.publish(t, change(acme, 1, 1))
		require.NoError(t, b.Advance(b.ctx, 1, nil, nil))
		require.NoError(t, lease.Release())
	}},
}
