package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

// BenchmarkDrain drains 10,000 changes with a record of 3 kB and two events each, of 2,000 calls, from the database
// through an embedded NATS server that syncs every write, and through one that does not.
func BenchmarkDrain(b *testing.B) {
	b.Run("sync", func(b *testing.B) { benchmarkDrain(b, natsbus.Config{StoreDir: b.TempDir(), Listen: "127.0.0.1:0"}) })
	b.Run("nosync", func(b *testing.B) {
		far, err := server.NewServer(&server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: b.TempDir(), NoSigs: true, NoLog: true,
		})
		require.NoError(b, err)
		far.Start()
		require.True(b, far.ReadyForConnections(10*time.Second))
		b.Cleanup(func() {
			far.Shutdown()
			far.WaitForShutdown()
		})
		benchmarkDrain(b, natsbus.Config{URL: far.ClientURL()})
	})
}

func benchmarkDrain(b *testing.B, config natsbus.Config) {
	const changes, open = 10_000, 2_000
	bus := openBus(b, config)
	for b.Loop() {
		b.StopTimer()
		kept := openStore(b)
		last := writeMany(b, kept, changes, open)
		box := watch(kept)
		b.StartTimer()
		r, stop := start(b, relay.Config{Store: box, Bus: bus})
		box.waitThrough(b, last)
		b.StopTimer()
		require.Equal(b, uint64(2*changes), r.Stats().Published)
		stop()
		b.StartTimer()
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(b.N*changes)/seconds, "changes/s")
	b.ReportMetric(float64(2*b.N*changes)/seconds, "events/s")
}

func writeMany(b *testing.B, kept store.Store, changes, open int) (last int64) {
	b.Helper()
	all := make([]*call, open)
	for i := range all {
		all[i] = newCall(fmt.Sprintf("account-%d", i%10))
		all[i].padding = strings.Repeat("x", 2800)
	}
	var batch []flow.Change
	for i := range changes {
		batch = append(batch, all[i%open].change("dialog_alerting", "call_alerting"))
		if len(batch) == 500 {
			last = write(b, kept, batch...)
			batch = batch[:0]
		}
	}
	return last
}
