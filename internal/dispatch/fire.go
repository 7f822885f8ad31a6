package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// Fire does the triggers whose time has come, by their ids, in the transaction that drops their due rows. One that was
// called off meanwhile is not done: of firing and calling off, the first one that commits wins.
func (d *Dispatcher) Fire(ctx context.Context, tx store.Tx, now time.Time, ids []string) (Result, error) {
	if len(ids) == 0 {
		return Result{}, nil
	}
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	r.divisible = len(ids) > 1
	due, err := r.loadDue(ids)
	if err != nil {
		return Result{}, err
	}
	ended := make([]store.Trigger, 0, len(due))
	fired := map[string]*armed{}
	for _, one := range due {
		end := store.Trigger{ID: one.row.ID, EndedAt: now}
		ready, err := r.ready(one)
		switch over := (*overError)(nil); {
		case errors.As(err, &over):
			end.State, end.Reason = over.state, over.reason
		case err != nil:
			return Result{}, err
		default:
			ready.fire()
			end.State, end.Reason = ready.outcome()
			fired[end.ID] = ready
		}
		switch end.State {
		case store.TriggerCancelled:
			d.count.cancelled.Add(1)
		case store.TriggerSkipped:
			d.count.skipped.Add(1)
		}
		ended = append(ended, end)
	}
	changed, err := tx.EndTriggers(ctx, ended)
	if err != nil {
		return Result{}, fmt.Errorf("end triggers: %w", err)
	}
	for _, id := range changed {
		if one := fired[id]; one != nil {
			if err := r.did(one); err != nil {
				return Result{}, err
			}
		}
	}
	return r.finish()
}

// overError says why a trigger does nothing any more, and what becomes of it.
type overError struct {
	state  store.TriggerState
	reason string
}

func (e *overError) Error() string { return e.reason }

func skipped(reason string) error { return &overError{store.TriggerSkipped, reason} }

// dueTrigger is a trigger whose time has come, with its call as it is now.
type dueTrigger struct {
	row      *store.Trigger
	occasion *trigger.Occasion // nil if it cannot be read
	call     store.Key         // that its call is now, or went into; without UUID if there is none
	record   json.RawMessage   // of the call, empty if there is none
}

// maxMerges bounds how often a call is followed into another one.
const maxMerges = 16

