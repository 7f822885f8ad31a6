package dispatch

import (
	"fmt"
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// canceller is an event that calls triggers off.
type canceller struct {
	store.CancelQuery
	uuid  string
	at    dialog.Time
	order int
}

// calloff notes an event that some handler has in cancel_on.
func (r *round) calloff(o *trigger.Occasion) {
	query := store.CancelQuery{
		Account: o.Account, CallUUID: o.CallUUID(), Contact: store.BoundedKey(o.Contact()), EventType: o.Event.Type,
	}
	r.calls = append(r.calls, canceller{query, o.Event.UUID, o.Event.CreatedOn, r.order})
	r.marks = append(r.marks, store.Mark{
		Account: query.Account, CallUUID: query.CallUUID, Contact: query.Contact, EventType: query.EventType,
		At: o.Event.CreatedOn, SeenAt: r.now,
	})
}

// early calls off what is armed after an event that happened later: its own event came late. Which of the two arrives
// first must not decide.
func (r *round) early(wave []*armed) error {
	var queries []store.MarkQuery
	var asked []*armed
	for _, one := range wave {
		if row := one.row; row.State == store.TriggerPending && len(row.CancelOn) > 0 {
			query := store.MarkQuery{
				Account: row.Account, CallUUID: row.CallUUID, EventTypes: row.CancelOn, Since: row.EventAt + 1,
			}
			if row.CancelScope == store.CancelScopeContact {
				query.Contact = row.Contact
			}
			queries, asked = append(queries, query), append(asked, one)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	marked, err := r.tx.MarksSince(r.ctx, queries)
	if err != nil {
		return fmt.Errorf("look for what calls triggers off: %w", err)
	}
	for i, one := range asked {
		if marked[i] {
			one.row.State, one.row.EndedAt = store.TriggerCancelled, r.now
			one.row.Reason = "called off by an event that happened later and arrived earlier"
		}
	}
	return nil
}

// cancel calls off the waiting triggers, also of this transaction, that its events call off.
func (r *round) cancel() error {
	if len(r.calls) == 0 {
		return nil
	}
	queries := make([]store.CancelQuery, len(r.calls))
	for i, call := range r.calls {
		queries[i] = call.CancelQuery
	}
	pending, err := r.tx.PendingOf(r.ctx, queries)
	if err != nil {
		return fmt.Errorf("find waiting triggers: %w", err)
	}
	var ended []store.Trigger
	for _, waiting := range pending {
		for _, call := range r.calls {
			if r.cancels(call, &waiting) {
				ended = append(ended, store.Trigger{
					ID: waiting.ID, Account: waiting.Account, State: store.TriggerCancelled, EndedAt: r.now,
					Reason: "called off by " + call.EventType,
				})
				break
			}
		}
	}
	return r.end(ended)
}

// cancels says whether an event calls a trigger off: one of its types, of its call, or of its contact where it says so,
// that happened after the trigger's own event, or, in the same call, became known after it.
func (r *round) cancels(call canceller, waiting *store.Trigger) bool {
	if call.Account != waiting.Account || call.uuid == waiting.EventUUID ||
		!slices.Contains(waiting.CancelOn, call.EventType) {
		return false
	}
	sameCall := call.CallUUID != "" && call.CallUUID == waiting.CallUUID
	sameContact := waiting.CancelScope == store.CancelScopeContact && call.Contact != "" && call.Contact == waiting.Contact
	if !sameCall && !sameContact {
		return false
	}
	order, here := r.placed[waiting.ID]
	later := !here || call.order > order
	return call.at > waiting.EventAt || (sameCall && later)
}

// end ends waiting triggers, and takes them out of what is due.
func (r *round) end(ended []store.Trigger) error {
	if len(ended) == 0 {
		return nil
	}
	ids, err := r.tx.EndTriggers(r.ctx, ended)
	if err != nil {
		return fmt.Errorf("end triggers: %w", err)
	}
	for _, one := range ended {
		if slices.Contains(ids, one.ID) {
			r.dropDue(store.Due{Account: one.Account, CallUUID: one.ID, Kind: store.DueTrigger})
		}
	}
	r.dispatcher.count.cancelled.Add(int64(len(ids)))
	return nil
}

// dropDue takes a due row back, be it in the store or only about to be.
func (r *round) dropDue(row store.Due) {
	same := func(d store.Due) bool {
		return d.Account == row.Account && d.CallUUID == row.CallUUID && d.Kind == row.Kind
	}
	if slices.ContainsFunc(r.result.PutDue, same) {
		r.result.PutDue = slices.DeleteFunc(r.result.PutDue, same)
		return
	}
	r.result.DropDue = append(r.result.DropDue, row)
}
