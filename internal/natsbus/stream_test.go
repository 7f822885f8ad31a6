package natsbus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

func TestTheStreamAndTheBucketAreMadeAsDesigned(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	stream, err := bus.JetStream().Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	assert.Equal(t, []string{"flow.trigger.>"}, config.Subjects)
	assert.Equal(t, jetstream.FileStorage, config.Storage)
	assert.Equal(t, 7*24*time.Hour, config.MaxAge)
	assert.Equal(t, 10*time.Minute, config.Duplicates)
	assert.Equal(t, 1, config.Replicas)

	calls, err := bus.JetStream().KeyValue(ctx, "calls")
	require.NoError(t, err)
	status, err := calls.Status(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, status.History())
	assert.Equal(t, time.Hour, status.LimitMarkerTTL())
}

func TestAnOperatorsStreamKeepsItsSettings(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	js := bus.JetStream()
	_, err := js.UpdateStream(ctx, jetstream.StreamConfig{
		Name: flow.StreamName, Subjects: []string{"flow.>"}, MaxAge: time.Hour, Duplicates: time.Minute, AllowDirect: true,
	})
	require.NoError(t, err)
	require.NoError(t, bus.Prepare(ctx))
	stream, err := js.Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	assert.Equal(t, time.Hour, stream.CachedInfo().Config.MaxAge)
	assert.Equal(t, []string{"flow.>"}, stream.CachedInfo().Config.Subjects)
}

func TestAStreamOfOurNameForOtherSubjectsIsTold(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.JetStream().DeleteStream(ctx, flow.StreamName))
	_, err := bus.JetStream().CreateStream(ctx, jetstream.StreamConfig{
		Name: flow.StreamName, Subjects: []string{"flow.trigger.*"},
	})
	require.NoError(t, err)
	require.ErrorIs(t, bus.Prepare(ctx), natsbus.ErrIncompatible)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	require.NoError(t, bus.JetStream().DeleteKeyValue(ctx, flow.BucketName))
	require.ErrorContains(t, bus.Ready(ctx), "KV_calls")
	require.NoError(t, bus.JetStream().DeleteStream(ctx, flow.StreamName))
	require.ErrorContains(t, bus.Ready(ctx), flow.StreamName)
	require.ErrorIs(t, bus.Publish(ctx, message("a", "x", "1")), jetstream.ErrNoStreamResponse)
	require.NoError(t, bus.Prepare(ctx))
	require.NoError(t, bus.Ready(ctx))
}
