package natsbus_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
)

// BenchmarkPublish publishes messages of 3 kB and waits for every PubAck: in lanes, each waiting for its own, as the
// relay does, and with the library's asynchronous publishing, which the relay could not use within a lane.
func BenchmarkPublish(b *testing.B) {
	for _, synced := range []bool{true, false} {
		for _, pipe := range []bool{true, false} {
			for _, lanes := range []int{1, 32, 128, 0} {
				name := fmt.Sprintf("lanes=%d", lanes)
				if lanes == 0 {
					name = "async"
				}
				b.Run(fmt.Sprintf("sync=%t/pipe=%t/%s", synced, pipe, name), func(b *testing.B) {
					benchmarkPublish(b, synced, pipe, lanes)
				})
			}
		}
	}
}

func benchmarkPublish(b *testing.B, synced, pipe bool, lanes int) {
	far := benchServer(b, synced)
	options := []nats.Option{}
	if pipe {
		options = append(options, nats.InProcessServer(far))
	}
	conn, err := nats.Connect(far.ClientURL(), options...)
	require.NoError(b, err)
	b.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(512))
	require.NoError(b, err)
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{
		Name: flow.StreamName, Subjects: []string{flow.StreamSubjects}, Storage: jetstream.FileStorage,
		Duplicates: natsbus.DefaultDuplicateWindow,
	})
	require.NoError(b, err)
	body := make([]byte, 3000)
	message := func(i int) *nats.Msg {
		msg := nats.NewMsg(flow.Subject("acme", "call_started"))
		msg.Header.Set(jetstream.MsgIDHeader, strconv.Itoa(i))
		msg.Data = body
		return msg
	}
	b.ResetTimer()
	if lanes == 0 {
		for i := range b.N {
			_, err := js.PublishMsgAsync(message(i))
			require.NoError(b, err)
		}
		<-js.PublishAsyncComplete()
	} else {
		group, ctx := errgroup.WithContext(context.Background())
		group.SetLimit(lanes)
		for i := range b.N {
			group.Go(func() error {
				_, err := js.PublishMsg(ctx, message(i))
				return err
			})
		}
		require.NoError(b, group.Wait())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func benchServer(b *testing.B, synced bool) *server.Server {
	b.Helper()
	far, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: b.TempDir(), NoSigs: true, NoLog: true,
		SyncAlways: synced,
	})
	require.NoError(b, err)
	far.Start()
	require.True(b, far.ReadyForConnections(10*time.Second))
	b.Cleanup(func() {
		far.Shutdown()
		far.WaitForShutdown()
	})
	return far
}
