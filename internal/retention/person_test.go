package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/retention"
	"webhookd/internal/store"
)

// By what a person who was erased is recognised goes when it is to go, whatever the policy and whether or not there is
// another erasure.
func TestMarksOfErasuresGoWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		until := noon.Add(30 * day)
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			for id, at := range map[string]time.Time{"1": until, "2": until.Add(time.Second)} {
				if err := tx.PutErasure(t.Context(), store.Erasure{
					ID: id, Account: acme, At: noon, Pseudonym: "erased-" + id, Marks: []string{"mark"}, GuardUntil: at,
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		require.Zero(t, b.purge(t, retention.Policy{}, until.Add(-time.Second)))
		require.Equal(t, store.Removed{Erasures: 1}, b.purge(t, retention.Policy{}, until))
		erasures, err := b.Erasures(t.Context(), acme)
		require.NoError(t, err)
		require.Len(t, erasures, 2, "that there was an erasure is kept")
		for _, erasure := range erasures {
			require.Equal(t, erasure.ID == "2", len(erasure.Marks) > 0)
		}
		require.Zero(t, b.purge(t, retention.Policy{}, until))
	})
}

// Whoever became a subscriber by a call goes with the last call, and a broadcast with the history; for ever stays for ever.
func TestPartiesGoWithTheirCallsAndBroadcastsWithTheHistory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			var parties []store.Subscriber
			for _, id := range []string{"+48501502503", "+48501502504", "given"} {
				parties = append(parties, store.Subscriber{Account: acme, ID: id, Phone: id, FirstName: "Jan", CreatedAt: noon, UpdatedAt: noon})
			}
			if err := tx.PutSubscribers(t.Context(), parties, true); err != nil {
				return err
			}
			if err := tx.PutCalls(t.Context(), []store.Call{{
				Account: acme, CallUUID: leg(1), Record: []byte("{}"),
				Index: store.Index{State: "ended", StartedAt: dialog.TimeOf(noon.Add(20 * day)), Keys: []string{store.NumberKey("+48501502504")}},
			}}); err != nil {
				return err
			}
			return tx.PutBroadcast(t.Context(), store.Broadcast{
				ID: "b", Account: acme, Name: "n", Spec: []byte("{}"), State: store.BroadcastDone, CreatedAt: noon, UpdatedAt: noon,
			})
		}))
		now := noon.Add(31 * day)
		require.Zero(t, b.purge(t, retention.Policy{}, now))
		require.Zero(t, b.purge(t, retention.Policy{Default: retention.Limits{Calls: 32 * day, Outbox: 32 * day}}, now))
		require.Equal(t, store.Removed{Subscribers: 1}, b.purge(t, calls30, now))
		require.Zero(t, b.purge(t, calls30, now))
		require.Equal(t, store.Removed{Broadcasts: 1}, b.purge(t, retention.Policy{Default: retention.Limits{Outbox: 30 * day}}, now))
		left, err := b.Subscribers(t.Context(), acme, "", 10)
		require.NoError(t, err)
		require.Len(t, left, 2)
	})
}
