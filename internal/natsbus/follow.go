package natsbus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

// Following says what [Bus.Follow] hands over, and from where on.
type Following struct {
	// Subjects are those of the events wanted; none: all events.
	Subjects []string
	// Next is the sequence of the stream to begin with; 0: Since decides.
	Next uint64
	// Since begins with what the stream took at this time or later. Zero: with what is published from now on.
	Since time.Time
}

// Follower is told what happens. An error that it returns ends the following.
type Follower struct {
	// Event gets the events, one by one.
	Event func(Received) error
	// Gap tells that the stream does not hold any more what the reader should get next; nil: nobody wants to know.
	Gap func(Gap) error
	// Lost tells that NATS or the stream is away, once until Found tells that it is back; each may be nil.
	Lost, Found func() error
}

// Gap is a range of the stream that can no longer be read.
type Gap struct {
	// From and To are the first and the last sequence that are missing. There may have been no event for the reader
	// among them.
	From, To uint64
	// Anew says that the stream was deleted and made again: its sequences begin anew, what it holds is handed over from
	// its beginning, and From and To are 0.
	Anew bool
}

// Follow hands events on the stream over one by one, in the stream's order, none twice, until ctx is done (then it
// returns nil) or the follower returns an error (then it returns that). While NATS or the stream is away it waits, and
// then goes on where it was.
func (b *Bus) Follow(ctx context.Context, from Following, follower Follower) error {
	place := place{next: from.Next, started: from.Next > 0, since: from.Since}
	if len(from.Subjects) == 0 {
		from.Subjects = []string{flow.StreamSubjects}
	}
	away := false
	return b.again(ctx,
		func() error {
			return b.follow(ctx, from.Subjects, &place, follower, func() error {
				if !away {
					return nil
				}
				away = false
				return call(follower.Found)
			})
		},
		func() error {
			if !place.started && place.since.IsZero() {
				place.since = time.Now() // "from now on" does not wait for NATS
			}
			if away {
				return nil
			}
			away = true
			return call(follower.Lost)
		})
}

func call(fn func() error) error {
	if fn == nil {
		return nil
	}
	return fn()
}

// place is how far a follower has come.
type place struct {
	next    uint64 // the next sequence, once started
	started bool
	since   time.Time // where to start, zero: with what is new
}

// resume finds the place on a stream as it is now, and what was missed.
func (p *place) resume(state jetstream.StreamState) (config jetstream.ConsumerConfig, gap *Gap) {
	switch {
	case !p.started && !p.since.IsZero():
		return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &p.since}, nil
	case !p.started:
		p.next, p.started = state.LastSeq+1, true
	case state.LastSeq+1 < p.next: // a stream that ends before the place was made anew
		p.next, gap = 1, &Gap{Anew: true}
	case p.next < state.FirstSeq:
		gap = &Gap{From: p.next, To: state.FirstSeq - 1}
		p.next = state.FirstSeq
	}
	return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: p.next}, gap
}

func (b *Bus) follow(ctx context.Context, subjects []string, place *place, follower Follower, begun func() error) error {
	asking, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	stream, err := b.js.Stream(asking, flow.StreamName)
	if err != nil {
		return fmt.Errorf("find stream %s: %w", flow.StreamName, explain(asking, err))
	}
	state := stream.CachedInfo().State
	config, gap := place.resume(state)
	config.FilterSubjects = subjects
	if err := b.read(ctx, stream, config,
		func(pending uint64) error {
			if !place.started && pending == 0 {
				// Nothing since that time: what comes is new. (With something waiting, the first event tells the place.)
				place.next, place.started = state.LastSeq+1, true
			}
			if err := begun(); err != nil || gap == nil || follower.Gap == nil {
				return err
			}
			return follower.Gap(*gap)
		},
		func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
			if err := follower.Event(received(msg, meta)); err != nil {
				return err
			}
			place.next, place.started = meta.Sequence.Stream+1, true
			return nil
		}); err != nil {
		return fmt.Errorf("read stream %s: %w", flow.StreamName, err)
	}
	return nil
}
