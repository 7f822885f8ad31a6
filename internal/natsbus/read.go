package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readRetry is how long a reader waits before it looks again whether NATS and the stream are there.
	readRetry = 500 * time.Millisecond
	// readAhead is how many messages a reader is sent before it asks for more: a slow one holds no more than that.
	readAhead = 64
	// readExpiry and readHeartbeat: a server or a stream without a leader that says nothing is noticed after two
	// heartbeats, although the connection stands.
	readExpiry    = 30 * time.Second
	readHeartbeat = 5 * time.Second
	// readIdle is when the server forgets a reader that it could not be told the end of.
	readIdle = time.Minute
	// forgetTimeout bounds the telling.
	forgetTimeout = time.Second
)

var errOutOfOrder = errors.New("message out of order")

// readerError wraps the error of whoever was handed a message.
type readerError struct{ err error }

func (e *readerError) Error() string { return e.err.Error() }

// read makes a consumer of its own and hands over what it is sent, in order and without holes, until ctx is done, the
// connection breaks, the server falls silent or fn returns an error (then it returns a readerError). The library's
// ordered consumer would begin again by itself, and keep to itself that it has to, also when ctx is done; our readers
// want to know.
//
// begun is told how many messages the consumer has waiting.
func (b *Bus) read(ctx context.Context, stream jetstream.Stream, config jetstream.ConsumerConfig,
	begun func(pending uint64) error, fn func(jetstream.Msg, *jetstream.MsgMetadata) error,
) error {
	ctx, cancel := b.link.whole(ctx)
	defer cancel()
	config.AckPolicy = jetstream.AckNonePolicy
	config.MemoryStorage = true
	config.Replicas = 1
	config.InactiveThreshold = readIdle
	asking, stop := context.WithTimeout(ctx, manageTimeout)
	consumer, err := stream.CreateConsumer(asking, config)
	stop()
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	defer b.forget(ctx, stream, consumer.CachedInfo().Name)
	if err := begun(consumer.CachedInfo().NumPending); err != nil {
		return &readerError{err: err}
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullExpiry(readExpiry),
		jetstream.PullHeartbeat(readHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("read messages: %w", err)
	}
	defer messages.Stop()
	for next := uint64(1); ; next++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read messages: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read messages: %w", err)
		}
		if meta.Sequence.Consumer != next {
			return fmt.Errorf("read messages: %w", errOutOfOrder)
		}
		if err := fn(msg, meta); err != nil {
			return &readerError{err: err}
		}
	}
}

// forget takes a consumer away, so that a page that is loaded again and again does not pile them up on the server. If
// that fails, it goes by itself.
func (b *Bus) forget(ctx context.Context, stream jetstream.Stream, name string) {
	ctx, cancel := b.link.bound(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	if err := stream.DeleteConsumer(ctx, name); err != nil {
		b.log.Debug("consumer not removed", "error", err)
	}
}

// again calls attempt until ctx is done (then it returns nil) or a reader returns an error (then it returns that). lost
// is told of each attempt that came to an end.
func (b *Bus) again(ctx context.Context, attempt, lost func() error) error {
	for {
		err := attempt()
		if stopped, ok := errors.AsType[*readerError](err); ok {
			return stopped.err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // that it was asked to end is no error
		}
		b.log.Debug("reading interrupted", "error", err)
		if err := lost(); err != nil {
			return err
		}
		timer := time.NewTimer(readRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}
