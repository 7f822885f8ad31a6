package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var triggerReaderTests = []test{
	{"says unavailable to every question about triggers after a cancel", func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		for name, ask := range map[string]func() error{
			"AllHandlers":       func() error { _, _, err := b.AllHandlers(ctx); return err },
			"HandlersRevision":  func() error { _, err := b.HandlersRevision(ctx); return err },
			"Handler":           func() error { _, err := b.Handler(ctx, "h"); return err },
			"TriggersOfCall":    func() error { _, err := b.TriggersOfCall(ctx, key(acme, 1)); return err },
			"TriggersOfHandler": func() error { _, err := b.TriggersOfHandler(ctx, "h", 1); return err },
			"Subscribers":       func() error { _, err := b.Subscribers(ctx, acme, "", 1); return err },
			"Subscriber":        func() error { _, err := b.Subscriber(ctx, acme, "s"); return err },
			"Topics":            func() error { _, err := b.Topics(ctx, acme, "", 1); return err },
			"Topic":             func() error { _, err := b.Topic(ctx, acme, "t"); return err },
			"TopicMembers":      func() error { _, err := b.TopicMembers(ctx, acme, "t", "", 1); return err },
			"ReadBroadcast":     func() error { _, err := b.ReadBroadcast(ctx, acme, "b"); return err },
		} {
			err := ask()
			require.ErrorIs(t, err, store.ErrUnavailable, name)
			require.NotErrorIs(t, err, store.ErrRefused, name)
			require.NotErrorIs(t, err, store.ErrNotFound, name)
		}
		require.NoError(t, b.Ping(b.ctx))
	}},

	{"says unavailable within a transaction after a cancel, and keeps nothing", func(t *testing.T, b *bundle) {
		for name, write := range map[string]func(ctx context.Context, tx store.Tx) error{
			"PutHandlers": func(ctx context.Context, tx store.Tx) error {
				return tx.PutHandlers(ctx, []store.Handler{handler("h", store.HandlerFromAPI, `{}`)})
			},
			"AddTriggers": func(ctx context.Context, tx store.Tx) error {
				return tx.AddTriggers(ctx, []*store.Trigger{pending(1, 1, "")})
			},
			"PendingOf": func(ctx context.Context, tx store.Tx) error {
				_, err := tx.PendingOf(ctx, []store.CancelQuery{{Account: acme, CallUUID: uuid(1), EventType: "x"}})
				return err
			},
			"CountSubscribers": func(ctx context.Context, tx store.Tx) error {
				_, err := tx.CountSubscribers(ctx, acme)
				return err
			},
			"JoinTopic": func(ctx context.Context, tx store.Tx) error {
				_, err := tx.JoinTopic(ctx, acme, "t", []string{"s"})
				return err
			},
			"DropMarks": func(ctx context.Context, tx store.Tx) error {
				_, err := tx.DropMarks(ctx, now, 1)
				return err
			},
		} {
			ctx, cancel := context.WithCancel(b.ctx)
			err := b.Write(ctx, func(tx store.Tx) error {
				require.NoError(t, tx.PutSubscribers(ctx, []store.Subscriber{subscriber("s")}, false))
				cancel()
				err := write(ctx, tx)
				require.ErrorIs(t, err, store.ErrUnavailable, name)
				require.NotErrorIs(t, err, store.ErrNotFound, name)
				return nil // a statement's error counts, whatever the function says
			})
			require.ErrorIs(t, err, store.ErrUnavailable, name)
		}
		_, err := b.Subscriber(b.ctx, acme, "s")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
