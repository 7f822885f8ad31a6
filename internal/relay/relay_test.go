package relay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
)

func TestEveryCallsEventsAreOnTheStreamInOrder(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	all := make([]*call, 60)
	for i := range all {
		all[i] = newCall(fmt.Sprintf("account-%d", i%3))
	}
	round := func() int64 {
		var changes []flow.Change
		for _, c := range all {
			changes = append(changes, c.change("dialog_ringing", "call_started"))
		}
		return write(t, kept, changes...)
	}
	for range 10 {
		round() // before there is a relay
	}
	r, stop := start(t, relay.Config{Store: box, Bus: bus})
	var last int64
	for range 10 {
		last = round() // and while it works
	}
	box.waitThrough(t, last)
	requireWhole(t, bus, all...)
	assert.True(t, r.Stats().Leader)
	stop()
	stats := r.Stats()
	assert.False(t, stats.Leader)
	assert.Equal(t, uint64(60*20*2), stats.Published)
	assert.Equal(t, last, stats.Position)
	assert.Zero(t, stats.Held)
	assert.False(t, stats.Failing)
	assert.Len(t, shown(t, bus), len(all))
}

func TestACommitWakesTheRelay(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	c := newCall("acme")
	start(t, relay.Config{Store: box, Bus: bus})
	box.waitThrough(t, write(t, kept, c.change("call_started")))
	began := time.Now()
	for range 5 {
		box.waitThrough(t, write(t, kept, c.change("call_alerting")))
	}
	assert.Less(t, time.Since(began), 5*time.Second, "it does not poll")
}

func TestAMessageCarriesItsCloudEventsHeaders(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	c := newCall("acme")
	change := c.change("call_started")
	start(t, relay.Config{Store: box, Bus: bus})
	box.waitThrough(t, write(t, kept, change))
	messages := onStream(t, bus)
	require.Len(t, messages, 1)
	assert.Equal(t, "flow.trigger.acme.call_started", messages[0].Subject)
	header := messages[0].Header
	for key, want := range map[string]string{
		"ce-specversion":      "1.0",
		"ce-id":               change.Events[0].UUID,
		"ce-source":           "/webhookd/acme",
		"ce-type":             "webhookd.call_started",
		"ce-subject":          c.uuid,
		"ce-time":             change.Events[0].CreatedOn.String(),
		jetstream.MsgIDHeader: change.Events[0].UUID,
	} {
		assert.Equal(t, []string{want}, header[key], key)
	}
}

func TestNoAccountNameCanMakeAWildcard(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	var changes []flow.Change
	accounts := []string{"*", ">", "a.b", "a b", "acme.>", "żółw", "b64-Kg"}
	for _, account := range accounts {
		changes = append(changes, newCall(account).change("call_started"))
	}
	start(t, relay.Config{Store: box, Bus: bus})
	box.waitThrough(t, write(t, kept, changes...))
	subjects := make(map[string]bool)
	for _, msg := range onStream(t, bus) {
		subjects[msg.Subject] = true
		assert.Regexp(t, `^flow\.trigger\.[A-Za-z0-9_-]+\.call_started$`, msg.Subject)
	}
	assert.Len(t, subjects, len(accounts), "and no two accounts share a subject")
	for key := range shown(t, bus) {
		assert.Regexp(t, `^[A-Za-z0-9_-]+\.[0-9a-f-]{36}$`, key)
	}
}

func TestNATSAwayInTheMiddleLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	kept := openStore(t)
	dir := t.TempDir()
	far, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	bus := openBus(t, natsbus.Config{URL: far.URL()})
	box := watch(kept)
	all := make([]*call, 40)
	for i := range all {
		all[i] = newCall("acme")
	}
	round := func() (last int64) {
		var changes []flow.Change
		for _, c := range all {
			changes = append(changes, c.change("dialog_alerting", "call_alerting", "dial_wait"))
		}
		return write(t, kept, changes...)
	}
	for range 40 {
		round()
	}
	r, _ := start(t, relay.Config{Store: box, Bus: bus, Batch: 200})
	box.waitThrough(t, 1) // it is under way
	require.NoError(t, far.Close())
	for range 3 {
		round()
	}
	far, err = natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	box.waitThrough(t, round())
	requireWhole(t, far, all...)
	assert.Positive(t, r.Stats().Failures)
}

