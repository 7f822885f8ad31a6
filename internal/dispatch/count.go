package dispatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// counters are the Stats while they change. They count what was worked out; a transaction that fails is worked out again.
type counters struct {
	fired, failed, cancelled, requests, retried, waiting, skipped atomic.Int64
}

// Stats counts since the start of the process.
type Stats struct {
	Fired     int64 // triggers whose actions were done
	Failed    int64 // failures of handlers: conditions, templates, requests
	Requests  int64 // HTTP requests that were made for handlers
	Retried   int64 // of these, the ones after the first try
	Cancelled int64 // triggers called off
	Waiting   int64 // triggers that were made to fire later
	Skipped   int64 // of these, the ones that did nothing in the end, for example because their handler was gone
}

// Stats may be asked for at any time.
func (d *Dispatcher) Stats() Stats {
	return Stats{
		Fired: d.count.fired.Load(), Failed: d.count.failed.Load(), Requests: d.count.requests.Load(),
		Retried: d.count.retried.Load(), Cancelled: d.count.cancelled.Load(),
		Waiting: d.count.waiting.Load(), Skipped: d.count.skipped.Load(),
	}
}

// failureText gives the text of an error event, "" of any other.
func failureText(event *flow.Event) string {
	if event.Type != trigger.EventError {
		return ""
	}
	var told struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(event.Goflow, &told) != nil {
		return ""
	}
	return told.Text
}

func failedReason(fired trigger.Fired) string {
	for i := range fired.Events {
		if text := failureText(&fired.Events[i]); text != "" {
			return text
		}
	}
	return "an action failed"
}

// tally is how a handler has been doing in this transaction.
type tally struct {
	fired     int
	failed    int
	succeeded bool
	row       int // failures after the last success
	reason    string
	latest    *armed // the latest failure, for the event that tells of it
}

func (c *tally) success() { c.succeeded, c.row = true, 0 }

func (r *round) tally(handler *trigger.Compiled) *tally {
	name := handler.Handler().Name
	count := r.tallies[name]
	if count == nil {
		count = &tally{}
		r.tallies[name] = count
	}
	return count
}

// toldThere stands for a reason with a handler of all accounts.
const toldThere = "it failed in one of the accounts; the events error and webhook_called of that account say why"

// keptReason is what is kept with a handler of a reason that may hold a number or a name out of an account's data: nothing,
// where the handler is of all accounts. The reason itself is in that account's events.
func keptReason(handler *trigger.Compiled, reason string) string {
	if handler.Handler().Account == "" {
		return toldThere
	}
	return reason
}

// failure notes that a handler failed. However much of what it was to do failed, it failed once.
func (r *round) failure(handler *trigger.Compiled, o *trigger.Occasion, root, reason string) {
	count := r.tally(handler)
	count.failed++
	count.row++
	count.reason = reason
	count.latest = &armed{handler: handler, occasion: o, root: root}
}

// counted writes the counts, and switches off what has failed too often.
func (r *round) counted() error {
	if len(r.tallies) == 0 {
		return nil
	}
	tallies := r.tallies
	r.tallies = map[string]*tally{}
	var counts []store.HandlerCount
	failed := false
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		count := tallies[name]
		r.dispatcher.count.fired.Add(int64(count.fired))
		r.dispatcher.count.failed.Add(int64(count.failed))
		done := store.HandlerCount{Name: name, Fired: count.fired, Succeeded: count.succeeded, At: r.now}
		counts = append(counts, done)
		if count.failed > 0 { // behind the success, which sets back what was before it only
			failed = true
			counts = append(counts, store.HandlerCount{Name: name, Failed: count.row, LastError: count.reason, At: r.now})
		}
	}
	if err := r.tx.CountHandlers(r.ctx, counts); err != nil {
		return fmt.Errorf("count handlers: %w", err)
	}
	if !failed {
		return nil
	}
	rows, err := r.tx.Handlers(r.ctx)
	if err != nil {
		return fmt.Errorf("read handlers: %w", err)
	}
	for _, row := range rows {
		count := tallies[row.Name]
		if count == nil || count.row == 0 || !row.Enabled || row.Failures < r.dispatcher.Failures {
			continue
		}
		if err := r.switchOff(row, count); err != nil {
			return err
		}
	}
	return nil
}

// switchOff switches a handler off that fails again and again.
func (r *round) switchOff(row store.Handler, count *tally) error {
	reason := fmt.Sprintf("switched off after %d failures in a row: %s", row.Failures, count.reason)
	off, err := r.tx.SwitchOff(r.ctx, row.Name, reason)
	if err != nil {
		return fmt.Errorf("switch handler off: %w", err)
	}
	if !off {
		return nil
	}
	r.rows = nil
	r.dispatcher.Logger.Error("a handler is switched off because it fails again and again",
		"handler", row.Name, "failures", row.Failures)
	one := count.latest
	id := one.handler.TriggerID(one.occasion)
	event := one.handler.SwitchedOff(one.occasion, id, row.Failures)
	r.emit(one.occasion, id, []flow.Event{event})
	r.follow(one.handler, one.occasion, one.root, event)
	return nil
}
