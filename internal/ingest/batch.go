package ingest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dispatch"
	"webhookd/internal/flow"
	"webhookd/internal/store"
)

// batch is what one transaction reads and changes.
type batch struct {
	engine   *Engine
	tx       store.Tx
	now      time.Time
	accounts map[string]*accountBatch
	wanted   []store.Key
	outbox   []*store.OutboxRow
	changes  []dispatch.Change     // what the outbox rows tell of, for handlers
	due      map[dueKey]*store.Due // nil: drop
	// fetch loads what is wanted, and fetchCalls calls by their ids: load and loadCalls, unless the batch is worked out
	// from the journal alone.
	fetch      func(context.Context) error
	fetchCalls func(context.Context, []store.Key) error
}

type dueKey struct {
	account, call string
	kind          store.DueKind
}

// accountBatch is one account's part: what is known of its calls, and what of that is to be written.
type accountBatch struct {
	set   *correlate.Set
	calls map[string]*callState
	asked map[string]bool // uuids of the calls that were read, if they exist

	legs  map[string]bool // uuids of the legs to be written
	dirty map[string]bool // uuids of the calls to be written
}

// callState is a call while a batch works on it.
type callState struct {
	row    store.Call
	ledger flow.Ledger
}

func newBatch(e *Engine, tx store.Tx, now time.Time) *batch {
	b := &batch{engine: e, tx: tx, now: now, due: map[dueKey]*store.Due{}}
	if tx == nil {
		b.accounts = map[string]*accountBatch{}
	} else {
		b.accounts = e.memory.recall(tx)
	}
	b.fetch, b.fetchCalls = b.load, b.loadCalls
	return b
}

func (b *batch) account(name string) *accountBatch {
	a := b.accounts[name]
	if a == nil {
		a = &accountBatch{
			set:   correlate.NewSet(b.engine.Rules, name),
			calls: map[string]*callState{}, asked: map[string]bool{}, legs: map[string]bool{}, dirty: map[string]bool{},
		}
		b.accounts[name] = a
	}
	return a
}

// want notes what a piece will surely need, so that the batch is loaded at once.
func (b *batch) want(p *Piece) {
	for _, id := range Named(p.Entry.Account, p.Evidence) {
		b.wanted = append(b.wanted, store.Key{Account: p.Entry.Account, UUID: id})
	}
}

// load reads the wanted calls with all their legs.
func (b *batch) load(ctx context.Context) error {
	slices.SortFunc(b.wanted, compareKeys)
	keys := slices.DeleteFunc(slices.Compact(b.wanted), func(key store.Key) bool {
		a := b.account(key.Account)
		return a.set.Has(key.UUID) && a.asked[key.UUID]
	})
	b.wanted = nil
	if len(keys) == 0 {
		return nil
	}
	rows, err := b.tx.Legs(ctx, keys)
	if err != nil {
		return fmt.Errorf("read legs: %w", err)
	}
	legs := map[string][]*correlate.Leg{}
	calls := slices.Clone(keys) // the uuid of a dialog may be that of a call, too
	for _, row := range rows {
		leg, err := correlate.DecodeLeg(row.Evidence)
		if err != nil {
			return fmt.Errorf("read leg %s of account %s: %w", row.DialogUUID, row.Account, err)
		}
		legs[row.Account] = append(legs[row.Account], leg)
		calls = append(calls, store.Key{Account: row.Account, UUID: row.CallUUID})
	}
	ids := map[string][]string{}
	for _, key := range keys {
		ids[key.Account] = append(ids[key.Account], key.UUID)
	}
	for account := range ids {
		b.account(account).set.Load(ids[account], legs[account])
	}
	return b.loadCalls(ctx, calls)
}

// loadCalls reads the calls that were not read yet.
func (b *batch) loadCalls(ctx context.Context, keys []store.Key) error {
	slices.SortFunc(keys, compareKeys)
	keys = slices.DeleteFunc(slices.Compact(keys), func(key store.Key) bool {
		return b.account(key.Account).asked[key.UUID]
	})
	if len(keys) == 0 {
		return nil
	}
	rows, err := b.tx.Calls(ctx, keys)
	if err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	for _, key := range keys {
		b.account(key.Account).asked[key.UUID] = true
	}
	for _, row := range rows {
		ledger, err := flow.ParseLedger(row.Ledger)
		if err != nil {
			return fmt.Errorf("read call %s of account %s: %w", row.CallUUID, row.Account, err)
		}
		b.account(row.Account).calls[row.CallUUID] = &callState{row: row, ledger: ledger}
	}
	return nil
}

