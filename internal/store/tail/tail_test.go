package tail_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/tail"
)

func rows(ids ...int64) []*store.OutboxRow {
	made := make([]*store.OutboxRow, len(ids))
	for i, id := range ids {
		made[i] = &store.OutboxRow{ID: id, Change: flow.Change{Record: json.RawMessage(`{}`)}}
	}
	return made
}

func requireAfter(t *testing.T, held *tail.Tail, after int64, limit int, want ...int64) {
	t.Helper()
	got, ok := held.After(after, limit)
	require.True(t, ok)
	ids := make([]int64, len(got))
	for i, row := range got {
		ids[i] = row.ID
	}
	require.Equal(t, want, ids)
}

func requireUnsure(t *testing.T, held *tail.Tail, after int64) {
	t.Helper()
	got, ok := held.After(after, 10)
	require.False(t, ok)
	require.Empty(t, got)
}

func TestATailGivesWhatFollows(t *testing.T) {
	t.Parallel()
	var held tail.Tail
	requireUnsure(t, &held, 0)
	held.Add(rows(5, 6, 7))
	requireUnsure(t, &held, 3) // 4 is not known
	requireAfter(t, &held, 4, 2, 5, 6)
	requireAfter(t, &held, 4, 10, 5, 6, 7)
	held.Add(rows(8))
	requireAfter(t, &held, 6, 10, 7, 8)
	requireUnsure(t, &held, 5) // forgotten
	requireUnsure(t, &held, 8) // whether there is more, the database knows
	held.Add(rows(9))
	requireAfter(t, &held, 8, 10, 9)
}

// Another instance took the ids in between, or a commit's outcome was not known.
func TestATailHasNoGaps(t *testing.T) {
	t.Parallel()
	var held tail.Tail
	held.Add(rows(1, 2))
	held.Add(rows(4, 5))
	requireUnsure(t, &held, 0)
	requireUnsure(t, &held, 2)
	requireAfter(t, &held, 3, 10, 4, 5)
}

func TestADoubtIsAnsweredByTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	var held tail.Tail
	held.Add(rows(1, 2))
	held.Doubt()
	requireUnsure(t, &held, 0)
	requireAfter(t, &held, 0, 10, 1, 2)
}

func TestATailIsBounded(t *testing.T) {
	t.Parallel()
	var held tail.Tail
	large := json.RawMessage(make([]byte, 1<<20))
	for id := int64(1); id <= 40; id++ {
		held.Add([]*store.OutboxRow{{ID: id, Change: flow.Change{Record: large}}})
	}
	requireUnsure(t, &held, 23)
	got, ok := held.After(24, 100)
	require.True(t, ok)
	require.Len(t, got, 16)

	var many tail.Tail
	for id := int64(1); id <= 5000; id++ {
		many.Add(rows(id))
	}
	requireUnsure(t, &many, 5000-4096-1)
	got, ok = many.After(5000-4096, 10000)
	require.True(t, ok)
	require.Len(t, got, 4096)
}
