package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

const (
	expungePage = 500
	// expungeIdle is how long the server keeps a reader of ours that has gone without a word.
	expungeIdle = time.Minute
)

// Expunge takes the events of an account of which about says so off the stream, where they are overwritten, and says how
// many. It looks at what the stream holds when it begins. It ends early, with an error, when NATS or ctx does; then it may
// have removed some.
func (b *Bus) Expunge(ctx context.Context, account string, about func(body []byte) bool) (removed int, err error) {
	ctx, cancel := b.link.whole(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, flow.StreamName)
	if err != nil {
		return 0, fmt.Errorf("find stream %s: %w", flow.StreamName, explain(ctx, err))
	}
	last := stream.CachedInfo().State.LastSeq
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects: []string{flow.AccountSubjects(account)}, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true,
		InactiveThreshold: expungeIdle,
	})
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", flow.StreamName, explain(ctx, err))
	}
	defer func() {
		tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), manageTimeout)
		defer cancel()
		deleted := stream.DeleteConsumer(tidying, consumer.CachedInfo().Name)
		if deleted != nil && !errors.Is(deleted, jetstream.ErrConsumerNotFound) && err == nil {
			b.log.Debug("reader of the stream is left to the server", "error", deleted)
		}
	}()
	pending := consumer.CachedInfo().NumPending
	for seen := uint64(0); seen < pending; {
		page, err := consumer.Fetch(int(min(expungePage, pending-seen)), jetstream.FetchContext(ctx))
		if err != nil {
			return removed, fmt.Errorf("read stream %s: %w", flow.StreamName, explain(ctx, err))
		}
		got := 0
		for msg := range page.Messages() {
			got++
			seen++
			meta, err := msg.Metadata()
			if err != nil {
				return removed, fmt.Errorf("read stream %s: %w", flow.StreamName, err)
			}
			if meta.Sequence.Stream > last || !about(msg.Data()) {
				continue
			}
			err = stream.SecureDeleteMsg(ctx, meta.Sequence.Stream)
			if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
				return removed, fmt.Errorf("remove event: %w", explain(ctx, err))
			}
			removed++
		}
		if err := page.Error(); err != nil {
			return removed, fmt.Errorf("read stream %s: %w", flow.StreamName, explain(ctx, err))
		}
		if got == 0 { // what was there has aged away meanwhile
			break
		}
	}
	return removed, nil
}
