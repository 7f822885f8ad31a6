package callout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

func TestTheDelayDoublesAndIsSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		attempt    int
		least, top time.Duration
	}{
		{-1, 500 * time.Millisecond, time.Second},
		{0, 500 * time.Millisecond, time.Second},
		{1, 500 * time.Millisecond, time.Second},
		{2, time.Second, 2 * time.Second},
		{3, 2 * time.Second, 4 * time.Second},
		{9, 128 * time.Second, 256 * time.Second},
		{10, 150 * time.Second, 5 * time.Minute},
		{11, 150 * time.Second, 5 * time.Minute},
		{1 << 40, 150 * time.Second, 5 * time.Minute},
	} {
		require.Equal(t, c.least, callout.Backoff(c.attempt, 0), c.attempt)
		require.Equal(t, (c.least+c.top)/2, callout.Backoff(c.attempt, 0.5), c.attempt)
		require.Equal(t, c.top, callout.Backoff(c.attempt, 1), c.attempt)
	}
}
