package natsbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

func TestEventsAreTakenOffTheStream(t *testing.T) {
	t.Parallel()
	bus, ctx := embedded(t), testContext(t)
	const each = 1200 // more than two pages
	for i := range each {
		for _, account := range []string{"acme", "other"} {
			body := fmt.Appendf(nil, `{"n":%d,"who":"%d"}`, i, i%7)
			require.NoError(t, bus.Publish(ctx, flow.Message{
				Subject: flow.Subject(account, "call_started"), ID: fmt.Sprint(account, i), Body: body,
			}))
		}
	}
	about := func(body []byte) bool { return bytes.Contains(body, []byte(`"who":"3"`)) }
	want := 0
	for i := range each {
		if i%7 == 3 {
			want++
		}
	}
	removed, err := bus.Expunge(ctx, "acme", about)
	require.NoError(t, err)
	require.Equal(t, want, removed)
	require.EqualValues(t, 2*each-want, stored(t, bus), "another account's stay")
	removed, err = bus.Expunge(ctx, "acme", about)
	require.NoError(t, err)
	require.Zero(t, removed)
	removed, err = bus.Expunge(ctx, "nobody", about)
	require.NoError(t, err)
	require.Zero(t, removed)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = bus.Expunge(ended, "other", about)
	require.ErrorIs(t, err, context.Canceled)
	away := open(t, natsbus.Config{URL: "nats://127.0.0.1:1"})
	_, err = away.Expunge(ctx, "acme", about)
	require.ErrorIs(t, err, natsbus.ErrDisconnected)
}

// Two who take the same events off at once count each event once between them.
func TestEventsThatTwoTakeOffAreCountedOnce(t *testing.T) {
	t.Parallel()
	bus, ctx := embedded(t), testContext(t)
	const all = 300
	for i := range all {
		require.NoError(t, bus.Publish(ctx, flow.Message{
			Subject: flow.Subject("acme", "call_started"), ID: strconv.Itoa(i), Body: []byte(`{}`),
		}))
	}
	var removed [2]int
	var failed [2]error
	var looking, group sync.WaitGroup
	looking.Add(len(removed))
	for i := range removed {
		var first sync.Once
		group.Go(func() {
			removed[i], failed[i] = bus.Expunge(ctx, "acme", func([]byte) bool {
				first.Do(func() { // both have found every event
					looking.Done()
					looking.Wait()
				})
				return true
			})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(failed[:]...))
	require.Equal(t, all, removed[0]+removed[1])
	require.Zero(t, stored(t, bus))
}

// What was taken off before it broke off stays off: the next time it gets on.
func TestEventsThatWereTakenOffStayOff(t *testing.T) {
	t.Parallel()
	bus, ctx := embedded(t), testContext(t)
	for i := range 30 {
		require.NoError(t, bus.Publish(ctx, flow.Message{
			Subject: flow.Subject("acme", "call_started"), ID: strconv.Itoa(i), Body: []byte(`{}`),
		}))
	}
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	looked := 0
	all := func([]byte) bool {
		looked++
		if looked == 11 {
			cancel()
		}
		return true
	}
	first, err := bus.Expunge(short, "acme", all)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 10, first)
	rest, err := bus.Expunge(ctx, "acme", all)
	require.NoError(t, err)
	require.Equal(t, 20, rest)
	require.Zero(t, stored(t, bus))
}

// Messages that age away while the stream is looked through are not waited for.
func TestWhatAgesAwayMeanwhileIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	bus, ctx := embedded(t), testContext(t)
	for i := range 1200 {
		require.NoError(t, bus.Publish(ctx, flow.Message{
			Subject: flow.Subject("acme", "call_started"), ID: strconv.Itoa(i), Body: []byte(strconv.Itoa(i)),
		}))
	}
	stream, err := bus.JetStream().Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	var looked []string
	began := time.Now()
	removed, err := bus.Expunge(ctx, "acme", func(body []byte) bool {
		looked = append(looked, string(body))
		if len(looked) == 10 {
			require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeKeep(100)))
		}
		return false
	})
	require.NoError(t, err)
	require.Zero(t, removed)
	require.LessOrEqual(t, len(looked), 600, "what was sent of the page by then, and what was left")
	for i := 1100; i < 1200; i++ {
		require.Contains(t, looked, strconv.Itoa(i), "what was left")
	}
	require.Less(t, time.Since(began), 15*time.Second)
}
