package retention_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/ingest"
	"webhookd/internal/retention"
	"webhookd/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// calls30 keeps calls for thirty days.
var calls30 = retention.Policy{Default: retention.Limits{Calls: 30 * day}}

// call makes a call of one dialog that lasts a minute; its uuid is the dialog's.
func (b *bundle) call(t *testing.T, n int, at time.Time) store.Key {
	t.Helper()
	b.submit(t, acme, webhook("dialog_create", n, at, `,"direction":"INBOUND","state":"ringing"`))
	b.submit(t, acme, webhook("dialog_close", n, at.Add(time.Minute), `,"close_cause":"HANGUP"`))
	return store.Key{Account: acme, UUID: leg(n)}
}

func (b *bundle) requireLeft(t *testing.T, numbers ...int) {
	t.Helper()
	want, got := []string{}, []string{}
	for _, n := range numbers {
		want = append(want, leg(n))
	}
	for _, call := range b.calls(t, acme) {
		got = append(got, call.CallUUID)
	}
	require.ElementsMatch(t, want, got)
}

// A call stays as long as something of it is open, waits, is young, or belongs to a call of which that is true.
func TestWhatHasToStayStays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.call(t, 1, noon)
		b.call(t, 2, noon.Add(time.Hour))                                                          // too young
		b.submit(t, acme, webhook("dialog_create", 3, noon.Add(-time.Hour), `,"state":"talking"`)) // open
		waits := b.call(t, 4, noon)
		// 6 was a call of its own until it turned out to belong to 5, which ended later.
		b.call(t, 6, noon.Add(-day))
		b.call(t, 5, noon.Add(time.Hour))
		b.submit(t, acme, webhook("dialog_state_update", 6, noon.Add(-day), `,"state":"talking"`+parent(5)))
		// A leg that named 7 at first is in 8 now, which ended later.
		b.call(t, 7, noon)
		b.submit(t, acme, webhook("dialog_create", 71, noon, parent(7)))
		b.submit(t, acme, webhook("dialog_close", 71, noon.Add(2*time.Second), parent(8)))
		b.call(t, 8, noon.Add(time.Hour))
		b.settle(t, acme)
		b.publish(t)
		b.call(t, 9, noon) // its settling is due
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			return tx.AddTriggers(t.Context(), []*store.Trigger{{
				ID: "waits", Account: acme, Handler: "h", CallUUID: waits.UUID, State: store.TriggerPending, CreatedAt: noon,
				FireAt: noon.Add(100 * day), CancelScope: store.CancelScopeCall,
			}})
		}))
		now := noon.Add(30*day + 30*time.Minute)
		b.publish(t)

		b.purge(t, calls30, now)
		b.requireLeft(t, 2, 3, 4, 5, 8, 9)
		require.Empty(t, b.rebuilt(t))
		_, err := b.Call(t.Context(), store.Key{Account: acme, UUID: leg(6)})
		require.NoError(t, err, "its redirection is kept as long as the call that it went into")

		b.settle(t, acme)
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.EndTriggers(t.Context(), []store.Trigger{{ID: "waits", State: store.TriggerDone, EndedAt: noon}})
			return err
		}))
		b.purge(t, calls30, now)
		b.requireLeft(t, 2, 3, 4, 5, 8, 9) // what was published of them since is not sent yet
		b.publish(t)
		b.purge(t, calls30, now)
		b.requireLeft(t, 2, 3, 5, 8)

		b.purge(t, calls30, now.Add(2*time.Hour))
		b.requireLeft(t, 3)
		require.Empty(t, b.rebuilt(t))
		_, err = b.Call(t.Context(), store.Key{Account: acme, UUID: leg(6)})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A webhook about a dialog that is gone, or one that names it, is kept as ignored: no call begins again.
