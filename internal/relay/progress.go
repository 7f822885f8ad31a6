package relay

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
)

// progress is what a relay knows of its way through the outbox. It reads from the position on, a window of rows at a
// time. The position moves only up to the first row that is not dealt with; which later rows of the window are is kept
// in memory, so that they are not sent twice.
type progress struct {
	relay *Relay
	soft  context.Context // of this leadership; done: begin nothing new
	hard  context.Context // done: give up what was begun

	prepared bool               // the stream and the bucket were there when last looked for
	through  int64              // up to which rows are dealt with, but for the bucket
	saved    int64              // what the store knows of it
	moving   time.Time          // since when it knows less, zero if it does not
	adopted  time.Time          // when the store was last asked for the position
	blocked  map[store.Key]bool // calls with rows that are held back
	held     int                // how many rows are held back in the store
	sent     map[int64]int      // how many events of a row that is not dealt with are on the stream
	done     map[int64]bool     // rows above the position that are dealt with, but for the bucket
	hold     []store.Held       // rows above saved that are to be held back
	show     map[string]showing // by key: what the bucket does not show yet, of rows above saved
}

func newProgress(r *Relay) *progress {
	return &progress{
		relay: r,
		sent:  make(map[int64]int),
		done:  make(map[int64]bool),
		show:  make(map[string]showing),
	}
}

// begin starts a time of leadership. What is on the stream is there whoever leads, so that is all that is kept of the
// time before: another leader may have moved the position and the bucket in between.
func (p *progress) begin(soft, hard context.Context) {
	p.soft, p.hard = soft, hard
	p.prepared = true
	// Another leader may have been further, or not as far as this one was. What this one published without saving its
	// position goes out again, with the same ids: the stream knows them.
	p.through, p.saved = 0, 0
	p.adopted, p.moving = time.Time{}, time.Time{}
	for _, held := range p.hold {
		delete(p.done, held.OutboxID)
	}
	for id := range p.done {
		p.sent[id] = math.MaxInt
	}
	clear(p.done)
	clear(p.show)
	p.hold = nil
}

// drain deals with the outbox until it is empty. An error is one that may pass.
func (p *progress) drain() error {
	// An operator may have let held rows go; nobody else changes what is known here.
	if p.adopted.IsZero() || time.Since(p.adopted) > netPoll || len(p.blocked) > 0 {
		if err := p.adopt(); err != nil {
			return err
		}
	}
	if !p.prepared {
		if err := p.relay.bus.Prepare(p.soft); err != nil {
			return err
		}
		p.prepared = true
	}
	if err := p.save(saveEvery); err != nil {
		p.prepared = false
		return err
	}
	for p.soft.Err() == nil {
		rows, err := p.relay.store.Unsent(p.soft, p.through, p.relay.config.Batch)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		if len(p.blocked) > 0 {
			// An operator may have let a call go since; a row held behind nothing would block it again.
			if err := p.adopt(); err != nil {
				return err
			}
		}
		if err := p.round(rows); err != nil {
			// The stream may be gone; it is looked for before the next attempt.
			p.prepared = false
			return err
		}
		if err := p.save(saveEvery); err != nil {
			p.prepared = false
			return err
		}
		p.relay.gauges.recover()
		if len(rows) < p.relay.config.Batch {
			return nil // what was committed since wakes the relay again
		}
	}
	return nil
}

// adopt takes the position from the store, where an operator may have let held rows go.
func (p *progress) adopt() error {
	position, err := p.relay.store.Position(p.soft)
	if err != nil {
		return err
	}
	p.blocked = make(map[store.Key]bool)
	for _, held := range [][]store.Held{position.Held, p.hold} {
		for _, row := range held {
			p.blocked[store.Key{Account: row.Account, UUID: row.CallUUID}] = true
		}
	}
	p.held = len(position.Held)
	p.saved = max(p.saved, position.Through)
	p.dealt(max(p.through, position.Through))
	p.adopted = time.Now()
	return nil
}

// round publishes one window of rows.
func (p *progress) round(rows []store.OutboxRow) error {
	lanes := split(rows)
	failed := p.fly(lanes)
	for _, lane := range lanes {
		p.take(lane)
	}
	// What the lanes did before one failed is kept.
	through := rows[len(rows)-1].ID
	for i := range rows {
		if !p.done[rows[i].ID] {
			through = rows[i].ID - 1
			break
		}
	}
	p.dealt(max(p.through, through))
	return failed
}

// flight is a lane's message that is on its way.
type flight struct {
	lane *lane
	wait func(context.Context) error
	span *tracing.Span
}

