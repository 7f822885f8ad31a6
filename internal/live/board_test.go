package live_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/live"
	"webhookd/internal/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func open(t *testing.T, config natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bus.Close()) })
	return bus
}

func board(t *testing.T, source live.Source) *live.Board {
	t.Helper()
	b := live.New(source)
	t.Cleanup(b.Stop)
	return b
}

// next gives what a viewer is told next, in words.
func next(t *testing.T, v *live.Viewer) []string {
	t.Helper()
	select {
	case events, open := <-v.Events():
		if !open {
			return []string{"cut"}
		}
		told := make([]string, 0, len(events))
		for _, e := range events {
			switch e.Kind {
			case live.Reset:
				told = append(told, "reset")
			case live.Call:
				told = append(told, fmt.Sprintf("%d call %s %s", e.Revision, e.CallUUID, e.Record))
			case live.Gone:
				told = append(told, fmt.Sprintf("%d gone %s", e.Revision, e.CallUUID))
			case live.Ready:
				told = append(told, fmt.Sprintf("ready %d", e.Calls))
			case live.Stale:
				told = append(told, "stale")
			case live.Fresh:
				told = append(told, "fresh")
			}
		}
		return told
	case <-time.After(patience):
		require.FailNow(t, "the viewer is told nothing")
		return nil
	}
}

func TestEveryViewerSeesASnapshotAndThenEveryChange(t *testing.T) {
	t.Parallel()
	bus := open(t, natsbus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	ctx := t.Context()
	require.NoError(t, bus.PutCall("acme.a", []byte("A"))(ctx))  // 1
	require.NoError(t, bus.PutCall("acme.b", []byte("B"))(ctx))  // 2
	require.NoError(t, bus.PutCall("acme.a", []byte("AA"))(ctx)) // 3
	require.NoError(t, bus.PutCall("other.c", []byte("C"))(ctx)) // 4
	b := board(t, bus)
	first := b.Look("acme")
	assert.Equal(t, []string{"reset", "2 call b B", "3 call a AA", "ready 2"}, next(t, first))
	require.NoError(t, bus.DropCall(ctx, "acme.b")) // 5
	require.NoError(t, bus.DropCall(ctx, "acme.x")) // 6: nobody was told of it
	require.NoError(t, bus.PutCall("acme.d", []byte("D"))(ctx))
	assert.Equal(t, []string{"5 gone b"}, next(t, first))
	assert.Equal(t, []string{"7 call d D"}, next(t, first))

	second, other := b.Look("acme"), b.Look("other")
	assert.Equal(t, []string{"reset", "3 call a AA", "7 call d D", "ready 2"}, next(t, second))
	assert.Equal(t, []string{"reset", "4 call c C", "ready 1"}, next(t, other))
	require.NoError(t, bus.PutCall("acme.e", []byte("E"))(ctx)) // 8
	for _, v := range []*live.Viewer{first, second} {
		assert.Equal(t, []string{"8 call e E"}, next(t, v))
	}
	first.Close()
	first.Close()
	assert.Equal(t, []string{"cut"}, next(t, first))
	require.NoError(t, bus.DropCall(ctx, "acme.e")) // 9
	assert.Equal(t, []string{"9 gone e"}, next(t, second))
	b.Stop()
	assert.Equal(t, []string{"cut"}, next(t, second))
	assert.Equal(t, []string{"cut"}, next(t, b.Look("acme")))
}

func TestViewersAreToldThatNATSIsAwayAndWhatHoldsWhenItIsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(t.Context(), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	require.NoError(t, far.PutCall("acme.a", []byte("A"))(t.Context()))
	bus := open(t, natsbus.Config{URL: far.URL()})
	<-bus.Up()
	b := board(t, bus)
	v := b.Look("acme")
	assert.Equal(t, []string{"reset", "1 call a A", "ready 1"}, next(t, v))
	require.NoError(t, far.Close())
	assert.Equal(t, []string{"stale"}, next(t, v))
	late, blind := b.Look("acme"), b.Look("other")
	assert.Equal(t, []string{"reset", "1 call a A", "ready 1"}, next(t, late), "what was known last")
	assert.Equal(t, []string{"stale"}, next(t, late))
	assert.Equal(t, []string{"stale"}, next(t, blind))

	far, err = natsbus.Open(t.Context(), natsbus.Config{StoreDir: dir, Listen: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, far.Close()) })
	for _, one := range []*live.Viewer{v, late} {
		assert.Equal(t, []string{"reset", "1 call a A", "ready 1", "fresh"}, next(t, one))
	}
	assert.Equal(t, []string{"reset", "ready 0", "fresh"}, next(t, blind))
}

// scripted is a source that a test speaks for, and that counts who watches.
type scripted struct {
	live.Source
	watched chan natsbus.CallWatcher
	ended   chan struct{}
}

func (s *scripted) WatchCalls(ctx context.Context, _ string, watcher natsbus.CallWatcher) {
	s.watched <- watcher
	<-ctx.Done()
	s.ended <- struct{}{}
}

func TestASlowViewerIsCutOffAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	source := &scripted{watched: make(chan natsbus.CallWatcher, 10), ended: make(chan struct{}, 10)}
	b := board(t, source)
	slow, quick := b.Look("acme"), b.Look("acme")
	watcher := <-source.watched
	watcher.Begin()
	watcher.Ready()
	assert.Equal(t, []string{"reset", "ready 0"}, next(t, quick))
	for i := range uint64(2000) {
		watcher.Change(natsbus.CallChange{CallUUID: "a", Record: []byte("A"), Revision: i + 1})
		assert.Equal(t, []string{fmt.Sprintf("%d call a A", i+1)}, next(t, quick))
	}
	told := 0
	for range slow.Events() {
		told++
	}
	assert.Equal(t, 1024, told, "what it was sent before it was cut off")
	assert.Empty(t, source.watched, "one watcher for all who look at an account")
	slow.Close()
	quick.Close()
	<-source.ended // nobody looks any more
	b.Look("acme")
	<-source.watched
}

func TestACallThatGoesWhileTheSnapshotComesInIsNotInIt(t *testing.T) {
	t.Parallel()
	source := &scripted{watched: make(chan natsbus.CallWatcher, 10), ended: make(chan struct{}, 10)}
	b := board(t, source)
	v := b.Look("acme")
	watcher := <-source.watched
	watcher.Begin()
	watcher.Change(natsbus.CallChange{CallUUID: "a", Record: []byte("A"), Revision: 1})
	watcher.Change(natsbus.CallChange{CallUUID: "b", Record: []byte("B"), Revision: 2})
	watcher.Change(natsbus.CallChange{CallUUID: "a", Revision: 3})
	watcher.Lost() // and begins anew
	watcher.Lost()
	assert.Equal(t, []string{"stale"}, next(t, v))
	watcher.Begin()
	watcher.Change(natsbus.CallChange{CallUUID: "b", Record: []byte("B"), Revision: 2})
	watcher.Change(natsbus.CallChange{CallUUID: "c", Record: []byte("C"), Revision: 4})
	watcher.Change(natsbus.CallChange{CallUUID: "b", Revision: 5})
	watcher.Ready()
	assert.Equal(t, []string{"reset", "4 call c C", "ready 1", "fresh"}, next(t, v))
}
