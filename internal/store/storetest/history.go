package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

var historyTests = []test{
	{"reads the journal from end to end", func(t *testing.T, b *bundle) {
		entries := []*store.Entry{
			entry(acme, uuid(1), "a"), entry(other, "", "b"), entry(acme, uuid(2), "c"), entry(other, uuid(1), "d"),
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, entries))
			inside, err := tx.Journal(b.ctx, entries[1].ID, 10)
			require.NoError(t, err)
			require.Len(t, inside, 2)
			outside, err := b.Journal(b.ctx, 0, 10)
			require.NoError(t, err)
			require.Empty(t, outside, "it is not committed yet")
		})
		var all []store.Entry
		for after := int64(0); ; after = all[len(all)-1].ID {
			page, err := b.Journal(b.ctx, after, 3)
			require.NoError(t, err)
			all = append(all, page...)
			if len(page) < 3 {
				break
			}
		}
		require.Len(t, all, len(entries))
		for i, e := range all {
			require.Equal(t, *entries[i], e)
		}
	}},

	{"gives the entries of dialogs and calls, each once, in order", func(t *testing.T, b *bundle) {
		settle := entry(acme, "", "settle")
		settle.CallUUID, settle.Origin = uuid(1), store.OriginSettle
		entries := []*store.Entry{
			entry(acme, uuid(1), "a"), entry(acme, uuid(2), "b"), entry(other, uuid(1), "c"), settle,
			entry(acme, uuid(1), "e"), entry(acme, uuid(3), "f"),
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, entries))
			got, err := tx.EntriesOf(b.ctx, []store.Key{key(acme, 3), key(acme, 1), key(acme, 1), key(acme, 9)})
			require.NoError(t, err)
			require.Equal(t, []store.Entry{*entries[0], *settle, *entries[4], *entries[5]}, got)
			got, err = tx.EntriesOf(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, got)
		})
	}},

	{"gives the outbox history of calls in order, without records", func(t *testing.T, b *bundle) {
		rows := []*store.OutboxRow{
			change(acme, 1, 1), change(acme, 2, 1), change(other, 1, 1), change(acme, 1, 2),
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AppendOutbox(b.ctx, rows))
			got, err := tx.EventsOf(b.ctx, []store.Key{key(acme, 2), key(acme, 1), key(acme, 2)})
			require.NoError(t, err)
			require.Len(t, got, 3)
			for i, want := range []*store.OutboxRow{rows[0], rows[1], rows[3]} {
				require.Equal(t, want.ID, got[i].ID)
				require.Equal(t, want.Events, got[i].Events)
				require.Empty(t, got[i].Record, "nobody asked for it")
			}
		})
	}},

	{"drops calls with their search keys", func(t *testing.T, b *bundle) {
		project := store.ProjectKey("7")
		b.write(t, func(tx store.Tx) {
			var calls []store.Call
			for _, name := range []string{acme, other} {
				for n := range 2 {
					row := call(name, n)
					row.Index.Keys, row.Index.StartedAt = []string{project, store.NumberKey("1")}, dialog.Time(1000)
					calls = append(calls, row)
				}
			}
			require.NoError(t, tx.PutCalls(b.ctx, calls))
			require.NoError(t, tx.DropCalls(b.ctx, []store.Key{key(acme, 1), key(acme, 8)}))
			require.NoError(t, tx.DropCalls(b.ctx, nil))
		})
		_, err := b.Call(b.ctx, key(acme, 1))
		require.ErrorIs(t, err, store.ErrNotFound)
		for name, want := range map[string]int{acme: 1, other: 2} {
			page, err := b.Calls(b.ctx, store.CallFilter{Account: name, Keys: []string{project}, Limit: 10})
			require.NoError(t, err)
			require.Len(t, page, want, name)
		}
	}},
}
