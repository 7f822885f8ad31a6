package replay

import (
	"context"
	"sync"
	"time"
)

// SetClock replaces the clock: waiting takes no time, moves the clock, and is told to waited.
func (p *Player) SetClock(start time.Time, waited func(time.Duration)) {
	var mu sync.Mutex
	now := start
	p.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	p.wait = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		waited(d)
		return nil
	}
}
