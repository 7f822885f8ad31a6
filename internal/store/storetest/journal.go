package storetest

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var journalTests = []test{
	{"is empty until something is in it", func(t *testing.T, b *bundle) {
		empty, err := b.Empty(b.ctx)
		require.NoError(t, err)
		require.True(t, empty)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, "", "one")}))
		})
		empty, err = b.Empty(b.ctx)
		require.NoError(t, err)
		require.False(t, empty)
	}},

	{"gives ids in order, and finds duplicates within a batch and of earlier ones", func(t *testing.T, b *bundle) {
		first := []*store.Entry{
			entry(acme, uuid(1), "z"), entry(acme, uuid(1), "a"), entry(acme, uuid(1), "z"), entry(other, uuid(1), "z"),
			entry(acme, uuid(1), "m"),
		}
		second := []*store.Entry{
			entry(acme, uuid(1), "new"), entry(acme, uuid(1), "a"), entry(acme, uuid(1), "new"), entry(other, uuid(1), "a"),
		}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.Append(b.ctx, first)) })
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.Append(b.ctx, second)) })

		duplicate := []bool{false, false, true, false, false, false, true, true, false}
		last := int64(0)
		for i, e := range append(first, second...) {
			require.Equal(t, duplicate[i], e.Duplicate, "entry %d", i)
			if e.Duplicate {
				require.Zero(t, e.ID, "entry %d", i)
				continue
			}
			require.Greater(t, e.ID, last, "entry %d", i)
			last = e.ID
		}
	}},

	{"finds duplicates of an earlier batch of the same transaction", func(t *testing.T, b *bundle) {
		again := entry(acme, uuid(1), "one")
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{again}))
		})
		require.True(t, again.Duplicate)
	}},

	{"appends an entry that was not kept the first time", func(t *testing.T, b *bundle) {
		e := entry(acme, uuid(1), "one")
		require.Error(t, b.Write(b.ctx, func(tx store.Tx) error {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{e, entry(acme, uuid(1), "one")}))
			return store.ErrRefused
		}))
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.Append(b.ctx, []*store.Entry{e})) })
		require.False(t, e.Duplicate)
		require.NotZero(t, e.ID)
	}},

	{"gives the entries of a call's legs and of the call itself, as they were", func(t *testing.T, b *bundle) {
		ofLeg, ofOtherLeg, elsewhere := entry(acme, uuid(1), "one"), entry(acme, uuid(2), "two"), entry(acme, uuid(3), "three")
		ofOtherAccount := entry(other, uuid(1), "one")
		ignored := entry(acme, "", "ignored")
		ignored.Ignored, ignored.EventTime, ignored.EventName = true, 0, "user_updated"
		settle := &store.Entry{
			Account: acme, ReceivedAt: now, Origin: store.OriginSettle, CallUUID: uuid(1), SHA256: sha256.Sum256([]byte("s")),
		}
		again := entry(acme, uuid(2), "two again")
		again.Origin, again.ReceivedAt = store.OriginTimeout, now.Add(1500)
		all := []*store.Entry{ofOtherLeg, elsewhere, ofLeg, ofOtherAccount, ignored, settle, again}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, all))
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{
				{Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1)},
				{Account: acme, DialogUUID: uuid(2), CallUUID: uuid(1)},
				{Account: acme, DialogUUID: uuid(3), CallUUID: uuid(3)},
				{Account: other, DialogUUID: uuid(1), CallUUID: uuid(1)},
			}))
		})
		entries, err := b.Entries(b.ctx, key(acme, 1))
		require.NoError(t, err)
		again.ReceivedAt = now.Add(1000) // cut off, not rounded
		settle.Body = []byte{}
		require.Equal(t, []store.Entry{*ofOtherLeg, *ofLeg, *settle, *again}, entries)

		entries, err = b.Entries(b.ctx, key(acme, 2))
		require.NoError(t, err)
		require.Empty(t, entries, "2 is a leg, not a call")
	}},

	{"keeps bodies byte for byte, whatever is in them", func(t *testing.T, b *bundle) {
		for i, body := range []string{
			"a\x00b", "\xff\xfe\x80", `{"text":"\u0000 \ud800"}`, "", "'\"\\,{}\n\r\t", "\xf0\x9f\x93\x9e",
		} {
			b.write(t, func(tx store.Tx) {
				require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(i), body)}))
				require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{
					{Account: acme, DialogUUID: uuid(i), CallUUID: uuid(i), Evidence: []byte(body)},
				}))
			})
			entries, err := b.Entries(b.ctx, key(acme, i))
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, []byte(body), entries[0].Body)
			leg, err := b.Dialog(b.ctx, key(acme, i))
			require.NoError(t, err)
			require.Equal(t, []byte(body), leg.Evidence)
		}
	}},

	{"keeps text of every kind, or refuses it as data", func(t *testing.T, b *bundle) {
		for i, name := range []string{"NULL", "", `a"b\c,{d}`, "ünï\u2028", "a\x00b", "\xff"} {
			e := entry(acme, uuid(i), name)
			e.EventName = name
			err := b.Write(b.ctx, func(tx store.Tx) error {
				require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{{Account: acme, DialogUUID: uuid(i), CallUUID: uuid(i)}}))
				return tx.Append(b.ctx, []*store.Entry{e})
			})
			if poison := i >= 4; poison && b.Kind() == "postgres" {
				require.ErrorIs(t, err, store.ErrRefused, "%q", name)
				require.NotErrorIs(t, err, store.ErrUnavailable, "%q", name)
				_, err = b.Dialog(b.ctx, key(acme, i))
				require.ErrorIs(t, err, store.ErrNotFound)
				continue
			}
			require.NoError(t, err, "%q", name)
			entries, err := b.Entries(b.ctx, key(acme, i))
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, name, entries[0].EventName)
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "afterwards")}))
		})
	}},
}