// loadDue reads waiting triggers, each with its call.
func (r *round) loadDue(ids []string) ([]*dueTrigger, error) {
	rows, err := r.tx.TriggersByID(r.ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read triggers: %w", err)
	}
	var due []*dueTrigger
	wanted := map[store.Key][]*dueTrigger{}
	for i := range rows {
		if rows[i].State != store.TriggerPending {
			continue
		}
		one := &dueTrigger{row: &rows[i]}
		due = append(due, one)
		if one.occasion, err = trigger.DecodeOccasion(rows[i].Occasion); err != nil {
			r.dispatcher.Logger.Error("the occasion of a trigger cannot be read; it does nothing",
				"trigger", rows[i].ID, "error", err)
			continue
		}
		one.occasion = one.occasion.WithTime(r.now)
		one.call = store.Key{Account: one.row.Account, UUID: one.occasion.CallUUID()}
		if one.call.UUID != "" {
			wanted[one.call] = append(wanted[one.call], one)
		}
	}
	for range maxMerges {
		if wanted, err = r.loadCalls(wanted); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// loadCalls gives triggers their calls, and those whose call went into another one, by that one.
func (r *round) loadCalls(wanted map[store.Key][]*dueTrigger) (map[store.Key][]*dueTrigger, error) {
	next := map[store.Key][]*dueTrigger{}
	if len(wanted) == 0 {
		return next, nil
	}
	keys := make([]store.Key, 0, len(wanted))
	for key := range wanted {
		keys = append(keys, key)
	}
	calls, err := r.tx.WholeCalls(r.ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	for _, call := range calls {
		key := store.Key{Account: call.Account, UUID: call.CallUUID}
		into := store.Key{Account: call.Account, UUID: call.MergedInto}
		for _, one := range wanted[key] {
			if into.UUID != "" {
				one.call = into
				next[into] = append(next[into], one)
			} else {
				one.record = call.Record
			}
		}
	}
	return next, nil
}

// ready makes a waiting trigger ready to be fired: over its call as it is now. Its error is an *overError where it is to
// do nothing.
func (r *round) ready(due *dueTrigger) (*armed, error) {
	if due.occasion == nil {
		return nil, skipped("its occasion cannot be read")
	}
	handler, err := r.find(due.row.Account, due.row.Handler)
	switch {
	case errors.Is(err, errUnknown):
		return nil, skipped(errUnknown.Error())
	case err != nil:
		return nil, err
	case !handler.Handler().Enabled:
		return nil, skipped("the handler is switched off")
	}
	one := &armed{handler: handler, occasion: due.occasion, root: due.row.ID, row: due.row}
	if len(due.record) == 0 {
		return one, nil
	}
	call, err := readRecord(due.record)
	if err != nil {
		return nil, err
	}
	if due.row.EventType == string(correlate.CallMissed) && !call.Missed {
		return nil, skipped("it turned out that the call was not missed")
	}
	one.occasion = due.occasion.WithCall(call, due.record)
	return one, r.still(one, due)
}

// still says whether a trigger is over because more is known now of its call: it went into another one, or who it is with
// was not known, or was mistaken, when the trigger was armed. What would have called it off then, or have taken its turn,
// does so now.
func (r *round) still(one *armed, due *dueTrigger) error {
	row, moved := due.row, due.call.UUID != due.occasion.CallUUID()
	contact := store.BoundedKey(one.occasion.Contact())
	identified := contact != "" && contact != row.Contact
	var queries []store.MarkQuery
	if moved {
		queries = append(queries, store.MarkQuery{CallUUID: due.call.UUID, Since: row.EventAt})
	}
	if identified && row.CancelScope == store.CancelScopeContact {
		queries = append(queries, store.MarkQuery{Contact: contact, Since: row.EventAt + 1})
	}
	if called, err := r.marked(row, queries); err != nil || called {
		return cmp.Or[error](err, &overError{store.TriggerCancelled, "called off by an event that it was not known to belong to"})
	}
	if moved {
		if other, err := r.twin(one, due); err != nil || other {
			return cmp.Or(err, skipped("its call went into another one, which has a trigger of its own"))
		}
	}
	if identified {
		if taken, err := r.hadTurn(one); err != nil || taken {
			return cmp.Or(err, skipped("its contact has had a trigger"))
		}
	}
	return nil
}

// marked says whether any of the queries, completed, finds a mark.
func (r *round) marked(row *store.Trigger, queries []store.MarkQuery) (bool, error) {
	if len(row.CancelOn) == 0 || len(queries) == 0 {
		return false, nil
	}
	for i := range queries {
		queries[i].Account, queries[i].EventTypes = row.Account, row.CancelOn
	}
	marked, err := r.tx.MarksSince(r.ctx, queries)
	if err != nil {
		return false, fmt.Errorf("look for what calls triggers off: %w", err)
	}
	return slices.Contains(marked, true), nil
}

// twin says whether the call that a trigger's call went into had the same event, and a trigger of its own for it.
func (r *round) twin(one *armed, due *dueTrigger) (bool, error) {
	event := due.occasion.Event
	if event.DialogUUID != "" || len(event.Trigger) > 0 {
		return false, nil // a dialog's events are published once, wherever it goes
	}
	event.UUID = flow.EventUUID(due.row.Account, due.call.UUID, event.Type, "", 1)
	id := one.handler.TriggerID(due.occasion.Beside(event))
	found, err := r.tx.TriggersByID(r.ctx, []string{id})
	if err != nil {
		return false, fmt.Errorf("read triggers: %w", err)
	}
	return len(found) > 0 && found[0].State != store.TriggerSkipped, nil
}

// hadTurn says whether the handler had its turn with the contact that is known now.
func (r *round) hadTurn(one *armed) (bool, error) {
	turn := onceOf(one.row)
	turn.OnceKey = store.BoundedKey(one.handler.OnceKey(one.occasion))
	if turn.OnceKey == "" || turn.OnceKey == one.row.OnceKey {
		return false, nil
	}
	if r.taken[turn] {
		return true, nil
	}
	r.taken[turn] = true // for the others of this transaction
	turn.Since = since(one.handler, r.now)
	taken, err := r.tx.OnceTaken(r.ctx, []store.OnceQuery{turn})
	if err != nil {
		return false, fmt.Errorf("look for earlier triggers: %w", err)
	}
	return taken[0], nil
}

func readRecord(record json.RawMessage) (*correlate.Call, error) {
	var read flow.Record
	if err := json.Unmarshal(record, &read); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	return &read.Call, nil
}
