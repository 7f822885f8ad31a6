// Package rebuild works out every leg, call and event id anew from the journal, into the same tables, while the service
// runs, and tells what it found different. It decides nothing itself: ingest.Engine derives, as it does for webhooks.
//
// It goes over the journal once to find which dialogs can have to do with one another (components.go), and then over
// those groups, a few hundred dialogs in one transaction each. Within that transaction nobody else writes, so a group
// is rebuilt from all the entries that there are at that moment; calls that go on meanwhile are the service's affair.
package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

const (
	pageSize  = 2000 // journal entries read at once
	groupSize = 384  // dialogs rebuilt in one transaction, about; it keeps webhooks waiting that long
)

// Config is what a rebuild needs.
type Config struct {
	Store interface {
		store.Writer
		Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error)
	}
	Engine *ingest.Engine
	// Account limits the rebuild to one account; "" is all.
	Account string
	// Since leaves out calls of which nothing arrived since then; those that are rebuilt are rebuilt whole.
	Since time.Time
	// Publish puts the events that the outbox lacks into it.
	Publish bool
	// Check changes nothing: it only tells differences.
	Check bool
	// Progress, if not nil, is told now and then how far it is; total is 0 where it is not known.
	Progress func(doing string, done, total int64)
	// Report, if not nil, is told every difference, when it is mended for good.
	Report func(Difference)
}

// Result counts what a rebuild did.
type Result struct {
	Entries     int64 // journal entries that the calls were derived from
	Calls       int64 // calls that were derived, merged ones included
	Differences int64
	Published   int64 // events put into the outbox
}

// errChecked rolls back a transaction that was only to be looked at.
var errChecked = errors.New("only checked")

type rebuilder struct {
	Config
	all    *components
	result Result
}

// Run rebuilds. It returns the store's errors, and what Engine.Rederive says of entries that cannot be read. What was
// rebuilt before an error stays; a rebuild can be run again at any time.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string, int64, int64) {}
	}
	if cfg.Report == nil {
		cfg.Report = func(Difference) {}
	}
	r := &rebuilder{Config: cfg, all: newComponents(cfg.Account)}
	if err := r.survey(ctx); err != nil {
		return r.result, err
	}
	return r.result, r.rebuild(ctx)
}