// send hands a message over. Whoever reads it goes on from the span of its publishing.
func (p *progress) send(lane *lane, message flow.Message) flight {
	span := p.relay.config.Tracer.Publish(p.hard, message.Header[flow.HeaderTraceparent], message.Subject, message.ID)
	if span != nil {
		message.Header[flow.HeaderTraceparent] = span.Traceparent()
	}
	return flight{lane, p.relay.bus.Send(message), span}
}

// fly sends what the lanes have, the messages of each one after the other's PubAck, those of many lanes at once. A lane
// that fails rests, the others go on. The first failure is returned.
func (p *progress) fly(lanes []*lane) (failed error) {
	flying := make([]flight, 0, p.relay.config.Lanes)
	launch := func(lane *lane) {
		if err := p.soft.Err(); err != nil {
			failed = cmp.Or(failed, err)
			return
		}
		if message, ok := lane.next(p); ok {
			flying = append(flying, p.send(lane, message))
		}
	}
	for {
		for len(lanes) > 0 && len(flying) < p.relay.config.Lanes {
			launch(lanes[0])
			lanes = lanes[1:]
		}
		if len(flying) == 0 {
			return failed
		}
		first := flying[0]
		flying = flying[1:]
		err := first.wait(p.hard)
		first.span.End(err)
		if err := first.lane.landed(p, err); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		launch(first.lane)
	}
}

// take takes over what a lane has done.
func (p *progress) take(lane *lane) {
	for _, id := range lane.done {
		p.done[id] = true
		delete(p.sent, id)
	}
	if lane.partial > 0 {
		p.sent[lane.partialID] = lane.partial
	}
	for _, held := range lane.hold {
		p.blocked[store.Key{Account: held.Account, UUID: held.CallUUID}] = true
		p.hold = append(p.hold, held)
	}
	maps.Copy(p.show, lane.show)
}

// dealt moves the place up to which rows are dealt with, and forgets what lies behind it.
func (p *progress) dealt(through int64) {
	p.through = through
	for id := range p.done {
		if id <= through {
			delete(p.done, id)
		}
	}
	for id := range p.sent {
		if id <= through {
			delete(p.sent, id)
		}
	}
	if p.moving.IsZero() && p.through > p.saved {
		p.moving = time.Now()
	}
	p.relay.gauges.position.Store(through)
	p.relay.gauges.held.Store(int64(p.held + len(p.hold)))
}

// save shows in the bucket what it does not show yet, and then moves the position that the store knows, if it has been
// behind for so long. Both are done for many rows at once: a call that changed twice since is shown once, and what is
// not saved when this process dies is published again with the same ids.
func (p *progress) save(behind time.Duration) error {
	if p.moving.IsZero() || time.Since(p.moving) < behind {
		return nil
	}
	unshown := p.flush()
	through := p.through
	for _, one := range p.show {
		through = min(through, one.row-1)
	}
	if through > p.saved && p.hard.Err() == nil {
		slices.SortFunc(p.hold, func(a, b store.Held) int { return cmp.Compare(a.OutboxID, b.OutboxID) })
		at := 0
		for at < len(p.hold) && p.hold[at].OutboxID <= through {
			at++
		}
		if err := p.relay.store.Advance(p.hard, through, p.hold[:at:at], nil); err != nil {
			return err
		}
		p.held += at
		p.hold = slices.Delete(p.hold, 0, at)
		p.saved = through
	}
	if unshown == nil && p.saved >= p.through {
		p.moving = time.Time{}
	}
	return unshown
}

// dropsAtOnce is how many keys are removed at once.
const dropsAtOnce = 64

// flush changes the bucket, many keys at once. What was changed is no longer in p.show.
func (p *progress) flush() error {
	var failed error
	for chunk := range slices.Chunk(slices.Collect(maps.Values(p.show)), p.relay.config.Lanes) {
		// Whoever leads no more must not show what another leader may have gone past.
		if failed == nil {
			failed = p.hard.Err()
		}
		if failed != nil {
			return failed
		}
		failed = p.showAll(chunk)
	}
	return failed
}

// showAll changes some keys.
func (p *progress) showAll(shows []showing) (failed error) {
	waits := make(map[string]func(context.Context) error, len(shows))
	drops := errgroup.Group{}
	drops.SetLimit(dropsAtOnce)
	dropped := make([]bool, len(shows))
	for i, one := range shows {
		if one.record != nil {
			waits[one.key] = one.put(p.relay)
			continue
		}
		drops.Go(func() error {
			err := p.relay.bus.DropCall(p.hard, one.key)
			dropped[i] = err == nil
			return err
		})
	}
	for key, wait := range waits {
		if err := wait(p.hard); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		delete(p.show, key)
	}
	failed = cmp.Or(failed, drops.Wait())
	for i, one := range shows {
		if dropped[i] {
			delete(p.show, one.key)
		}
	}
	return failed
}
