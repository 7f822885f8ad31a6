package natsbus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

// follow follows in the background and tells what happens in words.
func follow(t *testing.T, bus *natsbus.Bus, from natsbus.Following) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan string, 100)
	say := func(text string) error { told <- text; return nil }
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Follow(ctx, from, natsbus.Follower{
			Event: func(r natsbus.Received) error { return say(fmt.Sprintf("%d %s", r.Sequence, r.ID)) },
			Gap:   func(g natsbus.Gap) error { return say(fmt.Sprintf("gap %d-%d %v", g.From, g.To, g.Anew)) },
			Lost:  func() error { return say("lost") },
			Found: func() error { return say("found") },
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		assert.Empty(t, told, "more was told")
	})
	return told
}

func expect(t *testing.T, told <-chan string, want ...string) {
	t.Helper()
	for _, one := range want {
		select {
		case got := <-told:
			require.Equal(t, one, got)
		case <-time.After(patience):
			require.FailNow(t, "nothing is told", "wanted %q", one)
		}
	}
}

func TestAFollowerGetsItsSubjectsBehindWhatItHas(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	for i, where := range []struct{ account, kind string }{
		{"acme", "call_started"},
		{"acme", "call_ended"},
		{"other", "call_ended"},
		{"acme", "call_missed"},
		{"acme", "call_ended"},
	} {
		require.NoError(t, bus.Publish(ctx, message(where.account, where.kind, fmt.Sprintf("id-%d", i+1))))
	}
	told := follow(t, bus, natsbus.Following{
		Subjects: []string{flow.Subject("acme", "call_ended"), flow.Subject("acme", "call_missed")}, Next: 3,
	})
	expect(t, told, "4 id-4", "5 id-5")
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-6")))
	require.NoError(t, bus.Publish(ctx, message("acme", "call_missed", "id-7")))
	expect(t, told, "7 id-7")
}

func TestAFollowerMayBeginAtATime(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-2")))
	stream, err := bus.JetStream().Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	second, err := stream.GetMsg(ctx, 2)
	require.NoError(t, err)
	expect(t, follow(t, bus, natsbus.Following{Since: second.Time}), "2 id-2")
	expect(t, follow(t, bus, natsbus.Following{Since: time.Unix(1, 0)}), "1 id-1", "2 id-2")
	expect(t, follow(t, bus, natsbus.Following{Since: second.Time.Add(time.Nanosecond)}))
}

func TestAFollowerIsToldWhatTheStreamDoesNotHoldAnyMore(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	for i := range 5 {
		require.NoError(t, bus.Publish(ctx, message("acme", "call_started", fmt.Sprintf("id-%d", i+1))))
	}
	stream, err := bus.JetStream().Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSequence(4))) // 1, 2 and 3 go
	expect(t, follow(t, bus, natsbus.Following{Next: 2}), "gap 2-3 false", "4 id-4", "5 id-5")
	expect(t, follow(t, bus, natsbus.Following{Next: 4}), "4 id-4", "5 id-5")
	expect(t, follow(t, bus, natsbus.Following{Next: 10}), "gap 0-0 true", "4 id-4", "5 id-5")
}

func TestAFollowerIsToldThatNATSIsAwayAndMissesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	ctx := testContext(t)
	require.NoError(t, far.Publish(ctx, message("acme", "call_started", "id-1")))
	bus := open(t, natsbus.Config{URL: far.URL()})
	told := follow(t, bus, natsbus.Following{Since: time.Unix(1, 0)})
	// The connection may come after the first attempt.
	if first := <-told; first == "lost" {
		expect(t, told, "found", "1 id-1")
	}
	require.NoError(t, far.Close())
	expect(t, told, "lost")
	late := follow(t, bus, natsbus.Following{}) // from now on, although NATS is away
	expect(t, late, "lost")
	far, err = natsbus.Open(ctx, natsbus.Config{StoreDir: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	require.NoError(t, far.Publish(ctx, message("acme", "call_started", "id-2")))
	expect(t, told, "found", "2 id-2")
	expect(t, late, "found", "2 id-2")
}

func TestAFollowersConsumerGoesWithIt(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx, cancel := context.WithCancel(testContext(t))
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))
	require.NoError(t, bus.Follow(ctx, natsbus.Following{Since: time.Unix(1, 0)}, natsbus.Follower{
		Event: func(natsbus.Received) error { cancel(); return nil },
	}))
	stream, err := bus.JetStream().Stream(testContext(t), flow.StreamName)
	require.NoError(t, err)
	info, err := stream.Info(testContext(t))
	require.NoError(t, err)
	assert.Zero(t, info.State.Consumers)
}
