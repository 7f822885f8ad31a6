package callout

import "time"

const (
	firstDelay = time.Second
	lastDelay  = 5 * time.Minute
)

// Backoff is how long to wait after a failed attempt; attempts count from 1. The delay doubles from 1 s up to 5 min; its
// first half is waited always, and of the second half as much as random, from [0, 1), says. So attempts that failed
// together do not come again together, and none comes at once.
func Backoff(attempt int, random float64) time.Duration {
	delay := firstDelay
	for range attempt - 1 {
		if delay *= 2; delay >= lastDelay {
			delay = lastDelay
			break
		}
	}
	half := delay / 2
	return half + time.Duration(random*float64(half))
}
