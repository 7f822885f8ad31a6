package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/flow"
)

// ErrIncompatible says that there is a stream of our name which does not take our subjects. An operator has to decide.
var ErrIncompatible = errors.New("stream does not take the events' subjects")

// manageTimeout bounds one question about a stream or its making; a cluster may have to elect leaders for it.
const manageTimeout = 5 * time.Second

// Prepare makes the stream and the bucket if they are absent, and finds them. It may be called again at any time.
func (b *Bus) Prepare(ctx context.Context) error {
	if err := b.EnsureStream(ctx); err != nil {
		return err
	}
	return b.EnsureBucket(ctx)
}

// EnsureStream makes the stream of the events if it is absent. One that is there keeps the settings it has, for they
// are the operator's; it only has to take our subjects, else ErrIncompatible.
func (b *Bus) EnsureStream(ctx context.Context) error {
	ctx, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	stream, err := b.js.Stream(ctx, flow.StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        flow.StreamName,
			Description: "flow trigger events of webhookd",
			Subjects:    []string{flow.StreamSubjects},
			Storage:     jetstream.FileStorage,
			MaxAge:      b.config.MaxAge,
			Duplicates:  b.config.DuplicateWindow,
			Replicas:    b.config.Replicas,
			AllowDirect: true,
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another instance was faster
			stream, err = b.js.Stream(ctx, flow.StreamName)
		}
	}
	if err != nil {
		return fmt.Errorf("make stream %s: %w", flow.StreamName, explain(ctx, err))
	}
	for _, subject := range stream.CachedInfo().Config.Subjects {
		if covers(subject, flow.StreamSubjects) {
			return nil
		}
	}
	return fmt.Errorf("make stream %s: %w: %s", flow.StreamName, ErrIncompatible, flow.StreamSubjects)
}

// Ready says whether events can be published now: connected, and the stream and the bucket are there. The error names
// the first that is missing.
func (b *Bus) Ready(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return fmt.Errorf("%w (%s)", ErrDisconnected, strings.ToLower(b.conn.Status().String()))
	}
	ctx, cancel := b.link.bound(ctx, manageTimeout)
	defer cancel()
	for _, name := range []string{flow.StreamName, bucketStream} {
		if _, err := b.js.Stream(ctx, name); err != nil {
			return fmt.Errorf("find stream %s: %w", name, explain(ctx, err))
		}
	}
	return nil
}

// covers says whether every subject that want matches is matched by pattern too.
func covers(pattern, want string) bool {
	patterns, wants := strings.Split(pattern, "."), strings.Split(want, ".")
	for i, token := range patterns {
		switch {
		case token == ">":
			return len(wants) > i
		case i >= len(wants):
			return false
		case wants[i] == ">":
			return false
		case token != "*" && token != wants[i]:
			return false
		}
	}
	return len(patterns) == len(wants)
}
