package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

// ErrTooLarge says that a message is larger than the server or the stream takes: it will be refused again.
var ErrTooLarge = errors.New("message too large for nats")

// errUnprepared says that the bucket was not looked for yet.
var errUnprepared = errors.New("bucket not found yet")

// maxUnanswered is how many messages may wait for their PubAck at once, over all who send.
const maxUnanswered = 4096

// publishTimeout bounds the wait for one PubAck. A message that was given up may still arrive; it is sent again with
// the same id.
const publishTimeout = 5 * time.Second

// headerTooLarge is JetStream's code for a header above its own limit; nats.go has no name for it.
const headerTooLarge jetstream.ErrorCode = 10097

// Send hands one message to the connection. What it returns waits for JetStream's answer, and is called once: nil when
// the message is on the stream, also if the stream had it already; ErrTooLarge for a message that will never be taken;
// every other error may pass, and leaves open whether the message arrived. Answers come in the order of sending as long
// as nothing fails, so whoever has many messages on their way waits for the first one first.
func (b *Bus) Send(message flow.Message) (wait func(ctx context.Context) error) {
	header := make(nats.Header, len(message.Header)+1)
	values := make([]string, 0, len(message.Header)+1)
	set := func(key, value string) {
		values = append(values, value)
		header[key] = values[len(values)-1:]
	}
	for key, value := range message.Header {
		set(key, value)
	}
	set(jetstream.MsgIDHeader, message.ID)
	return b.send("publish event", &nats.Msg{Subject: message.Subject, Header: header, Data: message.Body})
}

// send is what Send and PutCall have in common.
func (b *Bus) send(doing string, message *nats.Msg) (wait func(ctx context.Context) error) {
	standing := b.link.context()
	if standing.Err() != nil {
		return func(context.Context) error { return fmt.Errorf("%s: %w", doing, ErrDisconnected) }
	}
	ack, err := b.js.PublishMsgAsync(message)
	if err != nil {
		return func(ctx context.Context) error { return fmt.Errorf("%s: %w", doing, explain(ctx, err)) }
	}
	return func(ctx context.Context) error {
		var err error
		select {
		case <-ack.Ok():
			return nil
		case err = <-ack.Err():
		case <-standing.Done():
			err = context.Cause(standing)
		case <-ctx.Done():
			err = ctx.Err()
		}
		select {
		case <-ack.Ok(): // it came together with the end of the wait
			return nil
		default:
		}
		return fmt.Errorf("%s: %w", doing, explain(ctx, err))
	}
}

// Publish is Send and the wait for what comes of it. With a context that is done it sends nothing.
func (b *Bus) Publish(ctx context.Context, message flow.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish event: %w", err)
	}
	return b.Send(message)(ctx)
}

// explain says what an error of NATS means to us: that the message is too large, or that the connection broke.
func explain(ctx context.Context, err error) error {
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.As(err, &refused) &&
		(refused.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum || refused.ErrorCode == headerTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(context.Cause(ctx), ErrDisconnected),
		errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionDraining):
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return err
}