// survey reads the journal as far as it goes. While one page is looked at, the next one is on its way.
func (r *rebuilder) survey(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	pages := make(chan []store.Entry, 1)
	work.Go(func() error {
		defer close(pages)
		for after, size := int64(0), pageSize; size == pageSize; {
			page, err := r.Store.Journal(ctx, after, pageSize)
			if err != nil {
				return fmt.Errorf("survey journal: %w", err)
			}
			if size = len(page); size > 0 {
				after = page[size-1].ID
			}
			select {
			case pages <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	work.Go(func() error {
		for page := range pages {
			if err := r.all.add(page); err != nil {
				return err
			}
			r.Progress("reading the journal", int64(r.all.seen), 0)
		}
		return nil
	})
	return work.Wait()
}

// rebuild goes over the groups that the survey found.
func (r *rebuilder) rebuild(ctx context.Context) error {
	count := len(r.all.keys)
	for begin := 0; begin < count; {
		var work *group
		end := begin
		err := r.Store.Write(ctx, func(tx store.Tx) error {
			if err := r.catchUp(ctx, tx); err != nil {
				return err
			}
			end = begin
			work = &group{rebuilder: r, tx: tx, taken: map[int]bool{}}
			for ; end < count && work.size < groupSize; end++ {
				work.take(end)
			}
			if err := work.derive(ctx); err != nil {
				return err
			}
			if err := work.compare(ctx); err != nil {
				return err
			}
			if r.Check {
				return errChecked
			}
			return work.write(ctx)
		})
		if err != nil && !errors.Is(err, errChecked) {
			return fmt.Errorf("rebuild calls: %w", err)
		}
		work.keep()
		begin = end
		r.Progress("deriving calls", int64(begin), int64(count))
	}
	return nil
}

// catchUp takes in what has arrived since the survey. Nobody writes meanwhile, so that then is all.
func (r *rebuilder) catchUp(ctx context.Context, tx store.Tx) error {
	for {
		page, err := tx.Journal(ctx, r.all.through, pageSize)
		if err != nil {
			return err
		}
		if err := r.all.add(page); err != nil {
			return err
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// group is what one transaction rebuilds: some components, whose rows are read together.
type group struct {
	*rebuilder
	tx          store.Tx
	size        int // dialogs and calls in it
	parts       []*part
	taken       map[int]bool // roots of the components in it
	joining     sync.Mutex   // guards the components while parts are worked out side by side
	differences []Difference
	result      Result

	legs   []store.Leg
	calls  []store.Call
	drop   []store.Key
	due    []store.Due
	outbox []*store.OutboxRow
}

// part is a component in a group, and what the journal gives for it.
type part struct {
	node    int
	keys    []store.Key
	entries []store.Entry // in journal order
	derived ingest.Derived
}

// take takes the component of a node into the group, unless that was done or is not wanted.
func (g *group) take(node int) {
	root := g.all.find(node)
	if g.all.done[node] || g.taken[root] || g.all.latest[root].Before(g.Since) {
		return
	}
	g.taken[root] = true
	keys := g.all.members(node)
	g.size += len(keys)
	g.parts = append(g.parts, &part{node: node, keys: keys})
}

// errGrown says that a component turned out to have to do with another one, and was joined with it.
var errGrown = errors.New("component has grown")

// derive works out every part from the journal.
func (g *group) derive(ctx context.Context) error {
	if err := g.read(ctx, g.parts...); err != nil {
		return err
	}
	// Most parts turn out to be whole, so all are tried side by side first; what has grown is settled one by one.
	outcomes := g.rederiveAll(ctx)
	g.mistrust(outcomes)
	var derived []*part
	for i, p := range g.parts {
		root := g.all.find(p.node)
		if slices.ContainsFunc(derived, func(other *part) bool { return g.all.find(other.node) == root }) {
			continue // it was joined with one before it, and is in there
		}
		for err := outcomes[i]; err != nil; err = g.rederive(ctx, p) {
			if !errors.Is(err, errGrown) {
				return err
			}
			// Whatever it was joined with, and is derived already, is derived anew with it.
			root = g.all.find(p.node)
			derived = slices.DeleteFunc(derived, func(other *part) bool {
				return g.all.find(other.node) == root
			})
			p.keys = g.all.members(p.node)
			if err := g.read(ctx, p); err != nil {
				return err
			}
		}
		derived = append(derived, p)
	}
	g.parts = derived
	for _, p := range g.parts {
		g.result.Entries += int64(len(p.entries))
		g.result.Calls += int64(len(p.derived.Calls))
	}
	return nil
}

// read reads the journal entries of parts, those of all at once.
func (g *group) read(ctx context.Context, parts ...*part) error {
	var keys []store.Key
	owner := map[store.Key]*part{}
	for _, p := range parts {
		p.entries = nil
		keys = append(keys, p.keys...)
		for _, key := range p.keys {
			owner[key] = p
		}
	}
	entries, err := g.tx.EntriesOf(ctx, keys)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return cmp.Compare(a.ID, b.ID) })
	for i := range entries {
		p := owner[about(&entries[i])]
		if p == nil {
			return fmt.Errorf("read journal entry %d: it is about none of the dialogs asked for", entries[i].ID)
		}
		p.entries = append(p.entries, entries[i])
	}
	return nil
}

// mistrust has those parts derived anew that turned out to be one with others: each was derived without the rest.
func (g *group) mistrust(outcomes []error) {
	shared := map[int]int{}
	for _, p := range g.parts {
		shared[g.all.find(p.node)]++
	}
	for i, p := range g.parts {
		if outcomes[i] == nil && shared[g.all.find(p.node)] > 1 {
			outcomes[i] = errGrown
		}
	}
}

// rederiveAll works out the parts on all processors, and gives what came of each.
func (g *group) rederiveAll(ctx context.Context) []error {
	outcomes := make([]error, len(g.parts))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(g.parts); i = int(next.Add(1)) - 1 {
				outcomes[i] = g.rederive(ctx, g.parts[i])
			}
		})
	}
	workers.Wait()
	return outcomes
}

func (g *group) rederive(ctx context.Context, p *part) error {
	account := p.keys[0].Account
	derived, err := g.Engine.Rederive(ctx, account, p.entries, func(ids []string) error {
		g.joining.Lock()
		defer g.joining.Unlock()
		grown := false
		for _, id := range ids {
			grown = g.all.join(p.node, store.Key{Account: account, UUID: id}) || grown
		}
		if grown {
			return errGrown
		}
		return nil
	})
	p.derived = derived
	return err
}

// write puts what differs into the store.
func (g *group) write(ctx context.Context) error {
	if err := g.tx.PutLegs(ctx, g.legs); err != nil {
		return err
	}
	if err := g.tx.PutCalls(ctx, g.calls); err != nil {
		return err
	}
	if err := g.tx.DropCalls(ctx, g.drop); err != nil {
		return err
	}
	var stale []store.Due
	for _, key := range g.drop {
		for _, kind := range []store.DueKind{store.DueSettle, store.DueReap} {
			stale = append(stale, store.Due{Account: key.Account, CallUUID: key.UUID, Kind: kind})
		}
	}
	if err := g.tx.DropDue(ctx, stale); err != nil {
		return err
	}
	if err := g.tx.PutDue(ctx, g.due); err != nil {
		return err
	}
	if !g.Publish {
		return nil
	}
	slices.SortFunc(g.outbox, func(a, b *store.OutboxRow) int { return cmp.Compare(a.JournalID, b.JournalID) })
	for _, row := range g.outbox {
		g.result.Published += int64(len(row.Events))
	}
	return g.tx.AppendOutbox(ctx, g.outbox)
}

// keep makes the group's work count, once it is committed.
func (g *group) keep() {
	for _, p := range g.parts {
		for _, key := range p.keys {
			g.all.done[g.all.index[key]] = true
		}
	}
	for _, difference := range g.differences {
		g.Report(difference)
	}
	g.rebuilder.result.Entries += g.result.Entries
	g.rebuilder.result.Calls += g.result.Calls
	g.rebuilder.result.Differences += int64(len(g.differences))
	if !g.Check {
		g.rebuilder.result.Published += g.result.Published
	}
}
