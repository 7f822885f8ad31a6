// Package live shows what happens now to whoever looks, from NATS. The calls that go on are shown to many viewers at
// once: it watches the KV bucket once for each account that somebody looks at, keeps what it shows in memory, and hands
// every change on to all. The events of an account are read from the stream for each reader, from its own place on. It
// knows neither HTTP nor the database, and decides nothing about calls.
package live

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"webhookd/internal/natsbus"
)

// backlog is how many changes a viewer may be behind before it is cut off.
const backlog = 1024

// Kind is what an Event tells.
type Kind int

// What a viewer is told, in this order: Reset, then a Call for each that goes on, then Ready; from there on Call and
// Gone. Stale when NATS is away; when it is back, a new snapshot from Reset to Ready, and Fresh.
const (
	Reset Kind = iota // a snapshot begins: what was told before does not hold any more
	Call              // a call is shown, or has changed
	Gone              // a call is not shown any more
	Ready             // the snapshot is complete
	Stale             // NATS is away: what was told may not hold any more, and nothing new comes
	Fresh             // NATS is back, and the snapshot before this is what holds
)

// Event is one thing that a viewer is told.
type Event struct {
	Kind     Kind
	CallUUID string // of Call and Gone
	Record   []byte // of Call; nobody may change it
	Revision uint64 // of Call and Gone; it grows from change to change
	Calls    int    // of Ready: how many there were in the snapshot
}

// Source is where calls and events come from; *natsbus.Bus is one.
type Source interface {
	WatchCalls(ctx context.Context, account string, watcher natsbus.CallWatcher)
	Follow(ctx context.Context, from natsbus.Following, follower natsbus.Follower) error
}

// Board is the calls of all accounts that are looked at. Its methods may be called at the same time.
type Board struct {
	source Source
	life   context.Context //nolint:containedctx // it is the life of the watchers, which no viewer has
	end    context.CancelFunc

	mu       sync.Mutex
	accounts map[string]*account // those that somebody looks at
	watchers sync.WaitGroup
}

// New makes a board that nobody looks at yet.
func New(source Source) *Board {
	b := &Board{source: source, accounts: map[string]*account{}}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// Stop cuts every viewer off and returns when nothing is watched any more. Who looks afterwards is cut off at once.
func (b *Board) Stop() {
	b.mu.Lock()
	b.end()
	for _, a := range b.accounts {
		for v := range a.viewers {
			b.cut(a, v)
		}
	}
	b.mu.Unlock()
	b.watchers.Wait()
}

// Viewer is one that looks at an account.
type Viewer struct {
	events chan []Event
	board  *Board
	of     *account
	behind bool // it was told Stale; guarded by Board.mu
}

// Events gives what the viewer is told, in order. It is closed when the viewer was cut off, because it is too far behind
// or the board is stopped.
func (v *Viewer) Events() <-chan []Event { return v.events }

// Close ends it; a second time it does nothing.
func (v *Viewer) Close() {
	v.board.mu.Lock()
	defer v.board.mu.Unlock()
	v.board.cut(v.of, v)
}

// Look begins to show an account's calls to a new viewer, which is to be closed.
func (b *Board) Look(name string) *Viewer {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := &Viewer{events: make(chan []Event, backlog), board: b}
	if b.life.Err() != nil {
		v.of = &account{}
		close(v.events)
		return v
	}
	a, watched := b.accounts[name]
	if !watched {
		a = &account{name: name, viewers: map[*Viewer]struct{}{}}
		b.accounts[name] = a
		b.watch(a)
	}
	v.of = a
	a.viewers[v] = struct{}{}
	if a.loaded {
		v.events <- a.snapshot(v)
	}
	if a.away {
		v.behind = true
		v.events <- []Event{{Kind: Stale}}
	}
	return v
}

// cut ends a viewer, and the watching when nobody looks any more. b.mu is held.
func (b *Board) cut(a *account, v *Viewer) {
	if _, looks := a.viewers[v]; !looks {
		return
	}
	delete(a.viewers, v)
	close(v.events)
	if len(a.viewers) == 0 {
		delete(b.accounts, a.name)
		a.end()
	}
}

// account is what is known of the calls of one.
type account struct {
	name    string
	end     context.CancelFunc
	viewers map[*Viewer]struct{}

	calls   map[string]Event // as they were told
	loading map[string]Event // of the snapshot that comes in; nil when none does
	loaded  bool             // calls is a whole snapshot
	away    bool
}

// watch begins to watch an account. b.mu is held.
func (b *Board) watch(a *account) {
	ctx, cancel := context.WithCancel(b.life)
	a.end = cancel
	locked := func(fn func()) {
		b.mu.Lock()
		defer b.mu.Unlock()
		fn()
	}
	b.watchers.Go(func() {
		defer cancel()
		b.source.WatchCalls(ctx, a.name, natsbus.CallWatcher{
			Begin:  func() { locked(func() { a.loading = map[string]Event{} }) },
			Change: func(change natsbus.CallChange) { locked(func() { b.change(a, change) }) },
			Ready:  func() { locked(func() { b.ready(a) }) },
			Lost:   func() { locked(func() { b.lost(a) }) },
		})
	})
}

func (b *Board) change(a *account, change natsbus.CallChange) {
	event := Event{Kind: Call, CallUUID: change.CallUUID, Record: change.Record, Revision: change.Revision}
	if change.Record == nil {
		event.Kind = Gone
	}
	calls := a.calls
	if a.loading != nil {
		calls = a.loading
	}
	_, shown := calls[event.CallUUID]
	if event.Kind == Gone {
		delete(calls, event.CallUUID)
	} else {
		calls[event.CallUUID] = event
	}
	if a.loading == nil && (shown || event.Kind == Call) {
		b.tell(a, []Event{event})
	}
}

func (b *Board) ready(a *account) {
	a.calls, a.loading, a.loaded, a.away = a.loading, nil, true, false
	for v := range a.viewers {
		b.send(a, v, a.snapshot(v))
	}
}

func (b *Board) lost(a *account) {
	a.loading = nil
	if a.away {
		return
	}
	a.away = true
	for v := range a.viewers {
		v.behind = true
	}
	b.tell(a, []Event{{Kind: Stale}})
}

// snapshot is what a viewer is told of all that goes on, in the order of the revisions.
func (a *account) snapshot(v *Viewer) []Event {
	events := make([]Event, 0, len(a.calls)+3)
	events = append(events, Event{Kind: Reset})
	for _, call := range a.calls {
		events = append(events, call)
	}
	slices.SortFunc(events[1:], func(x, y Event) int { return cmp.Compare(x.Revision, y.Revision) })
	events = append(events, Event{Kind: Ready, Calls: len(a.calls)})
	if v.behind && !a.away {
		v.behind = false
		events = append(events, Event{Kind: Fresh})
	}
	return events
}

func (b *Board) tell(a *account, events []Event) {
	for v := range a.viewers {
		b.send(a, v, events)
	}
}

// send hands events to a viewer without waiting for it.
func (b *Board) send(a *account, v *Viewer, events []Event) {
	select {
	case v.events <- events:
	default:
		b.cut(a, v)
	}
}