func compareKeys(a, b store.Key) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.UUID, b.UUID))
}

// apply merges one piece and works out what follows.
func (b *batch) apply(ctx context.Context, p *Piece) error {
	a := b.account(p.Entry.Account)
	for {
		missing := a.set.Missing(p.Evidence)
		if len(missing) == 0 {
			break
		}
		for _, id := range missing {
			b.wanted = append(b.wanted, store.Key{Account: p.Entry.Account, UUID: id})
		}
		if err := b.fetch(ctx); err != nil {
			return err
		}
	}
	applied := a.set.Apply(p.Evidence)
	for _, leg := range applied.Legs {
		a.legs[leg] = true
	}
	// An id can become a call's by itself: that of a cycle's smallest dialog. It may have been a call before, and then
	// goes on with its numbers.
	var ids []store.Key
	for i := range applied.Effects {
		ids = append(ids, store.Key{Account: p.Entry.Account, UUID: applied.Effects[i].CallUUID})
	}
	if err := b.fetchCalls(ctx, ids); err != nil {
		return err
	}
	for i := range applied.Effects {
		b.effect(a, p.Entry, &applied.Effects[i])
	}
	return nil
}

// call gives a call's state, a new one if it is not known.
func (a *accountBatch) call(account, id string) *callState {
	state := a.calls[id]
	if state == nil {
		state = &callState{row: store.Call{Account: account, CallUUID: id}}
		a.calls[id] = state
	}
	return state
}

// effect carries over what one entry did to one call.
func (b *batch) effect(a *accountBatch, entry *store.Entry, effect *correlate.Effect) {
	state := a.call(entry.Account, effect.CallUUID)
	a.dirty[effect.CallUUID] = true
	hushed := quiet(entry, state)
	if !hushed {
		b.schedule(entry, effect)
	}
	if effect.After == nil {
		state.row.MergedInto = effect.Into
		state.row.Record = nil
		state.row.Index = store.Index{}
		state.row.UpdatedAt = later(state.row.UpdatedAt, entry.ReceivedAt)
		return
	}
	state.row.MergedInto = ""
	if entry.Origin == store.OriginPBX || effect.Before == nil {
		state.row.HeardAt = later(state.row.HeardAt, entry.ReceivedAt)
	}
	if hushed {
		b.remember(state, entry, effect.After)
		return
	}
	steps := effect.Steps
	// With steps there is something to publish either way; whether the record changed decides about a revision only.
	changed := effect.Before == nil || (len(steps) > 0 && state.row.Revision == 0) ||
		!sameRecord(effect.Before, effect.After)
	if changed && state.row.Revision > 0 && effect.Before != nil && effect.Before.State == correlate.StateEnded &&
		effect.After.State == correlate.StateEnded {
		// Evidence that came after the call was settled: say so with a new revision (design §6).
		state.row.Revision++
		steps = append(steps, settled(effect.After))
	}
	if changed || len(steps) > 0 {
		b.publish(state, entry, effect.After, steps)
		b.changes[len(b.changes)-1].Before = effect.Before
		return
	}
	// The row is written for its heard_at; the record was not read, and comes out as it was.
	state.row.Record = flow.EncodeRecord(effect.After, state.row.Seq, state.row.Revision, state.row.UpdatedAt)
}

// later gives the later time. A webhook from the spool arrived before ones that are in the journal already.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func settled(call *correlate.Call) correlate.Step {
	return correlate.Step{Kind: correlate.CallSettled, CallUUID: call.CallUUID, At: call.EndedAt}
}

