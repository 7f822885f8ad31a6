package due_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/due"
	"webhookd/internal/retention"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// startRemoving lets a Runner with retention work until the test ends.
func (b *bundle) startRemoving(t *testing.T, policy retention.Policy) *due.Runner {
	t.Helper()
	runner := due.New(due.Config{
		Store: b.st, Engine: b.engine, CatchingUp: b.behind.Load, Logger: slog.New(slog.DiscardHandler), Now: b.Now,
		Retention: retention.New(policy, slog.New(slog.DiscardHandler)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return runner
}

// await waits until something is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	require.Eventually(t, so, patience, time.Millisecond)
}

// Once an hour what has become old is taken out and counted, also after somebody has dropped the row; not while webhooks
// are on their way.
func TestWhatIsOldIsRemovedOnceAnHour(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{clock: newClock(), st: database.Open(t), engine: newEngine()}
		refuse := func(body string) {
			require.NoError(t, b.st.Quarantine(t.Context(), store.Refused{
				Account: account, ReceivedAt: b.Now(), SHA256: [32]byte([]byte(body + "12345678901234567890123456789012")[:32]), Body: []byte(body),
			}))
		}
		refuse("one")
		b.runner = b.startRemoving(t, retention.Policy{Default: retention.Limits{Quarantine: 30 * time.Minute}})
		next := func() (at time.Time) {
			at, ok, err := b.st.NextDue(t.Context())
			require.NoError(t, err)
			if !ok {
				return time.Time{}
			}
			return at
		}
		await(t, func() bool { return next().Equal(b.Now().Add(time.Hour)) })
		require.Zero(t, b.runner.Stats().Removed, "it is young")

		b.behind.Store(true)
		b.move(time.Hour)
		b.runner.Wake()
		await(t, func() bool { return next().Equal(b.Now().Add(5 * time.Second)) })
		require.Zero(t, b.runner.Stats().Removed, "webhooks are on their way")
		b.behind.Store(false)
		b.move(5 * time.Second)
		b.runner.Wake()
		await(t, func() bool { return b.runner.Stats().Removed == store.Removed{Quarantine: 1} })
		await(t, func() bool { return next().Equal(b.Now().Add(retention.Between)) })
		b.move(retention.Between)
		b.runner.Wake()
		await(t, func() bool { return next().Equal(b.Now().Add(time.Hour)) })

		// An instance of an older version does not know the row, and drops it.
		refuse("two")
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return tx.DropDue(t.Context(), []store.Due{{Kind: store.DueRetention}})
		}))
		b.move(3 * time.Hour)
		b.runner.Wake()
		await(t, func() bool { return b.runner.Stats().Removed == store.Removed{Quarantine: 2} })
		require.Zero(t, b.runner.Stats().Failed)
	})
}
