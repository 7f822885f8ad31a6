package dispatch

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// round is what one transaction does about handlers. Everything is gathered first and written in few statements: a
// batch holds the events of hundreds of calls.
type round struct {
	dispatcher *Dispatcher
	ctx        context.Context //nolint:containedctx // that of one transaction
	tx         store.Tx
	now        time.Time
	set        *trigger.Set
	arrived    time.Time // of what is looked at: delays count from then

	order  int             // how many events were looked at
	armed  []*armed        // triggers that are not kept yet
	seen   map[string]bool // by their ids
	placed map[string]int  // the order of the event that made a trigger of this round, by the trigger's id
	taken  map[store.OnceQuery]bool
	calls  []canceller
	marks  []store.Mark

	transactions map[string]bool // of the API, by account and id

	result      Result
	requests    []store.Request
	counts      map[string]*store.HandlerCount
	failed      map[string]*armed // the latest failure of a handler
	subscribers []store.Subscriber
}

// armed is a handler that matched.
type armed struct {
	handler  *trigger.Compiled
	occasion *trigger.Occasion
	row      *store.Trigger
	fired    trigger.Fired // unless it waits
}

// concerns says whether any handler has to do with events of a type: nearly none does.
func (r *round) concerns(account, eventType string) bool {
	return len(r.set.Match(account, eventType)) > 0 || r.set.CancelTypes(eventType)
}

// look evaluates the handlers over one event.
func (r *round) look(o *trigger.Occasion) {
	r.order++
	if r.set.CancelTypes(o.Event.Type) {
		r.calloff(o)
	}
	for _, handler := range r.set.Match(o.Account, o.Event.Type) {
		wants, err := handler.Wants(o)
		switch {
		case err != nil:
			one := &armed{handler: handler, occasion: o}
			r.emit(o, handler.TriggerID(o), []flow.Event{handler.Failed(o, handler.TriggerID(o), err)})
			r.failure(one, err.Error(), 1)
		case wants:
			r.arm(handler, o)
		}
	}
}

// arm makes a trigger of an occasion. Whether there is one already is seen when it is kept.
func (r *round) arm(handler *trigger.Compiled, o *trigger.Occasion) {
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
	r.placed[id] = r.order
	one := &armed{handler: handler, occasion: o, row: &store.Trigger{
		ID: id, Account: o.Account, Handler: h.Name, TransactionID: o.TransactionID, CallUUID: o.CallUUID(),
		Contact: o.Contact(), EventType: o.Event.Type, EventUUID: o.Event.UUID, EventAt: o.Event.CreatedOn,
		State: store.TriggerDone, CancelOn: h.CancelOn, CancelScope: string(h.CancelScope), OnceKey: handler.OnceKey(o),
		Depth: o.Depth + 1, CreatedAt: r.now, EndedAt: r.now,
	}}
	if one.row.CancelScope == "" {
		one.row.CancelScope = store.CancelScopeCall
	}
	if h.After > 0 {
		one.row.State, one.row.EndedAt = store.TriggerPending, time.Time{}
		one.row.FireAt = r.arrived.Add(time.Duration(h.After)).UTC().Truncate(time.Microsecond)
	}
	r.armed = append(r.armed, one)
}

// finish keeps the triggers, does those that do not wait, follows what comes of them, and calls off what was called off.
func (r *round) finish() (Result, error) {
	for len(r.armed) > 0 {
		wave := r.armed
		r.armed = nil
		if err := r.keep(wave); err != nil {
			return Result{}, err
		}
	}
	for _, step := range []func() error{r.cancel, r.remember, r.counted} {
		if err := step(); err != nil {
			return Result{}, err
		}
	}
	return r.result, nil
}

// keep writes triggers that are new, and does what they say.
func (r *round) keep(wave []*armed) error {
	wave, err := r.once(wave)
	if err != nil {
		return err
	}
	if err := r.early(wave); err != nil {
		return err
	}
	rows := make([]*store.Trigger, len(wave))
	for i, one := range wave {
		rows[i] = one.row
		switch one.row.State {
		case store.TriggerPending:
			if one.row.Occasion, err = one.occasion.Encode(); err != nil {
				return fmt.Errorf("encode occasion: %w", err)
			}
		case store.TriggerDone:
			one.fired = one.handler.Fire(one.occasion, one.row.ID)
			if one.fired.Failures > 0 {
				one.row.State, one.row.Reason = store.TriggerFailed, failedReason(one.fired)
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.tx.AddTriggers(r.ctx, rows); err != nil {
		return fmt.Errorf("add triggers: %w", err)
	}
	for _, one := range wave {
		switch {
		case one.row.Known:
		case one.row.State == store.TriggerPending:
			r.result.PutDue = append(r.result.PutDue, store.Due{
				Account: one.row.Account, CallUUID: one.row.ID, Kind: store.DueTrigger, At: one.row.FireAt,
			})
		case one.row.State != store.TriggerCancelled:
			if err := r.did(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// did publishes what a trigger has done, sends its requests on their way, and looks at its events in their turn.
func (r *round) did(one *armed) error {
	count := r.countOf(one.handler)
	count.Fired++
	if one.fired.Failures == 0 {
		count.Succeeded = len(one.fired.Requests) == 0 // what they come to is known later
	} else {
		r.failure(one, failedReason(one.fired), one.fired.Failures)
	}
	r.emit(one.occasion, one.row.ID, one.fired.Events)
	for _, request := range one.fired.Requests {
		if err := r.send(request, one.occasion); err != nil {
			return err
		}
	}
	for _, event := range one.fired.Events {
		if r.concerns(one.occasion.Account, event.Type) {
			r.arrived = r.now
			r.look(one.occasion.Next(event))
		}
	}
	return nil
}

// emit puts events of a trigger into the outbox, with its call.
func (r *round) emit(o *trigger.Occasion, triggerID string, events []flow.Event) {
	if len(events) == 0 {
		return
	}
	about := o.CallUUID()
	if about == "" {
		about = triggerID
	}
	r.result.Outbox = append(r.result.Outbox, &store.OutboxRow{
		CreatedAt: r.now,
		Change:    flow.Change{Account: o.Account, CallUUID: about, Record: o.Record, Events: events},
	})
}
