package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// round is what one transaction does about handlers. What events lead to is gathered first, wave by wave, and written in
// few statements: a batch holds the events of hundreds of calls.
type round struct {
	dispatcher *Dispatcher
	ctx        context.Context //nolint:containedctx // that of one transaction
	tx         store.Tx
	now        time.Time
	set        *trigger.Set
	rows       []store.Handler // as the transaction reads them, once it did
	arrived    time.Time       // of what is looked at: delays count from then

	wave   []step          // what was looked at and is to be decided, in order
	seen   map[string]bool // triggers, by their ids
	called map[spot][]*canceller
	taken  map[store.OnceQuery]bool
	led    map[string]int // how many events were followed that one event led to, by its uuid

	ledTogether int
	divisible   bool // the transaction would be done in several if it were to fail

	traceparent  string          // of the request of the API, "" if it is not traced
	transactions map[string]bool // of the API, by the uuid of their event
	reached      int             // subscribers that the API's triggers go to

	result      Result
	marks       []store.Mark
	requests    []store.Request
	tallies     map[string]*tally // by the handler's name
	subscribers []store.Subscriber
}

// step is one thing that an event did: it made a trigger, or it calls some off.
type step struct {
	armed     *armed
	canceller *canceller
}

func (d *Dispatcher) round(ctx context.Context, tx store.Tx, now time.Time) (*round, error) {
	set, err := d.Book.set(ctx, tx)
	if err != nil {
		return nil, err
	}
	return &round{
		dispatcher: d, ctx: ctx, tx: tx, now: now, set: set, arrived: now, seen: map[string]bool{},
		called: map[spot][]*canceller{}, taken: map[store.OnceQuery]bool{}, led: map[string]int{},
		tallies: map[string]*tally{},
	}, nil
}

// concerns says whether any handler has to do with events of a type: nearly none does.
func (r *round) concerns(account, eventType string) bool {
	return len(r.set.Match(account, eventType)) > 0 || r.set.CancelTypes(eventType)
}

// look evaluates the handlers over one event. root is the uuid of the event that all began with.
func (r *round) look(o *trigger.Occasion, root string) {
	if r.set.CancelTypes(o.Event.Type) {
		r.calloff(o)
	}
	for _, handler := range r.set.Match(o.Account, o.Event.Type) {
		wants, err := wants(handler, o)
		switch {
		case err != nil:
			r.broken(handler, o, root, err)
		case wants:
			r.arm(handler, o, root)
		}
	}
}

// broken tells that a handler's condition could not be evaluated.
func (r *round) broken(handler *trigger.Compiled, o *trigger.Occasion, root string, err error) {
	id := handler.TriggerID(o)
	event := handler.Failed(o, id, err)
	r.emit(o, id, []flow.Event{event})
	r.failure(handler, o, root, keptReason(handler, err.Error()))
	if o.Depth < trigger.MaxDepth {
		r.follow(handler, o, root, event)
	}
}

// maxLed is how many events are followed that one event led to. Handlers that match what each other does multiply with
// every step down; five steps of ten would be a hundred thousand events in one transaction.
const maxLed = 500

var errLed = fmt.Errorf("more than %d events came of one event; what else there is leads to nothing", maxLed)

// maxLedTogether is how many events are followed in a transaction that could be smaller.
const maxLedTogether = 20_000

// errCrowd says that a transaction is better done in several.
var errCrowd = fmt.Errorf("more than %d events came of what was to be done together", maxLedTogether)

// follow looks at an event that a handler made, which may be gone by now (nil).
func (r *round) follow(handler *trigger.Compiled, o *trigger.Occasion, root string, event flow.Event) {
	if !r.concerns(o.Account, event.Type) {
		return
	}
	r.led[root]++
	r.ledTogether++
	switch led := r.led[root]; {
	case led <= maxLed:
		r.arrived = r.now
		r.look(o.Next(event), root)
	case led == maxLed+1 && handler != nil:
		id := handler.TriggerID(o)
		r.emit(o, id, []flow.Event{handler.Failed(o, id, errLed)})
		r.failure(handler, o, root, errLed.Error())
	}
}

