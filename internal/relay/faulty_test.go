package relay_test

import (
	"context"
	"sync"

	"webhookd/internal/flow"
	"webhookd/internal/relay"
)

// faultyBus is the real bus with faults that a test chooses, by event id or by the bucket's key. It counts the
// attempts.
type faultyBus struct {
	relay.Bus

	mu    sync.Mutex
	count map[string]int
	fault map[string]func(ctx context.Context) error // nil: pass on
}

func newFaultyBus(bus relay.Bus) *faultyBus {
	return &faultyBus{
		Bus:   bus,
		count: make(map[string]int),
		fault: make(map[string]func(context.Context) error),
	}
}

// fail lets the first times attempts fail with err.
func (b *faultyBus) fail(id string, err error, times int) {
	b.fault[id] = func(context.Context) error {
		if times == 0 {
			return nil
		}
		times--
		return err
	}
}

// hang lets the first attempt wait for the end of its context; the channel is closed when it has begun.
func (b *faultyBus) hang(id string) (begun <-chan struct{}) {
	began := make(chan struct{})
	b.fault[id] = func(ctx context.Context) error {
		select {
		case <-began:
			return nil
		default:
		}
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}
	return began
}

// slow lets an attempt wait for release.
func (b *faultyBus) slow(id string) (begun <-chan struct{}, release func()) {
	began, released := make(chan struct{}), make(chan struct{})
	b.fault[id] = func(context.Context) error {
		close(began)
		<-released
		return nil
	}
	return began, func() { close(released) }
}

func (b *faultyBus) attempts(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count[id]
}

func (b *faultyBus) attempt(ctx context.Context, id string) error {
	b.mu.Lock()
	b.count[id]++
	fault := b.fault[id]
	b.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

func (b *faultyBus) Send(message flow.Message) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := b.attempt(ctx, message.ID); err != nil {
			return err
		}
		return b.Bus.Send(message)(ctx)
	}
}

func (b *faultyBus) PutCall(key string, value []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := b.attempt(ctx, key); err != nil {
			return err
		}
		return b.Bus.PutCall(key, value)(ctx)
	}
}
