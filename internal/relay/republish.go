package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

// Republish sends outbox history again, with the same ids and in order per call: for a stream that lost messages, a
// reader that needs a second look, and calls that were held back and can be published now. The service may run
// meanwhile. The stream drops ids that it still knows (its duplicate window); readers can tell older ones by the id.
type Republish struct {
	Store interface {
		store.Outbox
		Changes(ctx context.Context, call store.Key) ([]store.OutboxRow, error)
	}
	Bus interface {
		Publish(ctx context.Context, message flow.Message) error
	}
	Options flow.Options
	// Account limits what is sent to one account; "" is all. With Call it must be given.
	Account string
	// Call sends the whole history of one call. Otherwise everything written at or after Since is sent.
	Call  string
	Since time.Time
	// Skip lets go of events that cannot be published, instead of holding their call back.
	Skip bool
	// Progress, if not nil, is told the outbox id that was reached and the last one there is.
	Progress func(reached, last int64)
	Now      func() time.Time
}

// Republished counts what was sent.
type Republished struct {
	Changes  int   // outbox rows that were sent
	Events   int   // events that the stream has taken, or had
	Skipped  int   // events that cannot be published and were left out
	Released int   // rows that were held back and are no more
	Last     int64 // the last outbox id that was looked at
}

// ErrStillPoison says that an event cannot be published still; its call stays held back.
var ErrStillPoison = errors.New("event still cannot be published")

// Run sends. It returns ErrStillPoison (unless Skip), store.ErrUnavailable, and errors of the connection to NATS; what
// was sent before stays sent, and it can be run again.
func (r *Republish) Run(ctx context.Context) (Republished, error) {
	var done Republished
	if r.Call != "" {
		err := r.call(ctx, &done)
		return done, err
	}
	position, err := r.Store.Position(ctx)
	if err != nil {
		return done, fmt.Errorf("read position: %w", err)
	}
	after, err := r.before(ctx, position.Through)
	if err != nil {
		return done, err
	}
	for after < position.Through {
		rows, err := r.Store.Unsent(ctx, after, DefaultBatch)
		if err != nil {
			return done, fmt.Errorf("read outbox: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].ID
		// What lies beyond the position is the relay's to send.
		rows = slices.DeleteFunc(rows, func(row store.OutboxRow) bool {
			return row.ID > position.Through || r.Account != "" && row.Account != r.Account
		})
		if err := r.send(ctx, rows, &done); err != nil {
			return done, err
		}
		done.Last = after
		if r.Progress != nil {
			r.Progress(min(after, position.Through), position.Through)
		}
	}
	return done, nil
}

// before gives an outbox id at or below which everything is older than Since. Ids are in the order of commit, so it
// can be found by halves.
func (r *Republish) before(ctx context.Context, through int64) (int64, error) {
	low, high := int64(0), through
	for low < high {
		middle := low + (high-low)/2
		rows, err := r.Store.Unsent(ctx, middle, 1)
		if err != nil {
			return 0, fmt.Errorf("read outbox: %w", err)
		}
		if len(rows) == 0 || !rows[0].CreatedAt.Before(r.Since) {
			high = middle
		} else {
			low = rows[0].ID
		}
	}
	return low, nil
}

// call sends one call until nothing of it is held back: the relay may hold back further rows meanwhile.
func (r *Republish) call(ctx context.Context, done *Republished) error {
	key := store.Key{Account: r.Account, UUID: r.Call}
	for {
		rows, err := r.Store.Changes(ctx, key)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		if len(rows) == 0 {
			return fmt.Errorf("find call %s: %w", r.Call, store.ErrNotFound)
		}
		position, err := r.Store.Position(ctx)
		if err != nil {
			return fmt.Errorf("read position: %w", err)
		}
		rows = slices.DeleteFunc(rows, func(row store.OutboxRow) bool { return row.ID > position.Through })
		*done = Republished{Released: done.Released}
		if err := r.send(ctx, rows, done); err != nil {
			return err
		}
		position, err = r.Store.Position(ctx)
		if err != nil {
			return fmt.Errorf("read position: %w", err)
		}
		held := slices.ContainsFunc(position.Held, func(h store.Held) bool {
			return h.Account == key.Account && h.CallUUID == key.UUID
		})
		if !held {
			return nil
		}
	}
}

// send publishes rows, calls side by side, and lets go of those that were held back.
func (r *Republish) send(ctx context.Context, rows []store.OutboxRow, done *Republished) error {
	lanes := split(rows)
	counts := make([]Republished, len(lanes))
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(DefaultLanes)
	for i, lane := range lanes {
		work.Go(func() error {
			for _, row := range lane.rows {
				if err := r.row(workCtx, row, &counts[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := work.Wait()
	for _, count := range counts {
		done.Changes += count.Changes
		done.Events += count.Events
		done.Skipped += count.Skipped
	}
	if err != nil {
		return err
	}
	return r.release(ctx, rows, done)
}

func (r *Republish) row(ctx context.Context, row *store.OutboxRow, done *Republished) error {
	messages, err := flow.Messages(row.Change, r.Options)
	if err != nil {
		if r.Skip {
			done.Skipped += len(row.Events)
			return nil
		}
		return fmt.Errorf("%w: outbox row %d: %w", ErrStillPoison, row.ID, err)
	}
	for _, message := range messages {
		err := r.Bus.Publish(ctx, message)
		switch {
		case err == nil:
			done.Events++
		case !errors.Is(err, natsbus.ErrTooLarge):
			return fmt.Errorf("publish event: %w", err)
		case r.Skip:
			done.Skipped++
		default:
			return fmt.Errorf("%w: event %s of outbox row %d: %w", ErrStillPoison, message.ID, row.ID, err)
		}
	}
	done.Changes++
	return nil
}

// release lets go of the rows that were held back and were sent now.
func (r *Republish) release(ctx context.Context, rows []store.OutboxRow, done *Republished) error {
	position, err := r.Store.Position(ctx)
	if err != nil {
		return fmt.Errorf("read position: %w", err)
	}
	held := map[int64]bool{}
	for _, h := range position.Held {
		held[h.OutboxID] = true
	}
	letGo := map[int64]bool{}
	for _, row := range rows {
		if held[row.ID] {
			letGo[row.ID] = true
		}
	}
	if len(letGo) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(letGo))
	if err := r.Store.Advance(ctx, 0, nil, ids); err != nil { // the position never moves back
		return fmt.Errorf("let go of held rows: %w", err)
	}
	done.Released += len(ids)
	return nil
}
