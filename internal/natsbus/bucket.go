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

const (
	// bucketStream is the stream below the KV bucket, by NATS's own rule.
	bucketStream = "KV_" + flow.BucketName
	// markerTTL is how long it shows that a key was removed: longer than a dashboard loses its connection, for that one
	// would never learn of it.
	markerTTL = time.Hour
)

// bucket is the KV bucket of the calls.
type bucket struct {
	jetstream.KeyValue
	drop []jetstream.KVDeleteOpt
}

// EnsureBucket makes the KV bucket of the calls if it is absent. One that is there keeps its settings.
//
// Keys that nobody touched for the stream's MaxAge go by themselves, so that whatever may go wrong, nothing stays for
// ever. Markers of removed keys go after an hour, where the server can do that (from 2.11).
func (b *Bus) EnsureBucket(ctx context.Context) error {
	ctx, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	kv, err := b.js.KeyValue(ctx, flow.BucketName)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = b.makeBucket(ctx)
	}
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", flow.BucketName, explain(ctx, err))
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", flow.BucketName, explain(ctx, err))
	}
	found := &bucket{KeyValue: kv}
	if status.LimitMarkerTTL() > 0 {
		found.drop = append(found.drop, jetstream.PurgeTTL(markerTTL))
	}
	b.bucket.Store(found)
	return nil
}

func (b *Bus) makeBucket(ctx context.Context) (jetstream.KeyValue, error) {
	config := jetstream.KeyValueConfig{
		Bucket:         flow.BucketName,
		Description:    "calls that are not settled yet",
		History:        1,
		TTL:            b.config.MaxAge,
		Storage:        jetstream.FileStorage,
		Replicas:       b.config.Replicas,
		LimitMarkerTTL: markerTTL,
	}
	kv, err := b.js.CreateKeyValue(ctx, config)
	if errors.Is(err, jetstream.ErrLimitMarkerTTLNotSupported) {
		config.LimitMarkerTTL = 0
		kv, err = b.js.CreateKeyValue(ctx, config)
	}
	if errors.Is(err, jetstream.ErrBucketExists) { // another instance was faster, with other settings
		kv, err = b.js.KeyValue(ctx, flow.BucketName)
	}
	return kv, err
}

// subjects is how the subjects of a bucket's keys begin, by NATS's own rule (its ADR-8).
const subjects = "$KV." + flow.BucketName + "."

// PutCall shows value under key in the bucket. What it returns waits for the answer, and is called once: ErrTooLarge for
// a value that will never be taken; every other error may pass. It is a KV put, made so that many can be on their way at
// once: the library's own waits for each.
func (b *Bus) PutCall(key string, value []byte) (wait func(ctx context.Context) error) {
	if b.bucket.Load() == nil {
		return func(context.Context) error { return fmt.Errorf("put call: %w", errUnprepared) }
	}
	return b.send("put call", &nats.Msg{Subject: subjects + key, Data: value})
}

// DropCall removes key from the bucket; one that is not there is no error.
func (b *Bus) DropCall(ctx context.Context, key string) error {
	calls := b.bucket.Load()
	if calls == nil {
		return fmt.Errorf("drop call: %w", errUnprepared)
	}
	ctx, cancel := b.link.bound(ctx, publishTimeout)
	defer cancel()
	if err := calls.Purge(ctx, key, calls.drop...); err != nil {
		return fmt.Errorf("drop call: %w", explain(ctx, err))
	}
	return nil
}
