package natsbus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

// watch watches an account's calls in the background and tells what happens in words.
func watch(t *testing.T, bus *natsbus.Bus, account string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan string, 100)
	ended := make(chan struct{})
	lost := false
	go func() {
		defer close(ended)
		bus.WatchCalls(ctx, account, natsbus.CallWatcher{
			Begin:  func() { told <- "begin"; lost = false },
			Change: func(c natsbus.CallChange) { told <- fmt.Sprintf("%d %s %s", c.Revision, c.CallUUID, c.Record) },
			Ready:  func() { told <- "ready" },
			Lost: func() {
				if !lost {
					told <- "lost"
				}
				lost = true
			},
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		assert.Empty(t, told, "more was told")
	})
	return told
}

func TestAWatcherGetsASnapshotAndThenEveryChange(t *testing.T) {
	t.Parallel()
	bus := embedded(t)
	ctx := testContext(t)
	put := func(account, call, record string) {
		require.NoError(t, bus.PutCall(flow.BucketKey(account, call), []byte(record))(ctx))
	}
	expect(t, watch(t, bus, "empty"), "begin", "ready")
	put("acme", "a", "1")        // 1
	put("acme", "b", "2")        // 2
	put("other", "c", "3")       // 3
	put("acme", "a", "4")        // 4
	put("acme & sons", "d", "5") // 5

	told := watch(t, bus, "acme")
	expect(t, told, "begin", "2 b 2", "4 a 4", "ready")
	put("other", "c", "6")                                               // 6
	put("acme", "e", "7")                                                // 7
	require.NoError(t, bus.DropCall(ctx, flow.BucketKey("acme", "a")))   // 8
	require.NoError(t, bus.DropCall(ctx, flow.BucketKey("other", "c")))  // 9
	require.NoError(t, bus.DropCall(ctx, flow.BucketKey("acme", "new"))) // 10
	expect(t, told, "7 e 7", "8 a ", "10 new ")
	expect(t, watch(t, bus, "acme & sons"), "begin", "5 d 5", "ready")
	// A call that is gone has left a marker in the bucket's stream.
	expect(t, watch(t, bus, "acme"), "begin", "2 b 2", "7 e 7", "8 a ", "10 new ", "ready")
}

func TestAWatcherBeginsAnewWhenNATSIsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	ctx := testContext(t)
	require.NoError(t, far.PutCall("acme.a", []byte("1"))(ctx))
	bus := open(t, natsbus.Config{URL: far.URL()})
	<-bus.Up()
	told := watch(t, bus, "acme")
	expect(t, told, "begin", "1 a 1", "ready")
	require.NoError(t, far.Close())
	expect(t, told, "lost")
	far, err = natsbus.Open(ctx, natsbus.Config{StoreDir: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	expect(t, told, "begin", "1 a 1", "ready")
	require.NoError(t, far.PutCall("acme.b", []byte("2"))(ctx))
	expect(t, told, "2 b 2")
}
