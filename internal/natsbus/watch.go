package natsbus

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

// Headers by which the bucket's stream says that a key is gone.
const (
	headerOperation = "KV-Operation"
	headerMarker    = "Nats-Marker-Reason"
)

// CallChange is one call as the bucket shows it.
type CallChange struct {
	CallUUID string
	Record   []byte // nil: the call is not shown any more
	Revision uint64 // of the bucket; it grows from change to change
}

// CallWatcher is told what the bucket shows of one account, always by the same goroutine.
type CallWatcher struct {
	// Begin tells that a snapshot begins; what is in it comes as changes, and nothing else that was told before holds.
	Begin func()
	// Change tells of a call; of one that is gone also where nothing else was told of it.
	Change func(CallChange)
	// Ready tells that the snapshot is complete. What follows are changes, each once and in order.
	Ready func()
	// Lost tells that NATS or the bucket is away; when it is back, a new snapshot begins. It may be told repeatedly.
	Lost func()
}

// WatchCalls tells what the bucket shows of an account, and each change of it, until ctx is done.
func (b *Bus) WatchCalls(ctx context.Context, account string, watcher CallWatcher) {
	_ = b.again(ctx, // only readers make errors, and this one makes none
		func() error { return b.watchCalls(ctx, account, watcher) },
		func() error { watcher.Lost(); return nil })
}

func (b *Bus) watchCalls(ctx context.Context, account string, watcher CallWatcher) error {
	asking, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	stream, err := b.js.Stream(asking, bucketStream)
	if err != nil {
		return fmt.Errorf("find bucket %s: %w", flow.BucketName, explain(asking, err))
	}
	prefix := "$KV." + flow.BucketName + "." + flow.Token(account) + "."
	loading := true
	ready := func() {
		loading = false
		watcher.Ready()
	}
	config := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{prefix + "*"},
	}
	if err := b.read(ctx, stream, config,
		func(pending uint64) error {
			watcher.Begin()
			if pending == 0 {
				ready()
			}
			return nil
		},
		func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
			change := CallChange{
				CallUUID: strings.TrimPrefix(msg.Subject(), prefix), Record: msg.Data(), Revision: meta.Sequence.Stream,
			}
			if gone(msg) {
				change.Record = nil
			}
			watcher.Change(change)
			if loading && meta.NumPending == 0 {
				ready()
			}
			return nil
		}); err != nil {
		return fmt.Errorf("watch bucket %s: %w", flow.BucketName, err)
	}
	return nil
}

// gone says whether a message of the bucket's stream takes its key away: it was deleted or purged, or it grew too old.
func gone(msg jetstream.Msg) bool {
	return msg.Headers().Get(headerOperation) != "" || msg.Headers().Get(headerMarker) != ""
}
