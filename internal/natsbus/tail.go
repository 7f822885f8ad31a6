package natsbus

import (
	"context"
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

// Tail hands the events on the stream to fn one by one, in the stream's order, none twice, until ctx is done (then it
// returns nil) or fn returns an error (then it returns that). It waits while NATS or the stream is away and goes on
// where it was.
func (b *Bus) Tail(ctx context.Context, from From, fn func(Received) error) error {
	following := Following{}
	if from == FromAll {
		following.Since = time.Unix(0, 0)
	}
	return b.Follow(ctx, following, Follower{Event: fn})
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
