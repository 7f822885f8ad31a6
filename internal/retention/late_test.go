package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// The next call of a case of a campaign has the same id as the one that was removed, and is a call like any other.
func TestTheNextCallOfACampaignCaseBeginsAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		const info = `,"initial_application_info":{"type":"VOICE_CAMPAIGN","side":"CONTACT","data":{"id":77}}`
		call := func(n int, at time.Time) {
			for _, body := range []string{
				webhook("dialog_create", n, at, `,"direction":"INBOUND","state":"ringing"`+info),
				webhook("dialog_state_update", n, at.Add(5*time.Second), `,"state":"answered"`),
				webhook("dialog_close", n, at.Add(time.Minute), `,"close_cause":"HANGUP"`+info),
			} {
				require.Equal(t, ingest.Accepted, b.submit(t, acme, body).Result)
			}
		}
		call(1, noon)
		first := b.calls(t, acme)
		require.Len(t, first, 1)
		b.settle(t, acme)
		b.publish(t)
		figures := b.figures(t, acme)
		require.EqualValues(t, 1, b.purge(t, calls30, noon.Add(31*day)).Calls)
		require.Equal(t, ingest.Ignored, b.submit(t, acme, webhook("dialog_close", 1, noon.Add(2*time.Minute), info)).Result)

		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			stones, err := tx.Tombstones(t.Context(), []store.Key{
				{Account: acme, UUID: leg(1)}, {Account: acme, UUID: first[0].CallUUID},
			})
			require.Equal(t, []store.Key{{Account: acme, UUID: leg(1)}}, stones)
			return err
		}))

		call(2, noon.Add(40*day))
		next := b.calls(t, acme)
		require.Len(t, next, 1)
		require.Equal(t, first[0].CallUUID, next[0].CallUUID)
		require.Equal(t, correlate.StateEnded, next[0].Index.State)
		b.settle(t, acme)
		require.NotEqual(t, figures, b.figures(t, acme), "both count")
		require.Empty(t, b.rebuilt(t))
		b.publish(t)
		require.EqualValues(t, 1, b.purge(t, calls30, noon.Add(71*day)).Calls)
	})
}

// piece makes a piece of a webhook of acme.
func piece(t *testing.T, body string) *ingest.Piece {
	t.Helper()
	decoded, err := dialog.Decode([]byte(body))
	require.NoError(t, err)
	return ingest.NewPiece(acme, time.Now().UTC().Truncate(time.Microsecond), &decoded, []byte(body))
}

// A dialog that is ignored because its parent was removed is ignored as a whole: what comes later and names no parent makes
// no call, nor does what comes together with it, nor a dialog that names it.
func TestADialogOfARemovedParentIsIgnoredAsAWhole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.call(t, 1, noon)
		b.settle(t, acme)
		b.publish(t)
		b.purge(t, calls30, noon.Add(31*day))
		late := noon.Add(2 * time.Minute)
		for _, body := range []string{
			webhook("dialog_create", 2, late, parent(1)),
			webhook("dialog_state_update", 2, late, `,"state":"talking"`),
			webhook("dialog_create", 3, late, parent(2)),
			webhook("dialog_close", 3, late, ""),
		} {
			require.Equal(t, ingest.Ignored, b.submit(t, acme, body).Result, body)
		}
		b.requireLeft(t)

		apply := func(bodies ...string) (ignored []bool) {
			var pieces []*ingest.Piece
			for _, body := range bodies {
				pieces = append(pieces, piece(t, body))
			}
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				return b.engine.Apply(t.Context(), tx, time.Now(), pieces)
			}))
			for _, p := range pieces {
				ignored = append(ignored, p.Entry.Ignored)
			}
			return ignored
		}
		require.Equal(t, []bool{true, true, true, false}, apply(
			webhook("dialog_create", 4, late, parent(1)),
			webhook("dialog_state_update", 4, late, `,"state":"talking"`),
			webhook("dialog_create", 5, late, parent(4)),
			webhook("dialog_create", 6, late, ""),
		))
		b.requireLeft(t, 6)

		// A dialog that is in a call goes on in it, whatever one of its webhooks names.
		require.Equal(t, []bool{false, true, false, true, false}, apply(
			webhook("dialog_create", 7, late, ""),
			webhook("dialog_state_update", 7, late, parent(1)),
			webhook("dialog_state_update", 7, late, `,"state":"talking"`),
			webhook("dialog_state_update", 6, late, parent(1)),
			webhook("dialog_close", 6, late, ""),
		))
		b.requireLeft(t, 6, 7)
		entries, err := b.Journal(t.Context(), 0, 100)
		require.NoError(t, err)
		ignored := 0
		for _, entry := range entries {
			if entry.Ignored {
				ignored++
			}
		}
		require.Equal(t, 9, ignored)
		require.Empty(t, b.rebuilt(t))
		b.requireLeft(t, 6, 7)
	})
}
