package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// indexed makes a call with an index.
func indexed(account string, n int, index store.Index) store.Call {
	c := call(account, n)
	c.Index = index
	return c
}

// search gives the UUIDs that a filter finds.
func (b *bundle) search(t *testing.T, filter store.CallFilter) []string {
	t.Helper()
	if filter.Account == "" {
		filter.Account = acme
	}
	calls, err := b.Calls(b.ctx, filter)
	require.NoError(t, err)
	return uuidsOf(calls)
}

func uuids(ns ...int) []string {
	list := make([]string, len(ns))
	for i, n := range ns {
		list[i] = uuid(n)
	}
	return list
}

// again gives keys as a missed call has them.
func again(keys ...string) []string {
	for _, key := range slices.Clone(keys) {
		keys = append(keys, store.MissedKey(key))
	}
	slices.Sort(keys)
	return keys
}

var searchTests = []test{
	{"filters by each thing and by all together", func(t *testing.T, b *bundle) {
		missed := store.Index{
			State: "ended", Direction: "inbound", Disposition: "abandoned", HangupBy: "external", Missed: true,
			StartedAt: start + 1, EndedAt: start + 20, Keys: again("number:+4822", "project:7"),
		}
		answered := store.Index{
			State: "ended", Direction: "outbound", Disposition: "answered", HangupBy: "consultant", Connected: true,
			StartedAt: start + 2, EndedAt: start + 30, Keys: []string{"consultant:ann", "number:+4822", "project:7", store.TransferredKey},
		}
		talking := store.Index{
			State: "talking", Direction: "inbound", Connected: true, StartedAt: start + 3,
			Keys: []string{"consultant:ann", "consultant:bob", "number:+4833", "project:8"},
		}
		ringing := store.Index{State: "ringing", Direction: "unknown", StartedAt: start + 4}
		mergedCall := indexed(acme, 5, talking)
		mergedCall.MergedInto = uuid(3)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{
				indexed(acme, 1, missed), indexed(acme, 2, answered), indexed(acme, 3, talking),
				indexed(acme, 4, ringing), mergedCall, indexed(other, 6, answered),
			}))
		})
		for _, c := range []struct {
			name   string
			filter store.CallFilter
			want   []string
		}{
			{"any", store.CallFilter{}, uuids(4, 3, 2, 1)},
			{"account", store.CallFilter{Account: other}, uuids(6)},
			{"state", store.CallFilter{State: "talking"}, uuids(3)},
			{"state ended", store.CallFilter{State: "ended"}, uuids(2, 1)},
			{"open", store.CallFilter{Open: true}, uuids(4, 3)},
			{"open and ended", store.CallFilter{Open: true, State: "ended"}, uuids()},
			{"direction", store.CallFilter{Direction: "inbound"}, uuids(3, 1)},
			{"disposition", store.CallFilter{Disposition: "abandoned"}, uuids(1)},
			{"hangup by", store.CallFilter{HangupBy: "consultant"}, uuids(2)},
			{"missed", store.CallFilter{Missed: new(true)}, uuids(1)},
			{"missed, with a key", store.CallFilter{Missed: new(true), Keys: []string{"number:+4822"}}, uuids(1)},
			{"missed, with keys", store.CallFilter{Missed: new(true), Keys: []string{"project:7", "number:+4822"}}, uuids(1)},
			{"missed, with another's key", store.CallFilter{Missed: new(true), Keys: []string{"consultant:ann"}}, uuids()},
			{"not missed, with a key", store.CallFilter{Missed: new(false), Keys: []string{"number:+4822"}}, uuids(2)},
			{"not missed", store.CallFilter{Missed: new(false)}, uuids(4, 3, 2)},
			{"transferred", store.CallFilter{Transferred: new(true)}, uuids(2)},
			{"transferred, with key", store.CallFilter{Transferred: new(true), Keys: []string{"project:7"}}, uuids(2)},
			{"transferred, with another's key", store.CallFilter{Transferred: new(true), Keys: []string{"project:8"}}, uuids()},
			{"not transferred", store.CallFilter{Transferred: new(false)}, uuids(4, 3, 1)},
			{"not transferred, with key", store.CallFilter{Transferred: new(false), Keys: []string{"number:+4822"}}, uuids(1)},
			{"key", store.CallFilter{Keys: []string{"consultant:ann"}}, uuids(3, 2)},
			{"keys", store.CallFilter{Keys: []string{"project:7", "number:+4822", "consultant:ann"}}, uuids(2)},
			{"the same key twice", store.CallFilter{Keys: []string{"project:7", "project:7"}}, uuids(2, 1)},
			{"keys of different calls", store.CallFilter{Keys: []string{"project:7", "number:+4833"}}, uuids()},
			{"no such key", store.CallFilter{Keys: []string{"project:"}}, uuids()},
			{"from", store.CallFilter{From: start + 3}, uuids(4, 3)},
			{"to", store.CallFilter{To: start + 3}, uuids(2, 1)},
			{"from, to and key", store.CallFilter{From: start + 2, To: start + 3, Keys: []string{"project:7"}}, uuids(2)},
			{"limit", store.CallFilter{Limit: 2}, uuids(4, 3)},
			{"before", store.CallFilter{Before: &store.Cursor{StartedAt: start + 3, CallUUID: uuid(3)}}, uuids(2, 1)},
			{"before, with key", store.CallFilter{
				Keys: []string{"consultant:ann"}, Before: &store.Cursor{StartedAt: start + 3, CallUUID: uuid(3)},
			}, uuids(2)},
			{"everything", store.CallFilter{
				State: "ended", Direction: "inbound", Disposition: "abandoned", HangupBy: "external", Missed: new(true),
				Keys: []string{"number:+4822"}, From: start, To: start + 9, Limit: 5,
				Before: &store.Cursor{StartedAt: start + 9, CallUUID: uuid(0)},
			}, uuids(1)},
		} {
			require.Equal(t, c.want, b.search(t, c.filter), c.name)
		}
	}},

	{"pages through calls that began in one second, each once", func(t *testing.T, b *bundle) {
		var calls []store.Call
		var want []string
		for i := range 23 {
			began := start + dialog.Time(i/7)
			if i < 2 {
				began = 0 // not known: the oldest
			}
			calls = append(calls, indexed(acme, i, store.Index{State: "ringing", StartedAt: began, Keys: []string{"project:1"}}))
			want = append([]string{uuid(i)}, want...)
		}
		slices.Reverse(calls[:9])
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, calls)) })
		for _, keys := range [][]string{nil, {"project:1"}} {
			var got []string
			filter := store.CallFilter{Account: acme, Limit: 4, Keys: keys}
			for {
				page, err := b.Calls(b.ctx, filter)
				require.NoError(t, err)
				got = append(got, uuidsOf(page)...)
				if len(page) < filter.Limit {
					break
				}
				last := page[len(page)-1]
				filter.Before = &store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID}
			}
			require.Equal(t, want, got)
		}
	}},

	{"follows keys and times that change", func(t *testing.T, b *bundle) {
		index := store.Index{State: "ringing", StartedAt: start, Keys: []string{"number:1", "number:2"}}
		put := func(c store.Call) {
			t.Helper()
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{c})) })
		}
		find := func(key string) []string { return b.search(t, store.CallFilter{Keys: []string{key}}) }
		put(indexed(acme, 1, index))
		put(indexed(acme, 1, index)) // the same again
		require.Equal(t, uuids(1), find("number:1"))

		index.Keys = []string{"number:2", "number:3"}
		put(indexed(acme, 1, index))
		require.Empty(t, find("number:1"))
		require.Equal(t, uuids(1), find("number:2"))
		require.Equal(t, uuids(1), find("number:3"))

		index.StartedAt = start - 100
		put(indexed(acme, 1, index))
		for _, key := range index.Keys {
			require.Equal(t, uuids(1), find(key))
			require.Empty(t, b.search(t, store.CallFilter{Keys: []string{key}, From: start}))
		}

		gone := indexed(acme, 1, index)
		gone.MergedInto = uuid(2)
		put(gone)
		require.Empty(t, find("number:2"))
		require.Empty(t, b.search(t, store.CallFilter{}))

		put(indexed(acme, 1, index)) // it is a call of its own again
		require.Equal(t, uuids(1), find("number:2"))

		first, second := index, index
		first.Keys, second.Keys = []string{"number:4"}, []string{"number:5"}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{indexed(acme, 1, first), indexed(acme, 1, second)}))
		})
		require.Empty(t, find("number:4"))
		require.Equal(t, uuids(1), find("number:5"))
	}},

	{"finds calls by keys of any length", func(t *testing.T, b *bundle) {
		for i, sign := range []string{"x", "ż"} {
			long := store.NumberKey(strings.Repeat(sign, 50_000))
			index := store.Index{State: "ringing", StartedAt: start, Keys: []string{long}}
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{indexed(acme, i, index)})) })
			require.Equal(t, uuids(i), b.search(t, store.CallFilter{Keys: []string{long}}))
			require.Empty(t, b.search(t, store.CallFilter{Keys: []string{long + sign}}))

			index.Missed, index.Keys = true, again(long)
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{indexed(acme, i, index)})) })
			require.Equal(t, uuids(i), b.search(t, store.CallFilter{Missed: new(true), Keys: []string{long}}))
		}
	}},

	{"takes a page of many", func(t *testing.T, b *bundle) {
		var calls []store.Call
		for i := range 600 {
			calls = append(calls, indexed(acme, i, store.Index{
				State: "ended", StartedAt: start + dialog.Time(i), Keys: []string{fmt.Sprint("number:", i), "project:1"},
			}))
		}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, calls)) })
		require.Len(t, b.search(t, store.CallFilter{}), 100, "the default")
		require.Len(t, b.search(t, store.CallFilter{Limit: 550, Keys: []string{"project:1"}}), 550)
	}},
}
