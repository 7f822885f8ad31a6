package natsbus_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, config natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.Open(testContext(t), config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bus.Close()) })
	return bus
}

func embedded(t *testing.T) *natsbus.Bus {
	t.Helper()
	return open(t, natsbus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
}

func message(account, eventType, id string) flow.Message {
	return flow.Message{
		Subject: flow.Subject(account, eventType),
		ID:      id,
		Header:  map[string]string{"ce-id": id, "ce-type": "webhookd." + eventType},
		Body:    []byte(`{"uuid":"` + id + `"}`),
	}
}

func stored(t *testing.T, bus *natsbus.Bus) uint64 {
	t.Helper()
	stream, err := bus.JetStream().Stream(testContext(t), flow.StreamName)
	require.NoError(t, err)
	return stream.CachedInfo().State.Msgs
}

func TestTheEmbeddedServerIsReadyAndAnyClientCanSubscribe(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.Ready(ctx))
	assert.True(t, bus.Embedded())

	client, err := nats.Connect(bus.URL())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	sub, err := client.SubscribeSync("flow.trigger.acme.>")
	require.NoError(t, err)
	require.NoError(t, client.Flush())

	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))
	got, err := sub.NextMsgWithContext(ctx)
	require.NoError(t, err)
	assert.Equal(t, "flow.trigger.acme.call_started", got.Subject)
	assert.Equal(t, []string{"id-1"}, got.Header["ce-id"], "the name of a header keeps its case")
	assert.Equal(t, "id-1", got.Header.Get(jetstream.MsgIDHeader))
	assert.JSONEq(t, `{"uuid":"id-1"}`, string(got.Data))
}

func TestTheSameIDAgainIsSuccessAndStoredOnce(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	for range 3 {
		require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))
	}
	assert.EqualValues(t, 1, stored(t, bus))
}

func TestWhatIsAcknowledgedOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bus, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, bus.Publish(testContext(t), message("acme", "call_started", "id-1")))
	require.NoError(t, bus.Close())

	again := open(t, natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	assert.EqualValues(t, 1, stored(t, again))
	require.NoError(t, again.Publish(testContext(t), message("acme", "call_started", "id-1")))
	assert.EqualValues(t, 1, stored(t, again), "the ids are known after a restart")
}

func TestATooLargeMessageIsRefusedForGood(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	large := message("acme", "call_started", "id-1")
	large.Body = make([]byte, 1<<20)
	require.ErrorIs(t, bus.Publish(ctx, large), natsbus.ErrTooLarge, "the server's limit")
	require.ErrorIs(t, bus.PutCall("acme.1", make([]byte, 1<<20+1))(ctx), natsbus.ErrTooLarge)

	_, err := bus.JetStream().UpdateStream(ctx, jetstream.StreamConfig{
		Name: flow.StreamName, Subjects: []string{flow.StreamSubjects}, MaxMsgSize: 2000,
	})
	require.NoError(t, err)
	large.Body = make([]byte, 3000)
	require.ErrorIs(t, bus.Publish(ctx, large), natsbus.ErrTooLarge, "the stream's limit")
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-2")), "the connection stands")
}

func TestAClusterThatIsAwayIsNoReasonNotToStart(t *testing.T) {
	t.Parallel()
	// The port is ours until the server is to have it, so that no other test gets it.
	hold, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := hold.Addr().String()
	require.NoError(t, hold.Close())
	bus := open(t, natsbus.Config{URL: "nats://user:secret@" + address})
	ctx := testContext(t)
	require.ErrorIs(t, bus.Ready(ctx), natsbus.ErrDisconnected)
	require.ErrorIs(t, bus.Publish(ctx, message("a", "x", "1")), natsbus.ErrDisconnected)
	require.ErrorIs(t, bus.Prepare(ctx), natsbus.ErrDisconnected)
	require.Error(t, bus.PutCall("a.1", nil)(ctx))
	assert.Equal(t, "nats://"+address, bus.URL(), "no password where people see it")

	open(t, natsbus.Config{StoreDir: t.TempDir(), Listen: address})
	select {
	case <-bus.Up():
	case <-ctx.Done():
		require.FailNow(t, "not connected")
	}
	require.NoError(t, bus.Prepare(ctx))
	require.NoError(t, bus.Ready(ctx))
	require.NoError(t, bus.Publish(ctx, message("a", "x", "1")))
}

func TestABrokenConnectionEndsTheWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	bus := open(t, natsbus.Config{URL: far.URL()})
	ctx := testContext(t)
	<-bus.Up()
	require.NoError(t, bus.Prepare(ctx))
	// A reply that never comes: somebody listens, nobody answers.
	silent, err := nats.Connect(far.URL(), nats.NoReconnect())
	require.NoError(t, err)
	sub, err := silent.SubscribeSync("elsewhere.>")
	require.NoError(t, err)
	require.NoError(t, silent.Flush())
	failed := make(chan error, 1)
	go func() {
		failed <- bus.Publish(ctx, flow.Message{Subject: "elsewhere.x", ID: "1"})
	}()
	_, err = sub.NextMsgWithContext(ctx)
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, far.Close())
	require.ErrorIs(t, <-failed, natsbus.ErrDisconnected)
	assert.Less(t, time.Since(began), 4*time.Second, "not the time-out, the break")
	silent.Close()
}
