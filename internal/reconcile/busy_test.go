package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/reconcile"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// ask puts down that calls are to be asked about now.
func (b *bundle) ask(t *testing.T, legs ...int) []store.Due {
	t.Helper()
	var rows []store.Due
	for _, n := range legs {
		rows = append(rows, store.Due{Account: account, CallUUID: leg(n), Kind: store.DueReconcile, At: b.Now()})
	}
	require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error { return tx.PutDue(t.Context(), rows) }))
	return rows
}

// Calls that are due while the PBX is asked about others wait a minute, and no writer is kept busy with them meanwhile.
func TestCallsWaitWhileThePBXIsAskedAboutOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		asked, answer := make(chan struct{}), make(chan struct{})
		b.pbx.Next(func(w http.ResponseWriter, _ *http.Request) {
			close(asked)
			<-answer
			_, _ = w.Write([]byte("[]"))
		})
		b.take(t, webhooks(t)[:6]...)
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.pass(t, time.Second)
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return tx.PutDue(t.Context(), []store.Due{
				{Account: account, CallUUID: callUUID, Kind: store.DueReconcile, At: b.Now()},
			})
		}))
		b.runner.Wake()
		<-asked
		b.ask(t, 1, 2, 3)
		b.pass(t, 0)
		at, ok, err := b.st.NextDue(t.Context())
		close(answer)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, b.Now().Add(reconcile.Later), at.UTC())
	})
}

// No more calls are taken at once than can be asked about before others may take them.
func TestNoMoreIsTakenThanCanBeAsked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		slow := b.newReconcilerAt(t, 1, b.st, b.engine)
		legs := make([]int, 256)
		for n := range legs {
			legs[n] = n
		}
		rows := b.ask(t, legs...)
		var calls []store.Key
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) (err error) {
			calls, err = slow.Claim(t.Context(), tx, b.Now(), rows)
			return err
		}))
		require.Len(t, calls, 90, "three minutes, at one request a second")
		due := func(after time.Duration) (n int) {
			require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
				rows, err := tx.Due(t.Context(), b.Now().Add(after), 1000)
				n = len(rows)
				return err
			}))
			return n
		}
		require.Zero(t, due(reconcile.Later-time.Second))
		require.Equal(t, 166, due(reconcile.Later))
		require.Equal(t, 256, due(reconcile.Lease))
	})
}

// An instance of a version that does not know the sweep drops its row; it is put down again.
func TestTheSweepComesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		require.Eventually(t, func() bool {
			at, ok, err := b.st.NextDue(t.Context())
			return err == nil && ok && at.After(b.Now())
		}, patience, time.Millisecond)
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return tx.DropDue(t.Context(), []store.Due{{Kind: store.DueSweep}})
		}))
		b.take(t, webhooks(t)[:6]...)
		b.move(3 * time.Hour)
		b.runner.Wake()
		require.Eventually(t, func() bool { return len(b.questions(t)) == 1 }, patience, 5*time.Millisecond)
	})
}
