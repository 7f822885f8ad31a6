// Package bell wakes goroutines of this process that wait for something to look at. It carries no value: a ring means
// "look again", and rings that nobody has heard yet are one. It knows no database; adapters ring it after a commit.
package bell

import (
	"context"
	"sync"
)

// Bell has any number of listeners. The zero Bell is ready for use; it must not be copied.
type Bell struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
}

// Ring wakes every listener. It never blocks.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.listeners {
		ring(ch)
	}
}

// Listen gives a channel that gets a value after each Ring, and a function that ends this: it closes the channel, and
// may be called more than once.
func (b *Bell) Listen() (rung <-chan struct{}, wake, stop func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = map[chan struct{}]struct{}{}
	}
	b.listeners[ch] = struct{}{}
	return ch, func() { b.ringOne(ch) }, func() { b.remove(ch) }
}

// ListenUntil is Listen that ends with either of the contexts.
func (b *Bell) ListenUntil(ctx, owner context.Context) <-chan struct{} {
	rung, _, stop := b.Listen()
	unhook := context.AfterFunc(owner, stop)
	context.AfterFunc(ctx, func() {
		unhook()
		stop()
	})
	return rung
}

func (b *Bell) ringOne(ch chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.listeners[ch]; ok {
		ring(ch)
	}
}

func (b *Bell) remove(ch chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.listeners[ch]; ok {
		delete(b.listeners, ch)
		close(ch)
	}
}

func ring(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it has one that it has not heard yet
	}
}