// finish decides what was looked at, follows what comes of it, and keeps the rest.
func (r *round) finish() (Result, error) {
	for len(r.wave) > 0 || len(r.tallies) > 0 {
		for len(r.wave) > 0 {
			wave := r.wave
			r.wave = nil
			if err := r.keep(wave); err != nil {
				return Result{}, err
			}
			if r.divisible && r.ledTogether > maxLedTogether {
				return Result{}, errCrowd
			}
		}
		if err := r.counted(); err != nil { // that a handler is switched off is an event, too
			return Result{}, err
		}
	}
	if err := r.remember(); err != nil {
		return Result{}, err
	}
	return r.result, nil
}

// keep writes the triggers of a wave, and does what they say.
func (r *round) keep(wave []step) error {
	made, err := r.decide(wave)
	if err != nil || len(made) == 0 {
		return err
	}
	rows := make([]*store.Trigger, len(made))
	for i, one := range made {
		rows[i] = one.row
		switch one.row.State {
		case store.TriggerPending:
			if one.row.Occasion, err = one.occasion.Encode(); err != nil {
				return fmt.Errorf("encode occasion: %w", err)
			}
		case store.TriggerDone:
			one.fire()
			one.row.State, one.row.Reason = one.outcome()
		}
	}
	if err := r.tx.AddTriggers(r.ctx, rows); err != nil {
		return fmt.Errorf("add triggers: %w", err)
	}
	for _, one := range made {
		switch {
		case one.row.Known, one.row.State == store.TriggerCancelled:
		case one.row.State == store.TriggerPending:
			r.dispatcher.count.waiting.Add(1)
			r.result.PutDue = append(r.result.PutDue, store.Due{
				Account: one.row.Account, CallUUID: one.row.ID, Kind: store.DueTrigger, At: one.row.FireAt,
			})
		default:
			if err := r.did(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// did publishes what a trigger has done, sends its requests on their way, and looks at its events in their turn.
func (r *round) did(one *armed) error {
	count := r.tally(one.handler)
	count.fired++
	switch {
	case one.fired.Failures > 0:
		r.failure(one.handler, one.occasion, one.root, keptReason(one.handler, failedReason(one.fired)))
	case len(one.fired.Requests) == 0: // otherwise what they come to is known later
		count.success()
	}
	r.emit(one.occasion, one.row.ID, one.fired.Events)
	for _, request := range one.fired.Requests {
		if err := r.send(request, one.occasion); err != nil {
			return err
		}
	}
	for _, event := range one.fired.Events {
		r.follow(one.handler, one.occasion, one.root, event)
	}
	return nil
}

// emit puts events of a trigger into the outbox, with its call.
func (r *round) emit(o *trigger.Occasion, triggerID string, events []flow.Event) {
	if len(events) == 0 {
		return
	}
	for i := range events {
		events[i].Traceparent = o.Event.Traceparent
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

// errUnknown says that there is neither a handler nor a flow of a name, or that it cannot be used.
var errUnknown = errors.New("there is no such handler any more, or it cannot be used")

// find gives a handler, or the flow of that name as a handler that starts it; errUnknown if there is neither. What this
// instance does not know, or knows as switched off, may have been changed at another one just now: what is then done, or
// not done, for good is decided by what the database says.
func (r *round) find(account, name string) (*trigger.Compiled, error) {
	if handler := r.set.ByName(account, name); handler != nil && handler.Handler().Enabled {
		return handler, nil
	}
	row, known, err := r.named(name)
	if err != nil {
		return nil, err
	}
	if !known || row.Account != "" && row.Account != account {
		if handler := trigger.ForFlow(name, r.dispatcher.Book.env); handler != nil {
			return handler, nil
		}
		return nil, errUnknown
	}
	handler, err := compileRow(row, r.dispatcher.Book.env)
	if definition := (*trigger.DefinitionError)(nil); errors.As(err, &definition) {
		return nil, errUnknown // the book has told of it
	}
	return handler, err
}

// named gives a handler of this transaction by its name; ok is false if there is none.
func (r *round) named(name string) (row store.Handler, ok bool, err error) {
	if r.rows == nil {
		if r.rows, err = r.tx.Handlers(r.ctx); err != nil {
			return row, false, fmt.Errorf("read handlers: %w", err)
		}
	}
	for _, row := range r.rows {
		if row.Name == name {
			return row, true, nil
		}
	}
	return row, false, nil
}
