package natsbus_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
)

func TestCallsAreShownAndRemoved(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	calls, err := bus.JetStream().KeyValue(ctx, flow.BucketName)
	require.NoError(t, err)
	key := flow.BucketKey("acme & sons", "c3a1")
	require.NoError(t, bus.PutCall(key, []byte("1"))(ctx))
	require.NoError(t, bus.PutCall(key, []byte("2"))(ctx))
	entry, err := calls.Get(ctx, key)
	require.NoError(t, err)
	assert.Equal(t, "2", string(entry.Value()))
	require.NoError(t, bus.DropCall(ctx, key))
	require.NoError(t, bus.DropCall(ctx, key), "what is not there can be removed")
	_, err = calls.Get(ctx, key)
	require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
	require.NoError(t, bus.PutCall(key, []byte("3"))(ctx))
	entry, err = calls.Get(ctx, key)
	require.NoError(t, err)
	assert.Equal(t, "3", string(entry.Value()))
}

func TestTheMarkerOfARemovedKeyHasATimeToLive(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.DropCall(ctx, "acme.1"))
	stream, err := bus.JetStream().Stream(ctx, "KV_calls")
	require.NoError(t, err)
	marker, err := stream.GetLastMsgForSubject(ctx, "$KV.calls.acme.1")
	require.NoError(t, err)
	assert.Equal(t, "1h0m0s", marker.Header.Get(jetstream.MsgTTLHeader))
}
