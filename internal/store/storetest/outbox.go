package storetest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
)

// publish adds changes in one transaction and gives their ids.
func (b *bundle) publish(t *testing.T, rows ...*store.OutboxRow) []int64 {
	t.Helper()
	b.write(t, func(tx store.Tx) { require.NoError(t, tx.AppendOutbox(b.ctx, rows)) })
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

var outboxTests = []test{
	{"gives many rows back in order, as they were", func(t *testing.T, b *bundle) {
		texts := []string{`\N`, `\.`, `a\tb`, "tab\t", "back\\\\slash", `"`, "ż\u2028📞", ""}
		var rows []*store.OutboxRow
		for n := range 300 {
			row := change(acme, n/8, int64(n+1))
			text, err := json.Marshal(texts[n%len(texts)])
			require.NoError(t, err)
			row.Record = json.RawMessage(`{"text":` + string(text) + `}`)
			row.Events[0].DialogUUID = texts[n%len(texts)]
			rows = append(rows, row)
		}
		b.publish(t, rows[:3]...)
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.Keep(b.ctx, store.Changes{Outbox: rows[3:]})) })
		unsent, err := b.Unsent(b.ctx, 0, 1000)
		require.NoError(t, err)
		require.Len(t, unsent, len(rows))
		for i, row := range rows {
			require.Equal(t, int64(i+1), row.ID, "without gaps")
			require.Equal(t, *row, unsent[i])
		}
	}},

	{"refuses all of many rows for the one that cannot be kept, and goes on", func(t *testing.T, b *bundle) {
		if b.Kind() != "postgres" {
			return // SQLite keeps every text
		}
		for _, bad := range []string{"{\x00}", "{\xff}"} {
			var rows []*store.OutboxRow
			for n := range 300 {
				rows = append(rows, change(acme, n/8, int64(n+1)))
			}
			rows[150].Record = json.RawMessage(bad)
			err := b.Write(b.ctx, func(tx store.Tx) error { return tx.Keep(b.ctx, store.Changes{Outbox: rows}) })
			require.ErrorIs(t, err, store.ErrRefused)
			unsent, err := b.Unsent(b.ctx, 0, 1000)
			require.NoError(t, err)
			require.Empty(t, unsent)
		}
		ids := b.publish(t, change(acme, 1, 1))
		require.Equal(t, []int64{1}, ids)
	}},

	{"gives rows back in order, as they were", func(t *testing.T, b *bundle) {
		rows := []*store.OutboxRow{change(acme, 2, 1), change(other, 1, 2), change(acme, 1, 3), change(acme, 2, 4)}
		rows[1].Record = json.RawMessage("{\"a\":\"\\u0000\",  \"a\":1}")
		rows[1].Events = append(rows[1].Events, flow.Event{
			UUID: uuid(9), Type: "call_merged", Seq: 7, CreatedOn: start, Late: true, DialogUUID: uuid(8), From: uuid(7),
			Transfer: &correlate.Transfer{},
		}, flow.Event{Type: "zero"})
		rows[3].Events = nil
		ids := b.publish(t, rows...)
		require.IsIncreasing(t, append([]int64{0}, ids...))

		unsent, err := b.Unsent(b.ctx, 0, 10)
		require.NoError(t, err)
		require.Len(t, unsent, 4)
		require.Empty(t, unsent[3].Events)
		unsent[3].Events = nil
		for i, row := range rows {
			require.Equal(t, *row, unsent[i])
		}

		unsent, err = b.Unsent(b.ctx, ids[0], 2)
		require.NoError(t, err)
		require.Equal(t, ids[1:3], idsOf(unsent))
		unsent, err = b.Unsent(b.ctx, ids[3], 2)
		require.NoError(t, err)
		require.Empty(t, unsent)

		some, err := b.OutboxRows(b.ctx, []int64{ids[3], ids[0], ids[3], ids[3] + 100})
		require.NoError(t, err)
		require.Equal(t, []int64{ids[0], ids[3]}, idsOf(some))
		some, err = b.OutboxRows(b.ctx, nil)
		require.NoError(t, err)
		require.Empty(t, some)

		changes, err := b.Changes(b.ctx, key(acme, 2))
		require.NoError(t, err)
		require.Equal(t, []int64{ids[0], ids[3]}, idsOf(changes))
		changes, err = b.Changes(b.ctx, key(other, 2))
		require.NoError(t, err)
		require.Empty(t, changes)
	}},

	{"stamps a row that has no time", func(t *testing.T, b *bundle) {
		row := change(acme, 1, 1)
		row.CreatedAt = store.OutboxRow{}.CreatedAt
		b.publish(t, row)
		require.False(t, row.CreatedAt.IsZero())
		unsent, err := b.Unsent(b.ctx, 0, 1)
		require.NoError(t, err)
		require.Equal(t, row.CreatedAt, unsent[0].CreatedAt)
	}},

	{"gives ids in the order in which they can be seen", func(t *testing.T, b *bundle) {
		const writers, times = 4, 15
		ctx, stop := context.WithCancel(b.ctx)
		defer stop()
		var writing, reading sync.WaitGroup
		errs := make(chan error, writers*times+1)
		for w := range writers {
			writing.Go(func() {
				for i := range times {
					errs <- b.Write(b.ctx, func(tx store.Tx) error {
						e := entry(acme, uuid(w), uuid(w)+uuid(i))
						if err := tx.Append(b.ctx, []*store.Entry{e}); err != nil {
							return err
						}
						row := change(acme, w, e.ID)
						return tx.AppendOutbox(b.ctx, []*store.OutboxRow{row, change(acme, w, e.ID)})
					})
				}
			})
		}
		seen := map[int64]bool{}
		highest, below := int64(0), []int64(nil)
		reading.Go(func() {
			for ctx.Err() == nil {
				rows, err := b.Unsent(b.ctx, 0, 1000)
				if err != nil {
					errs <- err
					return
				}
				highestNow := highest
				for _, row := range rows {
					if !seen[row.ID] && row.ID < highest {
						below = append(below, row.ID)
					}
					seen[row.ID] = true
					highestNow = max(highestNow, row.ID)
				}
				highest = highestNow
			}
		})
		writing.Wait()
		stop()
		reading.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Empty(t, below, "ids appeared below one that had been seen")

		rows, err := b.Unsent(b.ctx, 0, 1000)
		require.NoError(t, err)
		require.Len(t, rows, 2*writers*times)
		for i := 1; i < len(rows); i++ {
			require.LessOrEqual(t, rows[i-1].JournalID, rows[i].JournalID, "journal and outbox agree on the order")
		}
	}},
}
