package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func leg(account string, dialog, call int, evidence string) store.Leg {
	return store.Leg{Account: account, DialogUUID: uuid(dialog), CallUUID: uuid(call), Evidence: []byte(evidence)}
}

var legTests = []test{
	{"gives whole calls, by call and by dialog", func(t *testing.T, b *bundle) {
		first := []store.Leg{leg(acme, 1, 1, "a"), leg(acme, 2, 1, "b"), leg(acme, 3, 1, "c")}
		second := []store.Leg{leg(acme, 5, 4, "d"), leg(acme, 6, 4, "e")} // 4 itself is unseen
		third := []store.Leg{leg(acme, 7, 7, "f")}
		foreign := []store.Leg{leg(other, 1, 1, "g"), leg(other, 8, 1, "h")}
		b.write(t, func(tx store.Tx) {
			for _, legs := range [][]store.Leg{first, second, third, foreign} {
				require.NoError(t, tx.PutLegs(b.ctx, legs))
			}
			for _, c := range []struct {
				name string
				keys []store.Key
				want [][]store.Leg
			}{
				{"a call", []store.Key{key(acme, 1)}, [][]store.Leg{first}},
				{"a dialog", []store.Key{key(acme, 3)}, [][]store.Leg{first}},
				{"an unseen root", []store.Key{key(acme, 4)}, [][]store.Leg{second}},
				{"several of one call", []store.Key{key(acme, 2), key(acme, 1), key(acme, 3), key(acme, 2)}, [][]store.Leg{first}},
				{"several accounts", []store.Key{key(acme, 5), key(other, 1), key(acme, 9)}, [][]store.Leg{second, foreign}},
				{"all", []store.Key{key(acme, 1), key(acme, 6), key(acme, 7), key(other, 8)}, [][]store.Leg{first, second, third, foreign}},
				{"another account's", []store.Key{key(other, 7)}, nil},
				{"no UUID", []store.Key{{Account: acme, UUID: "x"}, {}}, nil},
			} {
				legs, err := tx.Legs(b.ctx, c.keys)
				require.NoError(t, err, c.name)
				var want []store.Leg
				for _, legs := range c.want {
					want = append(want, legs...)
				}
				require.ElementsMatch(t, want, legs, c.name)
			}
		})
	}},

	{"sees what the same transaction wrote, and the last of two writes", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{leg(acme, 1, 1, "a"), leg(acme, 2, 2, "b"), leg(acme, 1, 1, "c")}))
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{leg(acme, 2, 1, "d")}))
			legs, err := tx.Legs(b.ctx, []store.Key{key(acme, 2)})
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Leg{leg(acme, 1, 1, "c"), leg(acme, 2, 1, "d")}, legs)
		})
		got, err := b.Dialog(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, leg(acme, 1, 1, "c"), got)
		_, err = b.Dialog(b.ctx, key(other, 1))
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NotErrorIs(t, err, store.ErrUnavailable)
	}},

	{"does not find a leg by the call it left", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{leg(acme, 2, 1, "a")})) })
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{leg(acme, 2, 3, "b")}))
			legs, err := tx.Legs(b.ctx, []store.Key{key(acme, 1)})
			require.NoError(t, err)
			require.Empty(t, legs)
			legs, err = tx.Legs(b.ctx, []store.Key{key(acme, 3)})
			require.NoError(t, err)
			require.Len(t, legs, 1)
		})
	}},

	{"takes hundreds at once", func(t *testing.T, b *bundle) {
		var legs []store.Leg
		var keys []store.Key
		for i := range 700 {
			legs = append(legs, leg(acme, 10_000+i, i/3, "evidence"))
			keys = append(keys, key(acme, 10_000+i))
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutLegs(b.ctx, legs))
			found, err := tx.Legs(b.ctx, keys)
			require.NoError(t, err)
			require.ElementsMatch(t, legs, found)
		})
	}},
}
