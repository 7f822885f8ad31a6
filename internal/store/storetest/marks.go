package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

var markTests = []test{
	{"says whether something called off before it was armed", func(t *testing.T, b *bundle) {
		const ann = "+48501502503"
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AddMarks(b.ctx, []store.Mark{
				{Account: acme, CallUUID: uuid(1), Contact: ann, EventType: "call_answered", At: start, SeenAt: now},
				{Account: acme, CallUUID: uuid(2), EventType: "call_answered", At: start, SeenAt: now},
				{Account: acme, Contact: "+2", EventType: "call_ended", At: start, SeenAt: now},
				{Account: acme, EventType: "call_ended", At: start, SeenAt: now}, // of nobody
			}))
			require.NoError(t, tx.AddMarks(b.ctx, nil))
		})
		ask := func(account string, call int, contact string, since dialog.Time, types ...string) store.MarkQuery {
			query := store.MarkQuery{Account: account, Contact: contact, EventTypes: types, Since: since}
			if call > 0 {
				query.CallUUID = uuid(call)
			}
			return query
		}
		b.write(t, func(tx store.Tx) {
			marked, err := tx.MarksSince(b.ctx, []store.MarkQuery{
				ask(acme, 1, "", start, "call_answered"),
				ask(acme, 1, "", start+1, "call_answered"),
				ask(acme, 1, "", 0, "call_ended", "call_answered"),
				ask(acme, 1, "", start, "call_ended"),
				ask(acme, 3, ann, start, "call_answered"),
				ask(acme, 3, ann, start+1, "call_answered"),
				ask(acme, 3, "", start, "call_answered"),
				ask(acme, 0, "+2", start-9, "call_answered", "call_ended"),
				ask(acme, 0, "", 0, "call_answered", "call_ended"),
				ask(other, 1, ann, 0, "call_answered"),
				ask(acme, 1, ann, 0),
			})
			require.NoError(t, err)
			require.Equal(t, []bool{true, false, true, false, true, false, false, true, false, false, false}, marked)
			marked, err = tx.MarksSince(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, marked)
		})
	}},

	{"keeps the last one, whatever order they come in", func(t *testing.T, b *bundle) {
		mark := func(at dialog.Time, seen time.Duration) store.Mark {
			return store.Mark{Account: acme, Contact: long("48"), EventType: "x", At: at, SeenAt: now.Add(seen)}
		}
		since := func(tx store.Tx, at dialog.Time) bool {
			marked, err := tx.MarksSince(b.ctx, []store.MarkQuery{{Account: acme, Contact: long("48"), EventTypes: []string{"x"}, Since: at}})
			require.NoError(t, err)
			return marked[0]
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AddMarks(b.ctx, []store.Mark{mark(start, 0), mark(start+5, -time.Hour), mark(start+1, time.Second)}))
			require.True(t, since(tx, start+5))
			require.False(t, since(tx, start+6))
		})
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AddMarks(b.ctx, []store.Mark{mark(start+2, time.Minute)}))
			require.True(t, since(tx, start+5))
			dropped, err := tx.DropMarks(b.ctx, now.Add(time.Minute), 10)
			require.NoError(t, err)
			require.Zero(t, dropped, "it was seen again later")
			dropped, err = tx.DropMarks(b.ctx, now.Add(time.Minute+time.Microsecond), 10)
			require.NoError(t, err)
			require.Equal(t, 1, dropped)
			require.False(t, since(tx, 0))
		})
	}},

	{"drops the oldest, as many as are wanted", func(t *testing.T, b *bundle) {
		var marks []store.Mark
		for n := range 500 {
			marks = append(marks, store.Mark{
				Account: acme, CallUUID: uuid(n), EventType: fmt.Sprint("t", n%3), At: start, SeenAt: now.Add(time.Duration(n) * time.Second),
			})
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AddMarks(b.ctx, marks))
			for _, step := range []struct{ limit, want int }{{150, 150}, {0, 0}, {1000, 250}, {1000, 0}} {
				dropped, err := tx.DropMarks(b.ctx, now.Add(400*time.Second), step.limit)
				require.NoError(t, err)
				require.Equal(t, step.want, dropped)
			}
			marked, err := tx.MarksSince(b.ctx, []store.MarkQuery{
				{Account: acme, CallUUID: uuid(399), EventTypes: []string{"t0"}},
				{Account: acme, CallUUID: uuid(400), EventTypes: []string{"t1"}},
			})
			require.NoError(t, err)
			require.Equal(t, []bool{false, true}, marked)
		})
	}},
}
