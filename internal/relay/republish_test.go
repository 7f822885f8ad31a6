package relay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

// purge empties the stream, as if it had been lost.
func purge(t *testing.T, bus *natsbus.Bus) {
	t.Helper()
	// A stream that is made anew knows no ids either.
	require.NoError(t, bus.JetStream().DeleteStream(testContext(t), "FLOW_TRIGGERS"))
	require.NoError(t, bus.Prepare(testContext(t)))
}

func TestRepublishSendsHistoryAgain(t *testing.T) {
	t.Parallel()
	st, bus := openStore(t), embedded(t)
	watched := watch(st)
	start(t, relay.Config{Store: watched, Bus: bus})
	one, two := newCall("default"), newCall("acme")
	write(t, st, one.change("call_started"), two.change("call_started", "call_received"))
	middle := time.Now().UTC().Add(time.Millisecond)
	require.Eventually(t, func() bool { return time.Now().After(middle.Add(time.Millisecond)) }, patience, time.Millisecond)
	last := write(t, st, one.change("call_alerting", "call_answered"), two.change("call_alerting"))
	watched.waitThrough(t, last)
	before := seqs(t, bus)

	// On a stream that has everything nothing changes.
	all, err := (&relay.Republish{Store: st, Bus: bus}).Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 6, all.Events)
	require.Equal(t, before, seqs(t, bus))

	purge(t, bus)
	all, err = (&relay.Republish{Store: st, Bus: bus}).Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 4, all.Changes)
	require.Equal(t, before, seqs(t, bus))

	purge(t, bus)
	some, err := (&relay.Republish{Store: st, Bus: bus, Since: middle}).Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 3, some.Events)
	require.Equal(t, map[string][]int64{one.uuid: {2, 3}, two.uuid: {3}}, seqs(t, bus))

	purge(t, bus)
	_, err = (&relay.Republish{Store: st, Bus: bus, Account: "acme"}).Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, map[string][]int64{two.uuid: {1, 2, 3}}, seqs(t, bus))

	purge(t, bus)
	_, err = (&relay.Republish{Store: st, Bus: bus, Account: "default", Call: one.uuid}).Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, map[string][]int64{one.uuid: {1, 2, 3}}, seqs(t, bus))

	_, err = (&relay.Republish{Store: st, Bus: bus, Account: "acme", Call: one.uuid}).Run(testContext(t))
	require.ErrorIs(t, err, store.ErrNotFound)
	none, err := (&relay.Republish{Store: st, Bus: bus, Since: time.Now().Add(time.Hour)}).Run(testContext(t))
	require.NoError(t, err)
	require.Zero(t, none.Events)
}

// A call that was held back goes on when its history can be sent, or when the event that cannot is given up.
func TestRepublishLetsAHeldCallGoOn(t *testing.T) {
	t.Parallel()
	st, bus := openStore(t), embedded(t)
	watched := watch(st)
	start(t, relay.Config{Store: watched, Bus: bus})
	held := newCall("default")
	first := held.change("call_started")
	big := newCall("default")
	big.uuid, big.seq = held.uuid, held.seq
	big.padding = string(bytesOf('x', 2<<20)) // more than NATS takes
	tooLarge := big.change("call_alerting")
	held.seq = big.seq
	last := write(t, st, first, tooLarge, held.change("call_answered"))
	watched.waitThrough(t, last)
	require.Equal(t, map[string][]int64{held.uuid: {1}}, seqs(t, bus))
	position, err := st.Position(testContext(t))
	require.NoError(t, err)
	require.Len(t, position.Held, 2)

	again := relay.Republish{Store: st, Bus: bus, Account: "default", Call: held.uuid}
	_, err = again.Run(testContext(t))
	require.ErrorIs(t, err, relay.ErrStillPoison)
	position, err = st.Position(testContext(t))
	require.NoError(t, err)
	require.Len(t, position.Held, 2)

	again.Skip = true
	done, err := again.Run(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 1, done.Skipped)
	require.Equal(t, 2, done.Released)
	require.Equal(t, map[string][]int64{held.uuid: {1, 3}}, seqs(t, bus))
	last = write(t, st, held.change("call_ended"))
	watched.waitThrough(t, last)
	require.Equal(t, map[string][]int64{held.uuid: {1, 3, 4}}, seqs(t, bus))
}

func bytesOf(c byte, n int) []byte {
	all := make([]byte, n)
	for i := range all {
		all[i] = c
	}
	return all
}
