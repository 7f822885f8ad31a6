package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

// From says where [Bus.Tail] begins.
type From int

// Where a tail may begin.
const (
	FromNew From = iota // with what is published from now on
	FromAll             // with the oldest event that the stream still has
)

// Received is one event as it stands on the stream.
type Received struct {
	flow.Message
	Sequence uint64    // on the stream
	StoredAt time.Time // when the stream took it, UTC
}

const tailRetry = 500 * time.Millisecond

// Tail hands the events on the stream to fn one by one, in the stream's order, none twice, until ctx is done (then it
// returns nil) or fn returns an error (then it returns that). It waits while NATS or the stream is away and goes on
// where it was.
func (b *Bus) Tail(ctx context.Context, from From, fn func(Received) error) error {
	cursor := tailCursor{from: from}
	for {
		err := b.tail(ctx, &cursor, fn)
		if stopped, ok := errors.AsType[*readerError](err); ok {
			return stopped.err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // that it was asked to end is no error
		}
		b.log.Debug("tail interrupted", "error", err)
		timer := time.NewTimer(tailRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// readerError wraps the reader's own error.
type readerError struct{ err error }

func (e *readerError) Error() string { return e.err.Error() }

// tailCursor is how far a tail has come.
type tailCursor struct {
	from    From
	started bool
	next    uint64 // the next sequence, once started
}

// start finds the place on the stream. A stream that ends before the cursor was made anew: it is read from its
// beginning.
func (c *tailCursor) start(state jetstream.StreamState) {
	switch {
	case !c.started && c.from == FromNew:
		c.next = state.LastSeq + 1
	case !c.started || state.LastSeq+1 < c.next:
		c.next = 1
	}
	c.started = true
}

func (b *Bus) tail(ctx context.Context, cursor *tailCursor, fn func(Received) error) error {
	asking, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	stream, err := b.js.Stream(asking, flow.StreamName)
	if err != nil {
		return fmt.Errorf("find stream %s: %w", flow.StreamName, err)
	}
	cursor.start(stream.CachedInfo().State)
	consumer, err := stream.OrderedConsumer(asking, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{flow.StreamSubjects},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    cursor.next,
		// The loop of Tail begins anew where this one gives up; the library's own would not notice that ctx is done.
		MaxResetAttempts: 1,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", flow.StreamName, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", flow.StreamName, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", flow.StreamName, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", flow.StreamName, err)
		}
		if err := fn(received(msg, meta)); err != nil {
			return &readerError{err: err}
		}
		cursor.next = meta.Sequence.Stream + 1
	}
}

func received(msg jetstream.Msg, meta *jetstream.MsgMetadata) Received {
	header := make(map[string]string, len(msg.Headers()))
	for key, values := range msg.Headers() {
		if len(values) > 0 {
			header[key] = values[0]
		}
	}
	return Received{
		Message: flow.Message{
			Subject: msg.Subject(),
			ID:      header[jetstream.MsgIDHeader],
			Header:  header,
			Body:    msg.Data(),
		},
		Sequence: meta.Sequence.Stream,
		StoredAt: meta.Timestamp.UTC(),
	}
}
