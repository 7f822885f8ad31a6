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

// publishTimeout bounds the wait for one PubAck. A message that was given up may still arrive; it is sent again with
// the same id.
const publishTimeout = 5 * time.Second

// headerTooLarge is JetStream's code for a header above its own limit; nats.go has no name for it.
const headerTooLarge jetstream.ErrorCode = 10097

// Publish puts one message on the stream and returns when JetStream has acknowledged it; that the stream had it already
// is success. It returns ErrTooLarge for a message that will never be taken; every other error may pass, and leaves
// open whether the message arrived.
func (b *Bus) Publish(ctx context.Context, message flow.Message) error {
	header := make(nats.Header, len(message.Header)+1)
	for key, value := range message.Header {
		header[key] = []string{value}
	}
	header[jetstream.MsgIDHeader] = []string{message.ID}
	ctx, cancel := b.link.bound(ctx, publishTimeout)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: message.Subject, Header: header, Data: message.Body})
	if err != nil {
		return fmt.Errorf("publish event: %w", explain(ctx, err))
	}
	return nil
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
		errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionDraining):
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return err
}
