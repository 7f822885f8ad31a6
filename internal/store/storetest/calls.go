package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var callTests = []test{
	{"gives a call back as it was written", func(t *testing.T, b *bundle) {
		full := call(acme, 1)
		full.Record = json.RawMessage("{\"b\": 1,  \"a\":\"\\u0000\\ud800\", \"a\":2}\n")
		full.Index = store.Index{
			State: "ended", Direction: "outbound", Disposition: "answered", HangupBy: "external", Missed: true,
			Connected: true, StartedAt: start, EndedAt: start + 60,
			Keys: []string{"consultant:ann", "number:+48 22", `project:a"b\{},c`},
		}
		bare := store.Call{Account: acme, CallUUID: uuid(2), Record: json.RawMessage(`null`), Ledger: []byte{}}
		merged := store.Call{Account: acme, CallUUID: uuid(3), MergedInto: uuid(1), Ledger: []byte("x"), HeardAt: now, UpdatedAt: now}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{full, bare, merged}))
			keys := []store.Key{key(acme, 3), key(acme, 1), key(acme, 1), key(acme, 2), key(other, 1), key(acme, 9)}
			whole, err := tx.WholeCalls(b.ctx, keys)
			require.NoError(t, err)
			require.ElementsMatch(t, normal(full, bare, merged), normal(whole...))
			for i := range whole {
				whole[i].Record = nil
			}
			calls, err := tx.Calls(b.ctx, keys)
			require.NoError(t, err)
			require.ElementsMatch(t, normal(whole...), normal(calls...))
		})
		for _, want := range []store.Call{full, bare, merged} {
			got, err := b.Call(b.ctx, store.Key{Account: want.Account, UUID: want.CallUUID})
			require.NoError(t, err)
			require.Equal(t, normal(want), normal(got))
		}
	}},

	{"replaces a call", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1)})) })
		changed := call(acme, 1)
		changed.Record, changed.Ledger, changed.Seq, changed.Revision = json.RawMessage(`{}`), []byte("more"), 9, 2
		changed.HeardAt, changed.UpdatedAt = now.Add(time.Hour), now.Add(2*time.Hour)
		changed.Index = store.Index{State: "ended", Direction: "unknown", Disposition: "failed", StartedAt: start - 5, EndedAt: start}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1), changed}), "the last one counts")
		})
		got, err := b.Call(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, normal(changed), normal(got))
	}},

	{"says not found", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1)})) })
		for _, missing := range []store.Key{key(other, 1), key(acme, 2), {Account: acme, UUID: "no uuid"}, {}} {
			_, err := b.Call(b.ctx, missing)
			require.ErrorIs(t, err, store.ErrNotFound)
			require.NotErrorIs(t, err, store.ErrUnavailable)
		}
	}},

	{"cuts moments to microseconds and gives them in UTC", func(t *testing.T, b *bundle) {
		c := call(acme, 1)
		c.HeardAt = time.Date(2024, 7, 1, 12, 0, 0, 999_999_999, time.FixedZone("", 2*60*60))
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{c})) })
		got, err := b.Call(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, time.Date(2024, 7, 1, 10, 0, 0, 999_999_000, time.UTC), got.HeardAt)
	}},
}

// normal makes empty lists equal, however they are empty.
func normal(calls ...store.Call) []store.Call {
	for i := range calls {
		calls[i].Stored = nil // what reading says beside the call
		if len(calls[i].Index.Keys) == 0 {
			calls[i].Index.Keys = nil
		}
		if len(calls[i].Record) == 0 {
			calls[i].Record = nil
		}
	}
	return calls
}
