//go:build unix

package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
)

func openPostgres(t *testing.T, url string) store.Store {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), url))
	st, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

// load sends every scenario again and again, each time to an account of its own, from several senders at once.
type load struct {
	in      *installation
	sending sync.WaitGroup
	stop    chan struct{}
	sent    atomic.Int64
	spooled atomic.Int64
	slowest atomic.Int64 // nanoseconds

	mu     sync.Mutex
	whole  map[string]string // scenario by account, for those of which everything was acknowledged
	bodies map[string]int    // of all accounts
}

func startLoad(t *testing.T, in *installation, senders int) *load {
	t.Helper()
	l := &load{in: in, stop: make(chan struct{}), whole: map[string]string{}, bodies: map[string]int{}}
	var list []string
	for _, scenario := range scenarios(t) {
		if !isCampaign(scenario) {
			list = append(list, scenario)
		}
	}
	for sender := range senders {
		l.sending.Go(func() {
			random := rand.New(rand.NewPCG(uint64(sender), 1))
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				l.send(t, list[random.IntN(len(list))], fmt.Sprintf("sender%d-%d", sender, n))
			}
		})
	}
	return l
}

func (l *load) send(t *testing.T, scenario, account string) {
	bodies := webhooks(t, scenario)
	for _, body := range bodies {
		began := time.Now()
		answer, err := l.in.Submit(t.Context(), account, body)
		if err != nil {
			t.Errorf("a webhook was not taken: %v", err)
			return
		}
		for took := int64(time.Since(began)); ; {
			slowest := l.slowest.Load()
			if took <= slowest || l.slowest.CompareAndSwap(slowest, took) {
				break
			}
		}
		if answer.Spooled {
			l.spooled.Add(1)
		}
		l.sent.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole[account] = scenario
	l.bodies[account] = len(bodies)
}

// await lets so many more webhooks be acknowledged.
func (l *load) await(t *testing.T, counter *atomic.Int64, more int64) {
	t.Helper()
	target := counter.Load() + more
	require.Eventually(t, func() bool { return counter.Load() >= target }, patience, time.Millisecond)
}

// check ends the load, waits for the spool, and holds every record against what it should be.
func (l *load) check(t *testing.T, st store.Store) {
	t.Helper()
	close(l.stop)
	l.sending.Wait()
	l.in.awaitDrained(t)
	require.NotEmpty(t, l.whole)
	for account, scenario := range l.whole {
		requireRecords(t, st, account, expected(t, scenario))
	}
	require.GreaterOrEqual(t, int64(len(journalled(t, st))), l.sent.Load()-duplicates(t, l.whole))
	require.EqualValues(t, 0, l.in.Stats().Spool.Errors)
}

// duplicates counts the bodies that scenarios hold more than once.
func duplicates(t *testing.T, whole map[string]string) int64 {
	t.Helper()
	var count int64
	for _, scenario := range whole {
		seen := map[string]bool{}
		for _, body := range webhooks(t, scenario) {
			if seen[string(body)] {
				count++
			}
			seen[string(body)] = true
		}
	}
	return count
}

// Postgres is stopped as by a crash, and started again, twice, while webhooks come: all of them are acknowledged, and
// all of them are in the journal in the end.
func TestPostgresGoesAndComesBackUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	cluster.Start()
	st := openPostgres(t, cluster.URL)
	in := startSpooling(t, st, t.TempDir(), nil)
	l := startLoad(t, in, 8)
	for range 2 {
		l.await(t, &l.sent, 200)
		cluster.Stop()
		l.await(t, &l.spooled, 500)
		require.False(t, in.Stats().AwaySince.IsZero())
		cluster.Start()
		require.Eventually(t, func() bool { return in.Stats().AwaySince.IsZero() }, patience, time.Millisecond)
	}
	l.await(t, &l.sent, 200)
	l.check(t, st)
}

// A network that swallows everything holds nobody up for longer than the commit timeout, and after that nobody at all.
func TestAStalledNetworkHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	network, url := pgtest.Through(t, pgtest.URL(t))
	st := openPostgres(t, url)
	in := startSpooling(t, st, t.TempDir(), nil) // its commit timeout is 1 s
	l := startLoad(t, in, 4)
	l.await(t, &l.sent, 100)
	network.Stall()
	l.await(t, &l.spooled, 300)
	before := l.sent.Load()
	bad := time.Now()
	_, err := in.Submit(t.Context(), account, []byte("no webhook"))
	require.ErrorContains(t, err, "refuse webhook")
	require.Less(t, time.Since(bad), time.Second)
	l.await(t, &l.sent, 100)
	require.Greater(t, l.sent.Load(), before)
	network.Resume()
	require.Eventually(t, func() bool { return in.Stats().AwaySince.IsZero() }, patience, time.Millisecond)
	l.await(t, &l.sent, 100)
	l.check(t, st)
	require.Less(t, time.Duration(l.slowest.Load()), 2500*time.Millisecond)
}

// A stop while the network stalls is not held up either.
func TestAStopWhileTheNetworkStalls(t *testing.T) {
	t.Parallel()
	network, url := pgtest.Through(t, pgtest.URL(t))
	st := openPostgres(t, url)
	dir := t.TempDir()
	in := startSpooling(t, st, dir, nil)
	submit(t, in.Ingest, account, numbered(1))
	network.Stall()
	requireSpooled(t, in, account, numbered(2))
	requireSpooled(t, in, account, numbered(3))
	began := time.Now()
	in.stop()
	require.Less(t, time.Since(began), 8*time.Second)
	network.Resume()
	startSpooling(t, st, dir, nil).awaitDrained(t)
	require.Equal(t, []string{string(numbered(1)), string(numbered(2)), string(numbered(3))}, journalled(t, st))
}