// publish numbers the steps and puts them into the outbox with the record.
func (b *batch) publish(state *callState, entry *store.Entry, call *correlate.Call, steps []correlate.Step) {
	events := state.ledger.Enter(entry.Account, steps)
	if entry.Traceparent != "" {
		for i := range events {
			events[i].Traceparent = entry.Traceparent
		}
	}
	state.row.Seq = state.ledger.Seq
	b.show(state, entry, call)
	row := &store.OutboxRow{
		JournalID: entry.ID,
		CreatedAt: b.now,
		Change: flow.Change{
			Account: entry.Account, CallUUID: call.CallUUID, Record: state.row.Record, Events: events,
		},
	}
	b.outbox = append(b.outbox, row)
	b.changes = append(b.changes, dispatch.Change{
		Row: row, Call: call, Revision: state.row.Revision, Arrived: entry.ReceivedAt,
	})
}

// show makes the record of a call, and what it is found by, anew.
func (b *batch) show(state *callState, entry *store.Entry, call *correlate.Call) {
	state.row.UpdatedAt = later(state.row.UpdatedAt, entry.ReceivedAt)
	state.row.Record = flow.EncodeRecord(call, state.row.Seq, state.row.Revision, state.row.UpdatedAt)
	state.row.Index = index(call)
}

func sameRecord(a, b *correlate.Call) bool {
	return bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil))
}

// schedule keeps the due rows of a call in step with it.
func (b *batch) schedule(entry *store.Entry, effect *correlate.Effect) {
	set := func(kind store.DueKind, at *time.Time) {
		key := dueKey{entry.Account, effect.CallUUID, kind}
		if at == nil {
			b.due[key] = nil
			return
		}
		b.due[key] = &store.Due{Account: key.account, CallUUID: key.call, Kind: kind, At: *at}
	}
	wasOpen := effect.Before != nil && effect.Before.State != correlate.StateEnded
	wasEnded := effect.Before != nil && !wasOpen
	isOpen := effect.After != nil && effect.After.State != correlate.StateEnded
	isEnded := effect.After != nil && !isOpen
	if isEnded && !wasEnded {
		at := b.now.Add(b.engine.SettleDelay)
		set(store.DueSettle, &at)
	} else if !isEnded && wasEnded {
		set(store.DueSettle, nil)
	}
	if isOpen && !wasOpen {
		at := b.engine.reapAt(effect.After, entry.ReceivedAt)
		set(store.DueReap, &at)
	} else if !isOpen && wasOpen {
		set(store.DueReap, nil)
	}
}

// write puts everything that changed into the store, each kind in one go.
func (b *batch) write(ctx context.Context) error {
	changes := store.Changes{Outbox: b.outbox}
	changes.Legs, changes.Calls = b.rows()
	for key, row := range b.due {
		if row != nil {
			changes.PutDue = append(changes.PutDue, *row)
		} else {
			changes.DropDue = append(changes.DropDue, store.Due{Account: key.account, CallUUID: key.call, Kind: key.kind})
		}
	}
	if b.engine.Dispatcher != nil && len(b.changes) > 0 {
		follows, err := b.engine.Dispatcher.Events(ctx, b.tx, b.now, b.changes)
		if err != nil {
			return fmt.Errorf("evaluate handlers: %w", err)
		}
		changes.Outbox = append(changes.Outbox, follows.Outbox...)
		changes.PutDue = append(changes.PutDue, follows.PutDue...)
		changes.DropDue = append(changes.DropDue, follows.DropDue...)
	}
	if err := b.tx.Keep(ctx, changes); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	b.engine.memory.keep(b)
	return nil
}

// rows gives the legs and calls that changed, in order.
func (b *batch) rows() (legs []store.Leg, calls []store.Call) {
	for _, account := range slices.Sorted(maps.Keys(b.accounts)) {
		a := b.accounts[account]
		for _, id := range slices.Sorted(maps.Keys(a.legs)) {
			leg, link := a.set.Leg(id)
			legs = append(legs, store.Leg{
				Account: account, DialogUUID: id, CallUUID: link.Call, Evidence: leg.Encode(),
			})
		}
		for _, id := range slices.Sorted(maps.Keys(a.dirty)) {
			state := a.calls[id]
			state.row.Ledger = state.ledger.Encode()
			calls = append(calls, state.row)
		}
	}
	return legs, calls
}
