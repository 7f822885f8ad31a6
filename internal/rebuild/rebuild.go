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
	"slices"
	"time"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

const (
	pageSize  = 2000 // journal entries read at once
	groupSize = 128  // dialogs rebuilt in one transaction, about; it keeps webhooks waiting that long
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
	parts  *components
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
	r := &rebuilder{Config: cfg, parts: newComponents(cfg.Account)}
	if err := r.survey(ctx); err != nil {
		return r.result, err
	}
	return r.result, r.rebuild(ctx)
}

// survey reads the journal as far as it goes.
func (r *rebuilder) survey(ctx context.Context) error {
	for {
		page, err := r.Store.Journal(ctx, r.parts.through, pageSize)
		if err != nil {
			return fmt.Errorf("survey journal: %w", err)
		}
		if err := r.parts.add(page); err != nil {
			return err
		}
		r.Progress("reading the journal", int64(r.parts.seen), 0)
		if len(page) < pageSize {
			return nil
		}
	}
}

// rebuild goes over the groups that the survey found.
func (r *rebuilder) rebuild(ctx context.Context) error {
	count := len(r.parts.keys)
	for begin := 0; begin < count; {
		var work *group
		end := begin
		err := r.Store.Write(ctx, func(tx store.Tx) error {
			if err := r.catchUp(ctx, tx); err != nil {
				return err
			}
			end = begin
			work = &group{rebuilder: r, tx: tx}
			for ; end < count && work.size < groupSize; end++ {
				if err := work.add(ctx, end); err != nil {
					return err
				}
			}
			if err := work.write(ctx); err != nil {
				return err
			}
			if r.Check {
				return errChecked
			}
			return nil
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
		page, err := tx.Journal(ctx, r.parts.through, pageSize)
		if err != nil {
			return err
		}
		if err := r.parts.add(page); err != nil {
			return err
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// group is what one transaction rebuilds.
type group struct {
	*rebuilder
	tx          store.Tx
	size        int
	done        [][]store.Key
	differences []Difference
	result      Result

	legs   []store.Leg
	calls  []store.Call
	drop   []store.Key
	due    []store.Due
	outbox []*store.OutboxRow
}

// add rebuilds the component of a node, unless that was done or is not wanted.
func (g *group) add(ctx context.Context, node int) error {
	if g.parts.done[node] || g.parts.latest[g.parts.find(node)].Before(g.Since) ||
		slices.ContainsFunc(g.done, func(keys []store.Key) bool { return slices.Contains(keys, g.parts.keys[node]) }) {
		return nil
	}
	for {
		keys := g.parts.members(node)
		derived, entries, err := g.derive(ctx, node, keys)
		if errors.Is(err, errGrown) {
			continue
		}
		if err != nil {
			return err
		}
		g.size += len(keys)
		g.done = append(g.done, keys)
		g.result.Entries += int64(entries)
		g.result.Calls += int64(len(derived.Calls))
		return g.compare(ctx, keys, derived)
	}
}

// errGrown says that a component turned out to have to do with another one, and was joined with it.
var errGrown = errors.New("component has grown")

func (g *group) derive(ctx context.Context, node int, keys []store.Key) (ingest.Derived, int, error) {
	entries, err := g.tx.EntriesOf(ctx, keys)
	if err != nil {
		return ingest.Derived{}, 0, err
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return cmp.Compare(a.ID, b.ID) })
	account := g.parts.keys[node].Account
	derived, err := g.Engine.Rederive(ctx, account, entries, func(ids []string) error {
		grown := false
		for _, id := range ids {
			grown = g.parts.join(node, store.Key{Account: account, UUID: id}) || grown
		}
		if grown {
			return errGrown
		}
		return nil
	})
	return derived, len(entries), err
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
	for _, keys := range g.done {
		for _, key := range keys {
			g.parts.done[g.parts.index[key]] = true
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
