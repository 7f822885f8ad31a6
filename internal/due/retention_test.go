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

// oldCall gives the webhooks of a call of a campaign's case, long ago: create, and close.
func oldCall(n int, at, end string) [][]byte {
	const info = `,"initial_application_info":{"type":"VOICE_CAMPAIGN","side":"CONTACT","data":{"id":77}}`
	return [][]byte{
		body("dialog_create", leg(n), at, `,"dialog_type":"EXTERNAL","direction":"INBOUND","state":"ringing"`+info),
		body("dialog_close", leg(n), end, `,"close_cause":"HANGUP"`+info),
	}
}

// publishAll lets the relay be through with everything.
func (b *bundle) publishAll(t *testing.T) {
	t.Helper()
	rows, err := b.st.Unsent(t.Context(), 0, 1000)
	require.NoError(t, err)
	require.NoError(t, b.st.Advance(t.Context(), rows[len(rows)-1].ID, nil, nil))
}

// A call that is old when its settling is due is settled first, also in one transaction with retention, and stays until that is
// published. Then it is gone, from what the engine remembers, too.
func TestWhatIsOldIsSettledBeforeItIsRemoved(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{clock: newClock(), st: database.Open(t), engine: newEngine()}
		// What it wakes is not there yet.
		b.runner = due.New(due.Config{})
		b.take(t, oldCall(1, "09:00:00", "09:01:00")...)
		b.publishAll(t)
		calls, err := b.st.Calls(t.Context(), store.CallFilter{Account: account})
		require.NoError(t, err)
		require.Len(t, calls, 1)
		key := store.Key{Account: account, UUID: calls[0].CallUUID}
		b.move(30 * 24 * time.Hour)
		b.runner = b.startRemoving(t, retention.Policy{Default: retention.Limits{Calls: 24 * time.Hour}})
		await(t, func() bool {
			at, ok, err := b.st.NextDue(t.Context())
			return err == nil && ok && at.Equal(b.Now().Add(time.Hour))
		})
		require.Equal(t, 1, b.count(t, "call_settled"))
		require.Equal(t, 1, b.call(t, key.UUID).Revision)
		require.Zero(t, b.runner.Stats().Removed)

		// Another call is settled in the transaction that takes it out.
		b.publishAll(t)
		b.take(t, body("dialog_create", leg(2), "09:00:00", `,"dialog_type":"EXTERNAL"`),
			body("dialog_close", leg(2), "09:01:00", `,"close_cause":"HANGUP"`))
		at := b.Now().Add(10 * time.Second)
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return tx.PutDue(t.Context(), []store.Due{{Kind: store.DueRetention, At: at}})
		}))
		b.move(10 * time.Second)
		b.runner.Wake()
		await(t, func() bool { return b.runner.Stats().Removed.Calls == 1 })
		_, err = b.st.Call(t.Context(), key)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Equal(t, 1, b.call(t, leg(2)).Revision)

		b.take(t, oldCall(3, "10:00:00", "10:01:00")...)
		next := b.call(t, key.UUID)
		require.Len(t, next.Legs, 1, "it is another call of the same case")
		require.Zero(t, next.Revision)
	})
}
