package rebuild

import (
	"context"
	"slices"

	"webhookd/internal/store"
)

// removed is what retention took out, as far as it matters to a group.
type removed struct {
	stones map[store.Key]bool // of dialogs and calls that are gone
	events map[string]int64   // by account, the last journal entry of which the events are gone
}

func (g *group) readRemoved(ctx context.Context, keys []store.Key) (removed, error) {
	stones, err := g.tx.Tombstones(ctx, keys)
	if err != nil {
		return removed{}, err
	}
	events, err := g.tx.EventsRemoved(ctx)
	if err != nil {
		return removed{}, err
	}
	gone := removed{stones: make(map[store.Key]bool, len(stones)), events: events}
	for _, key := range stones {
		gone.stones[key] = true
	}
	return gone, nil
}

// touches says whether some of the dialogs and calls are gone. Retention removes together what belongs together; but a
// dialog whose webhooks contradict each other about its parent may stay behind the call that it was in at first. What it
// was there cannot be worked out any more, so its call is left as it is.
func (r removed) touches(keys []store.Key) bool {
	return slices.ContainsFunc(keys, func(key store.Key) bool { return r.stones[key] })
}

// published says whether the events of a change are gone from the outbox because they were old.
func (r removed) published(row *store.OutboxRow) bool { return row.JournalID <= r.events[row.Account] }
