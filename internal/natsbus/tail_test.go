package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/natsbus"
)

func TestATailSeesEverythingInOrderAndGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	ctx := testContext(t)
	publish := func(bus *natsbus.Bus, from, to int) {
		for i := from; i < to; i++ {
			require.NoError(t, bus.Publish(ctx, message("acme", "call_started", fmt.Sprintf("id-%02d", i))))
		}
	}
	publish(far, 0, 5)

	bus := open(t, natsbus.Config{URL: far.URL()})
	tailing, stop := context.WithCancel(ctx)
	got := make(chan natsbus.Received, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Tail(tailing, natsbus.FromAll, func(r natsbus.Received) error {
			got <- r
			return nil
		})
	}()
	expect := func(from, to int) {
		for i := from; i < to; i++ {
			select {
			case r := <-got:
				assert.Equal(t, fmt.Sprintf("id-%02d", i), r.ID)
				assert.EqualValues(t, i+1, r.Sequence)
			case <-ctx.Done():
				require.FailNow(t, "tail is silent", "at %d", i)
			}
		}
	}
	expect(0, 5)
	require.NoError(t, far.Close())
	far, err = natsbus.Open(ctx, natsbus.Config{StoreDir: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	publish(far, 5, 10)
	expect(5, 10)
	stop()
	require.NoError(t, <-ended)
	assert.Empty(t, got)
}

func TestATailOfTheNewBeginsNowAndEndsWithItsReader(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "old")))
	enough := errors.New("enough")
	var seen []string
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Tail(ctx, natsbus.FromNew, func(r natsbus.Received) error {
			seen = append(seen, r.ID)
			return enough
		})
	}()
	// When the tail has begun cannot be seen from outside but by what it gets.
	for i := 0; ; i++ {
		require.NoError(t, bus.Publish(ctx, message("acme", "call_started", fmt.Sprintf("new-%d", i))))
		select {
		case err := <-ended:
			require.ErrorIs(t, err, enough)
			require.Len(t, seen, 1)
			assert.Contains(t, seen[0], "new-")
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
