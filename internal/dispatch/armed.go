package dispatch

import (
	"errors"
	"fmt"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// armed is a handler that matched: a trigger that waits, or is done at once.
type armed struct {
	handler  *trigger.Compiled
	occasion *trigger.Occasion
	root     string // uuid of the event that all began with
	row      *store.Trigger
	fired    trigger.Fired // unless it waits
}

// arm makes a trigger of an occasion. Whether it is to be, is decided with its wave.
func (r *round) arm(handler *trigger.Compiled, o *trigger.Occasion, root string) {
	id := handler.TriggerID(o)
	if r.seen[id] {
		return
	}
	r.seen[id] = true
	if o.Depth >= trigger.MaxDepth {
		r.emit(o, id, []flow.Event{handler.TooDeep(o, id)})
		return
	}
	h := handler.Handler()
	row := &store.Trigger{
		ID: id, Account: o.Account, Handler: h.Name, TransactionID: o.TransactionID, CallUUID: o.CallUUID(),
		Contact: store.BoundedKey(o.Contact()), EventType: o.Event.Type, EventUUID: o.Event.UUID,
		EventAt: o.Event.CreatedOn, State: store.TriggerDone, CancelOn: h.CancelOn, CancelScope: string(h.CancelScope),
		OnceKey: store.BoundedKey(handler.OnceKey(o)), Depth: o.Depth + 1, CreatedAt: r.now, EndedAt: r.now,
	}
	if row.CancelScope == "" {
		row.CancelScope = store.CancelScopeCall
	}
	if h.After > 0 {
		row.State, row.EndedAt = store.TriggerPending, time.Time{}
		row.FireAt = r.arrived.Add(time.Duration(h.After)).UTC().Truncate(time.Microsecond)
	}
	r.wave = append(r.wave, step{armed: &armed{handler: handler, occasion: o, root: root, row: row}})
}

// fire does the actions.
func (a *armed) fire() {
	defer func() {
		if value := recover(); value != nil {
			err := fmt.Errorf("handler %s: %w: %v", a.handler.Handler().Name, errPanic, value)
			a.fired = trigger.Fired{Events: []flow.Event{a.handler.Failed(a.occasion, a.row.ID, err)}, Failures: 1}
		}
	}()
	a.fired = a.handler.Fire(a.occasion, a.row.ID)
}

// outcome is how a trigger ends that has fired, and why.
func (a *armed) outcome() (store.TriggerState, string) {
	if a.fired.Failures > 0 {
		return store.TriggerFailed, failedReason(a.fired)
	}
	return store.TriggerDone, ""
}

// errPanic says that a bug was met. It is the handler's misfortune, and must not become that of the webhook that it was
// evaluated over.
var errPanic = errors.New("it met a bug")

// wants asks a handler for its condition.
func wants(handler *trigger.Compiled, o *trigger.Occasion) (wanted bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("handler %s, when: %w: %v", handler.Handler().Name, errPanic, value)
		}
	}()
	return handler.Wants(o)
}

// apiEvent is the event that a transaction of the API stands for. traceparent is its trace, "" for none.
func apiEvent(account, transactionID string, at time.Time, traceparent string) flow.Event {
	return flow.Event{
		UUID: trigger.TransactionUUID(account, transactionID), Type: trigger.TypeAPI, CreatedOn: dialog.TimeOf(at),
		Traceparent: traceparent,
	}
}
