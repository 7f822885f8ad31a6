package dispatch

import (
	"encoding/json"
	"fmt"
	"sync/atomic"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// counters are the Stats while they change. They count what was worked out; a transaction that fails is worked out again.
type counters struct {
	fired, failed, cancelled, requests, retried atomic.Int64
}

// Stats counts since the start of the process.
type Stats struct {
	Fired     int64 // triggers whose actions were done
	Failed    int64 // failures of handlers: conditions, templates, requests
	Requests  int64 // HTTP requests that were made for handlers
	Retried   int64 // of these, the ones after the first try
	Cancelled int64 // triggers called off
}

// Stats may be asked for at any time.
func (d *Dispatcher) Stats() Stats {
	return Stats{
		Fired: d.count.fired.Load(), Failed: d.count.failed.Load(), Requests: d.count.requests.Load(),
		Retried: d.count.retried.Load(), Cancelled: d.count.cancelled.Load(),
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

// countOf is the count of a handler, a new one if it has none.
func (r *round) countOf(handler *trigger.Compiled) *store.HandlerCount {
	name := handler.Handler().Name
	count := r.counts[name]
	if count == nil {
		count = &store.HandlerCount{Name: name, At: r.now}
		r.counts[name] = count
	}
	return count
}

// failure notes that a handler failed.
func (r *round) failure(one *armed, reason string, times int) {
	count := r.countOf(one.handler)
	count.Failed += times
	count.LastError = reason
	if r.failed == nil {
		r.failed = map[string]*armed{}
	}
	r.failed[count.Name] = one
}

// counted writes the counts, and switches off what has failed too often.
func (r *round) counted() error {
	if len(r.counts) == 0 {
		return nil
	}
	counts := make([]store.HandlerCount, 0, len(r.counts))
	for _, count := range r.counts {
		counts = append(counts, *count)
		r.dispatcher.count.fired.Add(int64(count.Fired))
		r.dispatcher.count.failed.Add(int64(count.Failed))
	}
	if err := r.tx.CountHandlers(r.ctx, counts); err != nil {
		return fmt.Errorf("count handlers: %w", err)
	}
	if len(r.failed) == 0 {
		return nil
	}
	rows, err := r.tx.Handlers(r.ctx)
	if err != nil {
		return fmt.Errorf("read handlers: %w", err)
	}
	for _, row := range rows {
		one := r.failed[row.Name]
		if one == nil || !row.Enabled || row.Failures < r.dispatcher.Failures {
			continue
		}
		off, err := r.tx.SwitchOff(r.ctx, row.Name,
			fmt.Sprintf("switched off after %d failures in a row: %s", row.Failures, r.counts[row.Name].LastError))
		if err != nil {
			return fmt.Errorf("switch handler off: %w", err)
		}
		if off {
			id := one.handler.TriggerID(one.occasion)
			r.emit(one.occasion, id, []flow.Event{one.handler.SwitchedOff(one.occasion, id, row.Failures)})
			r.dispatcher.Logger.Error("a handler is switched off because it fails again and again",
				"handler", row.Name, "failures", row.Failures)
		}
	}
	return nil
}