func TestWhatCannotBePublishedBlocksOnlyItsCall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		poison func(*call) flow.Change
	}{
		{"too large", func(c *call) flow.Change {
			c.padding = strings.Repeat("x", 1<<20)
			defer func() { c.padding = "" }()
			return c.change("call_talking")
		}},
		{"unreadable", func(c *call) flow.Change {
			change := c.change("call_talking")
			change.Record = []byte(`["no record"]`)
			return change
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			kept, bus := openStore(t), embedded(t)
			ctx := testContext(t)
			box := watch(kept)
			bad, good := newCall("acme"), newCall("acme")
			write(t, kept, bad.change("call_started"), good.change("call_started"))
			poison := write(t, kept, test.poison(bad))
			behind := write(t, kept, bad.change("dialog_closed"))
			last := write(t, kept, good.change("call_ended"))
			r, stop := start(t, relay.Config{Store: box, Bus: bus})
			box.waitThrough(t, last)

			stop()
			position, err := kept.Position(ctx)
			require.NoError(t, err)
			require.Len(t, position.Held, 2)
			assert.Equal(t, poison, position.Held[0].OutboxID)
			assert.True(t, position.Held[0].Poison)
			assert.NotEmpty(t, position.Held[0].Reason)
			assert.Equal(t, bad.uuid, position.Held[0].CallUUID)
			assert.Equal(t, "acme", position.Held[0].Account)
			assert.WithinDuration(t, time.Now(), position.Held[0].At, time.Minute)
			assert.Equal(t, behind, position.Held[1].OutboxID)
			assert.False(t, position.Held[1].Poison)
			assert.Equal(t, 2, r.Stats().Held)
			assert.Equal(t, uint64(1), r.Stats().Poisoned)
			byCall := seqs(t, bus)
			assert.Equal(t, []int64{1}, byCall[bad.uuid])
			assert.Equal(t, []int64{1, 2}, byCall[good.uuid])
			assert.Contains(t, shown(t, bus)[flow.BucketKey("acme", bad.uuid)], `"seq":3`, "the bucket goes on")

			box = watch(kept)
			r, stop = start(t, relay.Config{Store: box, Bus: bus})
			box.waitThrough(t, write(t, kept, bad.change("call_ended"), good.change("call_settled")))
			position, err = kept.Position(ctx)
			require.NoError(t, err)
			require.Len(t, position.Held, 3, "a new leader knows which calls are blocked")
			assert.Equal(t, []int64{1, 2, 3}, seqs(t, bus)[good.uuid])

			held := []int64{position.Held[0].OutboxID, position.Held[1].OutboxID, position.Held[2].OutboxID}
			require.NoError(t, kept.Advance(ctx, position.Through, nil, held)) // an operator dealt with it
			box.waitThrough(t, write(t, kept, bad.change("call_settled")))
			assert.Equal(t, []int64{1, 5}, seqs(t, bus)[bad.uuid])
			stop()
			assert.Zero(t, r.Stats().Held)
		})
	}
}

func TestTheFirstEventsOfARowAreOnTheStreamBeforeItsPoison(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	c := newCall("acme")
	change := c.change("call_started", "call_alerting", "call_talking")
	faulty := newFaultyBus(bus)
	faulty.fail(change.Events[1].UUID, natsbus.ErrTooLarge, 1)
	start(t, relay.Config{Store: box, Bus: faulty})
	box.waitThrough(t, write(t, kept, change))
	assert.Equal(t, []int64{1}, seqs(t, bus)[c.uuid])
	position, err := kept.Position(testContext(t))
	require.NoError(t, err)
	require.Len(t, position.Held, 1)
}

func TestAFailureThatPassesRepeatsOnlyWhatFailed(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	var all []*call
	var changes []flow.Change
	for range 20 {
		c := newCall("acme")
		all = append(all, c)
		changes = append(changes, c.change("call_started", "call_alerting", "call_talking"))
	}
	for _, c := range all {
		changes = append(changes, c.change("call_ended"))
	}
	faulty := newFaultyBus(bus)
	stuck := changes[3].Events[1].UUID
	faulty.fail(stuck, errors.New("passes"), 3)
	faulty.fail(flow.BucketKey("acme", all[7].uuid), errors.New("passes"), 5)
	last := write(t, kept, changes...)
	r, _ := start(t, relay.Config{Store: box, Bus: faulty})
	box.waitThrough(t, last)
	requireWhole(t, bus, all...)
	for _, change := range changes {
		for _, event := range change.Events {
			want := 1
			if event.UUID == stuck {
				want = 4
			}
			assert.Equal(t, want, faulty.attempts(event.UUID))
		}
	}
	assert.Equal(t, 6, faulty.attempts(flow.BucketKey("acme", all[7].uuid)))
	assert.Equal(t, 1, faulty.attempts(flow.BucketKey("acme", all[8].uuid)), "the bucket gets the last record only")
	assert.Len(t, shown(t, bus), len(all))
	assert.Equal(t, uint64(3+5), r.Stats().Failures)
	box.waitThrough(t, write(t, kept, newCall("acme").change("call_started")))
	assert.False(t, r.Stats().Failing)
	assert.Equal(t, "passes", r.Stats().LastError)
}
