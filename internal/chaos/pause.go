//go:build unix

package chaos

import (
	"context"
	"time"
)

// pollEvery is how often something is looked at that cannot tell when it changes.
const pollEvery = 50 * time.Millisecond

// pause waits, or returns the reason why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
