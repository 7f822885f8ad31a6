package storetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var turnTests = []test{
	{"says which Write was before", func(t *testing.T, b *bundle) {
		var own, before string
		write := func(tx store.Tx) {
			own, before = tx.Turn()
			require.NotEqual(t, own, before)
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{{Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1)}}))
		}
		b.write(t, write)
		first := own
		b.write(t, write)
		require.Equal(t, first, before)
		second := own

		// One that is rolled back was never there, however far it came.
		failure := errors.New("no")
		require.ErrorIs(t, b.Write(b.ctx, func(tx store.Tx) error { write(tx); return failure }), failure)
		lost := own
		require.Equal(t, second, before)
		b.write(t, write)
		require.Equal(t, second, before)
		require.NotEqual(t, lost, own)
		last := own

		// Who reads, or writes anything else, leaves what is known of calls as it is.
		b.write(t, func(tx store.Tx) {
			_, before = tx.Turn()
			require.Equal(t, last, before)
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "x")}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{change(acme, 1, 1)}))
		})
		b.write(t, func(tx store.Tx) { _, before = tx.Turn() })
		require.Equal(t, last, before)
	}},

	{"keeps changes in one go as one by one", func(t *testing.T, b *bundle) {
		whole := call(acme, 1)
		whole.Index.Keys = []string{"number:1", "project:p"}
		keep := store.Due{Account: acme, CallUUID: uuid(1), Kind: store.DueReap, At: now}
		drop := store.Due{Account: acme, CallUUID: uuid(1), Kind: store.DueSettle, At: now}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutDue(b.ctx, []store.Due{drop})) })
		rows := []*store.OutboxRow{change(acme, 1, 1), change(acme, 1, 2)}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Keep(b.ctx, store.Changes{}))
			require.NoError(t, tx.Keep(b.ctx, store.Changes{
				Legs:   []store.Leg{{Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1), Evidence: []byte("e")}},
				Calls:  []store.Call{whole},
				Outbox: rows, PutDue: []store.Due{keep}, DropDue: []store.Due{drop},
			}))
		})
		leg, err := b.Dialog(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, "e", string(leg.Evidence))
		found, err := b.Calls(b.ctx, store.CallFilter{Account: acme, Keys: []string{"project:p", "number:1"}})
		require.NoError(t, err)
		require.Equal(t, normal(whole), normal(found...))
		unsent, err := b.Unsent(b.ctx, 0, 10)
		require.NoError(t, err)
		require.Len(t, unsent, 2)
		require.Equal(t, []int64{rows[0].ID, rows[1].ID}, []int64{unsent[0].ID, unsent[1].ID})
		require.Equal(t, rows[0].Events, unsent[0].Events)
		at, ok, err := b.NextDue(b.ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, now, at)

		// What was read says which search keys are there; they follow when they change.
		b.write(t, func(tx store.Tx) {
			calls, err := tx.Calls(b.ctx, []store.Key{key(acme, 1)})
			require.NoError(t, err)
			calls[0].Record = whole.Record
			calls[0].Index.Keys = []string{"project:q"}
			require.NoError(t, tx.Keep(b.ctx, store.Changes{Calls: calls}))
		})
		found, err = b.Calls(b.ctx, store.CallFilter{Account: acme, Keys: []string{"project:p"}})
		require.NoError(t, err)
		require.Empty(t, found)
		found, err = b.Calls(b.ctx, store.CallFilter{Account: acme, Keys: []string{"project:q"}})
		require.NoError(t, err)
		require.Len(t, found, 1)
	}},

	{"gives a leader every outbox row, those that it need not read and those of a rolled back Write", func(t *testing.T, b *bundle) {
		lease, err := b.Lead(b.ctx)
		require.NoError(t, err)
		defer func() { require.NoError(t, lease.Release()) }()
		var want, got []int64
		through := int64(0)
		for n := 1; n <= 6; n++ {
			row := change(acme, 1, int64(n))
			if n == 3 {
				failure := errors.New("no")
				require.ErrorIs(t, b.Write(b.ctx, func(tx store.Tx) error {
					require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{row}))
					return failure
				}), failure)
				continue
			}
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{row})) })
			want = append(want, row.ID)
			if n%2 == 0 {
				rows, err := b.Unsent(b.ctx, through, 10)
				require.NoError(t, err)
				for _, row := range rows {
					got = append(got, row.ID)
					through = row.ID
				}
			}
		}
		require.Equal(t, want, got)
		rows, err := b.Unsent(b.ctx, through, 10)
		require.NoError(t, err)
		require.Empty(t, rows)
		rows, err = b.Unsent(b.ctx, 0, 10)
		require.NoError(t, err)
		require.Len(t, rows, 5)
	}},
}