func TestLateWebhooksMakeNoGhost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.call(t, 1, noon)
		b.settle(t, acme)
		b.publish(t)
		removed := b.purge(t, calls30, noon.Add(31*day))
		require.Equal(t, store.Removed{Calls: 1, Legs: 1, Journal: 3, Outbox: 3}, removed)

		late := noon.Add(2 * time.Minute)
		for _, body := range []string{
			webhook("dialog_close", 1, late, `,"close_cause":"DIALOG_LEFT"`),
			webhook("dialog_create", 2, late, parent(1)),
		} {
			require.Equal(t, ingest.Ignored, b.submit(t, acme, body).Result)
			require.Equal(t, ingest.Duplicate, b.submit(t, acme, body).Result)
		}
		b.requireLeft(t)
		require.Equal(t, ingest.Accepted, b.submit(t, "other", webhook("dialog_create", 1, late, "")).Result)
		require.Equal(t, ingest.Accepted, b.submit(t, acme, webhook("dialog_create", 3, late, "")).Result)
		require.Empty(t, b.rebuilt(t))
		b.requireLeft(t, 3)

		// They are gone with the webhooks of other families, and the tombstones a year later.
		policy := retention.Policy{Default: retention.Limits{Journal: day}}
		require.EqualValues(t, 2, b.purge(t, policy, time.Now().Add(2*day)).Journal)
		require.Zero(t, b.purge(t, policy, noon.Add(31*day).Add(365*day)).Tombstones)
		require.EqualValues(t, 1, b.purge(t, policy, noon.Add(31*day).Add(365*day+time.Second)).Tombstones)
		require.Equal(t, ingest.Accepted, b.submit(t, acme, webhook("dialog_create", 4, late, parent(1))).Result)
	})
}

// History that is kept for less long than calls leaves calls alone, and is not missed by a rebuild: nothing is published
// again.
func TestHistoryMayBeKeptForLessLongThanCalls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for n := range 5 {
			b.call(t, n, noon)
			b.submit(t, acme, fmt.Sprintf(`{"event_name":"contact_updated","n":%d}`, n))
		}
		b.settle(t, acme)
		b.publish(t)
		key := store.Key{Account: acme, UUID: leg(1)}
		before, err := b.Call(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, b.Quarantine(t.Context(), store.Refused{Account: acme, ReceivedAt: time.Now(), Body: []byte("x")}))
		policy := retention.Policy{
			Default:  retention.Limits{Outbox: day, Journal: day, Quarantine: day},
			Accounts: map[string]retention.Limits{"other": {}},
		}
		b.submit(t, "other", `{"event_name":"contact_updated"}`)
		require.Zero(t, b.purge(t, policy, time.Now().Add(day/2)))
		later := time.Now().Add(day + time.Minute)
		require.Equal(t, store.Removed{Journal: 5, Outbox: 15, Quarantine: 1}, b.purge(t, policy, later))
		changes, err := b.Changes(t.Context(), key)
		require.NoError(t, err)
		require.Empty(t, changes)
		after, err := b.Call(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.Empty(t, b.rebuilt(t))
		require.Zero(t, b.purge(t, policy, later))

		// What comes now is missed.
		b.submit(t, acme, webhook("dialog_close", 1, noon.Add(3*time.Minute), `,"business_direction":"OUTBOUND"`))
		changes, err = b.Changes(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, changes, 1)
		require.Empty(t, b.rebuilt(t))
		b.publish(t)
		b.purge(t, retention.Policy{Default: retention.Limits{Calls: day}}, later)
		b.requireLeft(t)
	})
}

// What is only counted is what is removed, and counting changes nothing.
func TestADryPassCountsWhatWouldGo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for n := range 70 {
			b.call(t, n, noon)
			b.submit(t, acme, fmt.Sprintf(`{"event_name":"contact_updated","n":%d}`, n))
		}
		// Two calls that can only go together, far apart in the order of calls.
		b.call(t, 100, noon.Add(-time.Hour))
		b.submit(t, acme, webhook("dialog_create", 101, noon.Add(-time.Hour), parent(100)))
		b.submit(t, acme, webhook("dialog_close", 101, noon.Add(-time.Hour+time.Second), parent(102)))
		b.call(t, 102, noon.Add(time.Hour))
		b.settle(t, acme)
		b.publish(t)
		policy := retention.Policy{Default: retention.Limits{Calls: day, Journal: day, Outbox: 2 * day, Quarantine: day}}
		for n := range 3 {
			require.NoError(t, b.Quarantine(t.Context(), store.Refused{
				Account: acme, ReceivedAt: noon, SHA256: [32]byte{byte(n)}, Body: []byte("x"),
			}))
		}
		before := b.contents(t, acme)
		now := time.Now().Add(36 * time.Hour)
		var counted store.Removed
		pass := retention.NewPass(policy, "", true)
		dry := errors.New("dry")
		for more := true; more; {
			err := b.Write(t.Context(), func(tx store.Tx) (err error) {
				var bit store.Removed
				if bit, more, err = pass.Batch(t.Context(), tx, now); err != nil {
					return err
				}
				require.LessOrEqual(t, bit.Calls, int64(64))
				counted.Add(bit)
				return dry
			})
			require.ErrorIs(t, err, dry)
		}
		require.EqualValues(t, 72, counted.Calls)
		require.EqualValues(t, 3, counted.Quarantine)
		require.Equal(t, before, b.contents(t, acme))
		require.Equal(t, counted, b.purge(t, policy, now))
		b.requireLeft(t)
	})
}

