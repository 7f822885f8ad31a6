package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var writeTests = []test{
	{"answers a ping and says its kind", func(t *testing.T, b *bundle) {
		require.NoError(t, b.Ping(b.ctx))
		require.Contains(t, []string{"postgres", "sqlite"}, b.Kind())
	}},

	{"keeps nothing when the function fails, and gives its error back", func(t *testing.T, b *bundle) {
		failure := errors.New("no")
		err := b.Write(b.ctx, func(tx store.Tx) error {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{{Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1)}}))
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1)}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{change(acme, 1, 1)}))
			require.NoError(t, tx.PutDue(b.ctx, []store.Due{{Account: acme, CallUUID: uuid(1), Kind: store.DueReap, At: now}}))
			return failure
		})
		require.ErrorIs(t, err, failure)
		require.NotErrorIs(t, err, store.ErrRefused)
		require.NotErrorIs(t, err, store.ErrUnavailable)

		empty, err := b.Empty(b.ctx)
		require.NoError(t, err)
		require.True(t, empty)
		_, err = b.Call(b.ctx, key(acme, 1))
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = b.Dialog(b.ctx, key(acme, 1))
		require.ErrorIs(t, err, store.ErrNotFound)
		rows, err := b.Unsent(b.ctx, 0, 10)
		require.NoError(t, err)
		require.Empty(t, rows)
		_, ok, err := b.NextDue(b.ctx)
		require.NoError(t, err)
		require.False(t, ok)
	}},

	{"keeps nothing when the function panics, and can write again", func(t *testing.T, b *bundle) {
		require.Panics(t, func() {
			_ = b.Write(b.ctx, func(tx store.Tx) error {
				require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
				panic("bug")
			})
		})
		empty, err := b.Empty(b.ctx)
		require.NoError(t, err)
		require.True(t, empty)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
		})
	}},

	{"fails when the function hides a statement's error", func(t *testing.T, b *bundle) {
		err := b.Write(b.ctx, func(tx store.Tx) error {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
			bad := call(acme, 1)
			bad.Record = []byte("{\"no UTF-8\":\"\xff")
			_ = tx.PutCalls(b.ctx, []store.Call{bad})
			return nil
		})
		require.ErrorIs(t, err, store.ErrRefused)
		empty, err := b.Empty(b.ctx)
		require.NoError(t, err)
		require.True(t, empty)
	}},

	{"refuses what is neither JSON nor UTF-8 as refused data, and can write again", func(t *testing.T, b *bundle) {
		bad := call(acme, 1)
		bad.Record = []byte("{\"no UTF-8\":\"\xff")
		err := b.Write(b.ctx, func(tx store.Tx) error { return tx.PutCalls(b.ctx, []store.Call{bad}) })
		require.ErrorIs(t, err, store.ErrRefused)
		require.NotErrorIs(t, err, store.ErrUnavailable)

		row := change(acme, 1, 1)
		row.Record = bad.Record
		err = b.Write(b.ctx, func(tx store.Tx) error { return tx.AppendOutbox(b.ctx, []*store.OutboxRow{row}) })
		require.ErrorIs(t, err, store.ErrRefused)

		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, []store.Call{call(acme, 1)})) })
	}},

	{"takes empty batches", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, nil))
			require.NoError(t, tx.PutLegs(b.ctx, nil))
			require.NoError(t, tx.PutCalls(b.ctx, nil))
			require.NoError(t, tx.AppendOutbox(b.ctx, nil))
			require.NoError(t, tx.PutDue(b.ctx, nil))
			require.NoError(t, tx.DropDue(b.ctx, nil))
			legs, err := tx.Legs(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, legs)
			calls, err := tx.Calls(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, calls)
			due, err := tx.Due(b.ctx, now, 10)
			require.NoError(t, err)
			require.Empty(t, due)
		})
	}},

	{"runs one transaction at a time, so that no update is lost", func(t *testing.T, b *bundle) {
		const writers, times = 8, 10
		count := func(tx store.Tx) error {
			legs, err := tx.Legs(b.ctx, []store.Key{key(acme, 1)})
			if err != nil {
				return err
			}
			n := 0
			if len(legs) == 1 {
				if n, err = strconv.Atoi(string(legs[0].Evidence)); err != nil {
					return err
				}
			}
			return tx.PutLegs(b.ctx, []store.Leg{{
				Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1), Evidence: []byte(strconv.Itoa(n + 1)),
			}})
		}
		var group sync.WaitGroup
		errs := make(chan error, writers*times)
		for range writers {
			group.Go(func() {
				for range times {
					errs <- b.Write(b.ctx, count)
				}
			})
		}
		group.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		leg, err := b.Dialog(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(writers*times), string(leg.Evidence))
	}},

	{"gives up waiting for its turn when the context ends", func(t *testing.T, b *bundle) {
		inside, leave := make(chan struct{}), make(chan struct{})
		var group sync.WaitGroup
		defer group.Wait()
		defer close(leave)
		group.Go(func() {
			_ = b.Write(b.ctx, func(store.Tx) error {
				close(inside)
				<-leave
				return nil
			})
		})
		<-inside
		ctx, cancel := context.WithTimeout(b.ctx, 50*time.Millisecond)
		defer cancel()
		err := b.Write(ctx, func(store.Tx) error { return nil })
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}},

	{"keeps nothing when the context ends within, and can write again", func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		err := b.Write(ctx, func(tx store.Tx) error {
			require.NoError(t, tx.Append(ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
			cancel()
			return nil
		})
		require.ErrorIs(t, err, store.ErrUnavailable)
		err = b.Write(ctx, func(tx store.Tx) error { return tx.Append(ctx, []*store.Entry{entry(acme, uuid(1), "one")}) })
		require.ErrorIs(t, err, store.ErrUnavailable)

		empty, err := b.Empty(b.ctx)
		require.NoError(t, err)
		require.True(t, empty)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{entry(acme, uuid(1), "one")}))
		})
	}},

	{"says unavailable to every question after a cancel", func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		for name, ask := range map[string]func() error{
			"Ping":        func() error { return b.Ping(ctx) },
			"Write":       func() error { return b.Write(ctx, func(store.Tx) error { return nil }) },
			"Quarantine":  func() error { return b.Quarantine(ctx, store.Refused{Account: acme}) },
			"Call":        func() error { _, err := b.Call(ctx, key(acme, 1)); return err },
			"Calls":       func() error { _, err := b.Calls(ctx, store.CallFilter{Account: acme}); return err },
			"Dialog":      func() error { _, err := b.Dialog(ctx, key(acme, 1)); return err },
			"Entries":     func() error { _, err := b.Entries(ctx, key(acme, 1)); return err },
			"Changes":     func() error { _, err := b.Changes(ctx, key(acme, 1)); return err },
			"Empty":       func() error { _, err := b.Empty(ctx); return err },
			"NextDue":     func() error { _, _, err := b.NextDue(ctx); return err },
			"Quarantined": func() error { _, err := b.Quarantined(ctx, acme, 1); return err },
			"Lead":        func() error { _, err := b.Lead(ctx); return err },
			"Position":    func() error { _, err := b.Position(ctx); return err },
			"Unsent":      func() error { _, err := b.Unsent(ctx, 0, 1); return err },
			"OutboxRows":  func() error { _, err := b.OutboxRows(ctx, []int64{1}); return err },
			"Advance":     func() error { return b.Advance(ctx, 1, nil, nil) },
		} {
			err := ask()
			require.ErrorIs(t, err, store.ErrUnavailable, name)
			require.NotErrorIs(t, err, store.ErrRefused, name)
		}
		require.NoError(t, b.Ping(b.ctx))
	}},

	{"says unavailable after Close", func(t *testing.T, b *bundle) {
		lease, err := b.Lead(b.ctx)
		require.NoError(t, err)
		rung, err := b.Wake(b.ctx)
		require.NoError(t, err)
		require.NoError(t, b.Close())
		awaitEnd(t, lease.Lost())
		awaitEnd(t, rung)
		require.NoError(t, lease.Release())
		require.ErrorIs(t, b.Ping(b.ctx), store.ErrUnavailable)
		require.ErrorIs(t, b.Write(b.ctx, func(store.Tx) error { return nil }), store.ErrUnavailable)
		_, err = b.Lead(b.ctx)
		require.ErrorIs(t, err, store.ErrUnavailable)
		_, err = b.Wake(b.ctx)
		require.ErrorIs(t, err, store.ErrUnavailable)
	}},
}
