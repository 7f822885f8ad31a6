package natsbus_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

// webSocket opens a server with a WebSocket, and connects to that as a page of an origin would ("" as none).
func webSocket(t *testing.T, origins []string, origin string) (*natsbus.Bus, *nats.Conn, error) {
	t.Helper()
	bus := open(t, natsbus.Config{
		StoreDir: t.TempDir(), Listen: "127.0.0.1:0", WebSocketListen: "127.0.0.1:0", WebSocketOrigins: origins,
	})
	require.True(t, strings.HasPrefix(bus.WebSocketURL(), "ws://127.0.0.1:"), bus.WebSocketURL())
	client, err := nats.Connect(bus.WebSocketURL(), nats.WebSocketConnectionHeaders(http.Header{"Origin": {origin}}))
	if err == nil {
		t.Cleanup(client.Close)
	}
	return bus, client, err
}

func TestOnlyPagesOfTheConfiguredOriginsComeToTheWebSocket(t *testing.T) {
	t.Parallel()
	board := []string{"https://board.example.com", "http://127.0.0.1:8000"}
	for name, c := range map[string]struct {
		origins []string
		origin  string
		welcome bool
	}{
		"one of them":                        {board, "https://board.example.com", true},
		"the other":                          {board, "http://127.0.0.1:8000", true},
		"another port":                       {board, "http://127.0.0.1:8001", false},
		"another scheme":                     {board, "http://board.example.com", false},
		"another host":                       {board, "https://evil.example.com", false},
		"none is configured":                 {nil, "https://board.example.com", false},
		"none is configured, a local page":   {nil, "http://127.0.0.1", false},
		"none is configured, and no browser": {nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := webSocket(t, c.origins, c.origin)
			assert.Equal(t, c.welcome, err == nil, "%v", err)
		})
	}
}

func TestAPageReadsAndDoesNotWrite(t *testing.T) {
	t.Parallel()
	bus, page, err := webSocket(t, []string{"http://127.0.0.1:8000"}, "http://127.0.0.1:8000")
	require.NoError(t, err)
	ctx := testContext(t)
	require.NoError(t, bus.PutCall("acme.a", []byte("1"))(ctx))
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))

	js, err := jetstream.New(page)
	require.NoError(t, err)
	calls, err := js.KeyValue(ctx, flow.BucketName)
	require.NoError(t, err)
	entry, err := calls.Get(ctx, "acme.a")
	require.NoError(t, err)
	assert.Equal(t, "1", string(entry.Value()))
	watcher, err := calls.Watch(ctx, "acme.*")
	require.NoError(t, err)
	assert.Equal(t, "acme.a", (<-watcher.Updates()).Key())
	require.NoError(t, watcher.Stop())
	stream, err := js.Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"flow.trigger.acme.>"}})
	require.NoError(t, err)
	event, err := consumer.Next()
	require.NoError(t, err)
	assert.Equal(t, "flow.trigger.acme.call_started", event.Subject())

	// The server tells of what is not allowed on the connection.
	refused := make(chan error, 10)
	page.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
	for _, subject := range []string{
		"$KV.calls.acme.a", "flow.trigger.acme.call_started", "$JS.API.STREAM.DELETE.FLOW_TRIGGERS",
		"$JS.API.STREAM.PURGE.KV_calls", "anything",
	} {
		require.NoError(t, page.Publish(subject, []byte("2")))
		select {
		case err := <-refused:
			require.ErrorContains(t, err, `Permissions Violation for Publish to "`+subject+`"`)
		case <-ctx.Done():
			require.FailNow(t, "not refused", subject)
		}
	}
	entry, err = calls.Get(ctx, "acme.a")
	require.NoError(t, err)
	assert.Equal(t, "1", string(entry.Value()))
	assert.EqualValues(t, 1, stored(t, bus))

	_, err = nats.Connect(bus.WebSocketURL(), nats.UserInfo("program", "none"))
	require.Error(t, err, "nobody logs in as somebody else")

	// Other programs of the machine do as before.
	program, err := nats.Connect(bus.URL())
	require.NoError(t, err)
	t.Cleanup(program.Close)
	js, err = jetstream.New(program)
	require.NoError(t, err)
	_, err = js.Publish(ctx, "flow.trigger.acme.call_started", nil)
	require.NoError(t, err)
}

func TestTheAddressOfTheWebSocketIsThisMachines(t *testing.T) {
	t.Parallel()
	config := natsbus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", WebSocketListen: "0.0.0.0:0"}
	_, err := natsbus.Open(testContext(t), config)
	require.ErrorIs(t, err, natsbus.ErrNotLoopback)
	assert.Empty(t, embedded(t).WebSocketURL())
}