// Two instances that share the work leave nothing behind, and remove nothing twice.
func TestInstancesShareTheWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		const calls = 150
		for n := range calls {
			b.call(t, n, noon)
		}
		b.settle(t, acme)
		b.publish(t)
		purgers := []*retention.Purger{
			retention.New(calls30, slog.New(slog.DiscardHandler)), retention.New(calls30, slog.New(slog.DiscardHandler)),
		}
		now, turn := noon.Add(31*day), 0
		var removed store.Removed
		for again := now; again.Sub(now) < time.Hour; turn++ {
			now = again
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				bit, at, err := purgers[turn%2].Batch(t.Context(), tx, now)
				removed.Add(bit)
				again = at
				return err
			}))
			purgers[turn%2].Committed()
		}
		require.EqualValues(t, calls, removed.Calls)
		b.requireLeft(t)
		require.GreaterOrEqual(t, turn, calls/32)
	})
}

// What a transaction did that was rolled back is done again at once, not with the next pass.
func TestATransactionThatIsRolledBackIsDoneAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.call(t, 1, noon)
		b.settle(t, acme)
		b.publish(t)
		purger := retention.New(calls30, slog.New(slog.DiscardHandler))
		now, lost := noon.Add(31*day), errors.New("lost")
		batch := func(fails error) (removed store.Removed, again time.Time) {
			err := b.Write(t.Context(), func(tx store.Tx) (err error) {
				if removed, again, err = purger.Batch(t.Context(), tx, now); err != nil {
					return err
				}
				return fails
			})
			require.ErrorIs(t, err, fails)
			return removed, again
		}
		removed, _ := batch(lost)
		require.EqualValues(t, 1, removed.Calls)
		b.requireLeft(t, 1)
		removed, again := batch(nil)
		require.EqualValues(t, 1, removed.Calls)
		require.Equal(t, now.Add(retention.Between), again)
		purger.Committed()
		removed, again = batch(nil)
		require.Zero(t, removed)
		require.Equal(t, now.Add(time.Hour), again)
		purger.Committed()
		b.requireLeft(t)
	})
}

// Webhooks that come while much is removed are answered as ever, and their calls are whole.
func TestTrafficGoesOnBesideRetention(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		const old, fresh = 400, 150
		var group sync.WaitGroup
		for part := range 8 {
			group.Go(func() {
				for n := part; n < old; n += 8 {
					b.call(t, n, noon)
				}
			})
		}
		group.Wait()
		require.False(t, t.Failed())
		b.settle(t, acme)
		b.publish(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var removed store.Removed
		var longest time.Duration
		group.Go(func() {
			purger := retention.New(calls30, slog.New(slog.DiscardHandler))
			for again := noon.Add(31 * day); again.Before(noon.Add(31*day+30*time.Minute)) && ctx.Err() == nil; {
				now := again
				var began time.Time
				err := b.Write(ctx, func(tx store.Tx) error {
					began = time.Now()
					bit, at, err := purger.Batch(ctx, tx, now)
					removed.Add(bit)
					again = at
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				purger.Committed()
				longest = max(longest, time.Since(began))
			}
		})
		var slowest time.Duration
		for n := 1000; n < 1000+fresh; n++ {
			began := time.Now()
			b.call(t, n, noon.Add(30*day))
			slowest = max(slowest, time.Since(began)/2)
		}
		group.Wait()
		require.EqualValues(t, old, removed.Calls)
		t.Logf("longest transaction %s, slowest answer %s", longest, slowest)
		require.Less(t, slowest, ingest.DefaultCommitTimeout)
		require.Len(t, b.calls(t, acme), fresh)
		require.Empty(t, b.rebuilt(t))
	})
}
