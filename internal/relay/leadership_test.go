package relay_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

func TestARelayKilledBeforeItStoredItsPositionRepeatsNothing(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	c := newCall("acme")
	last := write(t, kept, c.change("call_started", "call_alerting"), c.change("call_answered"))

	dying := watch(kept)
	reached := make(chan int64, 100)
	dying.advance = func(through int64) error {
		reached <- through
		return errors.New("killed")
	}
	_, kill := start(t, relay.Config{Store: dying, Bus: bus})
	require.Equal(t, last, <-reached)
	kill()
	position, err := kept.Position(testContext(t))
	require.NoError(t, err)
	require.Zero(t, position.Through)
	requireWhole(t, bus, c)

	box := watch(kept)
	r, _ := start(t, relay.Config{Store: box, Bus: bus})
	box.waitThrough(t, last)
	requireWhole(t, bus, c)
	assert.Equal(t, uint64(3), r.Stats().Published, "they were sent again, and dropped by their ids")
	box.waitThrough(t, write(t, kept, c.change("call_talking")))
	requireWhole(t, bus, c)
}

func TestOneRelayLeadsAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	boxes := []*outbox{watch(kept), watch(kept)}
	c := newCall("acme")
	first, stop := start(t, relay.Config{Store: boxes[0], Bus: bus})
	boxes[0].waitLed(t)
	second, _ := start(t, relay.Config{Store: boxes[1], Bus: bus})
	boxes[0].waitThrough(t, write(t, kept, c.change("call_started")))
	assert.True(t, first.Stats().Leader)
	assert.False(t, second.Stats().Leader)

	stop()
	assert.False(t, first.Stats().Leader)
	began := time.Now()
	boxes[1].waitThrough(t, write(t, kept, c.change("call_talking")))
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.True(t, second.Stats().Leader)
	assert.Equal(t, uint64(1), second.Stats().Published)
	requireWhole(t, bus, c)
}

func TestALostLeaseStopsTheRelayAtOnceAndItLeadsAgain(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	leases := make(chan *lease, 2)
	first := newLease()
	leases <- first
	leases <- newLease()
	box.lead = func(context.Context) (store.Lease, error) { return <-leases, nil }
	c := newCall("acme")
	faulty := newFaultyBus(bus)
	change := c.change("call_started", "call_alerting")
	begun := faulty.hang(change.Events[0].UUID)
	last := write(t, kept, change)
	start(t, relay.Config{Store: box, Bus: faulty})
	box.waitLed(t)
	<-begun
	first.lose()
	box.waitLed(t)
	box.waitThrough(t, last)
	requireWhole(t, bus, c)
	assert.Equal(t, 2, faulty.attempts(change.Events[0].UUID))
	assert.Equal(t, 1, faulty.attempts(change.Events[1].UUID))
}

func TestALeaderThatCannotPublishLetsAnotherTry(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	boxes := []*outbox{watch(kept), watch(kept)}
	c, other := newCall("acme"), newCall("acme")
	change, whole := c.change("call_started", "call_alerting"), other.change("call_started")
	faulty := newFaultyBus(bus)
	faulty.fail(change.Events[1].UUID, errors.New("no way from here"), -1)
	last := write(t, kept, change, whole)
	start(t, relay.Config{Store: boxes[0], Bus: faulty, GiveUp: 100 * time.Millisecond})
	boxes[0].waitLed(t)
	start(t, relay.Config{Store: boxes[1], Bus: bus})
	boxes[1].waitThrough(t, last)
	requireWhole(t, bus, c, other)
	assert.Equal(t, 1, faulty.attempts(change.Events[0].UUID), "what is on the stream is known in the next attempt")
	assert.Equal(t, 1, faulty.attempts(whole.Events[0].UUID))
}

func TestALeaderThatCameBackKnowsWhatIsOnTheStream(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	c, other := newCall("acme"), newCall("acme")
	change, whole := c.change("call_started", "call_alerting"), other.change("call_started")
	faulty := newFaultyBus(bus)
	faulty.fail(change.Events[1].UUID, errors.New("passes"), 3)
	large := newCall("acme")
	large.padding = strings.Repeat("x", 1<<20)
	last := write(t, kept, change, whole, large.change("call_started"))
	start(t, relay.Config{Store: box, Bus: faulty, GiveUp: time.Nanosecond})
	box.waitThrough(t, last)
	for range 4 {
		box.waitLed(t)
	}
	requireWhole(t, bus, c, other)
	assert.Equal(t, 1, faulty.attempts(change.Events[0].UUID))
	assert.Equal(t, 1, faulty.attempts(whole.Events[0].UUID))
	position, err := kept.Position(testContext(t))
	require.NoError(t, err)
	assert.Len(t, position.Held, 1, "nor is poison forgotten")
	assert.Len(t, shown(t, bus), 2)
}

func TestARelayWithoutNATSDoesNotLead(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	away := openBus(t, natsbus.Config{URL: "nats://127.0.0.1:1"})
	boxes := []*outbox{watch(kept), watch(kept)}
	lost, _ := start(t, relay.Config{Store: boxes[0], Bus: away})
	boxes[0].waitLed(t) // and lets go again
	start(t, relay.Config{Store: boxes[1], Bus: bus})
	c := newCall("acme")
	boxes[1].waitThrough(t, write(t, kept, c.change("call_started")))
	requireWhole(t, bus, c)
	assert.False(t, lost.Stats().Leader)
	assert.Contains(t, lost.Stats().LastError, "not connected")
}

func TestTwoLeadersAtOnceKeepOrderAndIDs(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	all := make([]*call, 25)
	for i := range all {
		all[i] = newCall("acme")
	}
	var last int64
	for range 10 {
		var changes []flow.Change
		for _, c := range all {
			changes = append(changes, c.change("dialog_alerting", "call_alerting"))
		}
		last = write(t, kept, changes...)
	}
	boxes := []*outbox{watch(kept), watch(kept)}
	for i, box := range boxes {
		box.lead = func(context.Context) (store.Lease, error) { return newLease(), nil }
		start(t, relay.Config{Store: box, Bus: bus, Batch: 30 + 17*i})
	}
	boxes[0].waitThrough(t, last)
	requireWhole(t, bus, all...)
}

func TestAStopWaitsForWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	c := newCall("acme")
	first, second := c.change("call_started"), c.change("call_alerting")
	faulty := newFaultyBus(bus)
	begun, release := faulty.slow(first.Events[0].UUID)
	id := write(t, kept, first)
	write(t, kept, second)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.New(relay.Config{Store: box, Bus: faulty}).Run(ctx) }()
	<-begun
	cancel()
	release()
	require.NoError(t, <-ended)
	position, err := kept.Position(testContext(t))
	require.NoError(t, err)
	assert.Equal(t, id, position.Through, "the first was finished, the second not begun")
	assert.Zero(t, faulty.attempts(second.Events[0].UUID))
}
