package dispatch

import (
	"fmt"
	"slices"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// party makes a subscriber of the external party of a call, by its number: when the call began, or when its number became
// known, since the webhook that tells it may be late or lost. One who hides it is none.
func (r *round) party(change *Change) {
	if change.Call == nil || change.Call.External.NumberE164 == "" {
		return
	}
	number := change.Call.External.NumberE164
	began := slices.ContainsFunc(change.Row.Events, func(event flow.Event) bool {
		kind := correlate.Kind(event.Type)
		return kind == correlate.CallReceived || kind == correlate.CallCreated
	})
	if !began && (change.Before == nil || change.Before.External.NumberE164 == number) {
		return
	}
	r.subscribers = append(r.subscribers, store.Subscriber{
		Account: change.Row.Account, ID: string(number), Phone: string(number),
		FirstName: string(change.Call.External.Name),
	})
}

// identified calls off what earlier events of a call would have called off, had it been known then who the call is with:
// the webhook that tells the number may be lost, and another one tell it at the end of the call.
func (r *round) identified(change *Change) {
	if change.Before == nil || change.Call == nil {
		return
	}
	account := change.Row.Account
	contact := (&trigger.Occasion{Account: account, Call: change.Call}).Contact()
	if contact == "" || contact == (&trigger.Occasion{Account: account, Call: change.Before}).Contact() {
		return
	}
	for kind, at := range happened(change.Before) {
		if at != 0 && r.set.CancelTypes(string(kind)) {
			r.cancelBy(&canceller{CancelQuery: store.CancelQuery{
				Account: account, Contact: store.BoundedKey(contact), EventType: string(kind),
			}, at: at})
		}
	}
}

// happened gives, of the events of a call that its record tells of, when they happened; 0 for those that did not.
func happened(call *correlate.Call) map[correlate.Kind]dialog.Time {
	at := map[correlate.Kind]dialog.Time{
		correlate.CallStarted: call.StartedAt, correlate.CallAlerting: call.AlertingAt,
		correlate.CallAnswered: call.AnsweredAt, correlate.CallTalking: call.TalkingAt, correlate.CallEnded: call.EndedAt,
	}
	switch call.Direction {
	case correlate.DirectionInbound:
		at[correlate.CallReceived] = call.StartedAt
	case correlate.DirectionOutbound:
		at[correlate.CallCreated] = call.StartedAt
	}
	if call.Missed {
		at[correlate.CallMissed] = call.EndedAt
	}
	for _, transfer := range call.Transfers {
		at[correlate.CallTransferred] = max(at[correlate.CallTransferred], transfer.At)
	}
	for i := range call.Legs {
		leg := &call.Legs[i]
		for kind, reached := range map[correlate.Kind]dialog.Time{
			correlate.DialogRinging: leg.RingingAt, correlate.DialogAlerting: leg.AlertingAt,
			correlate.DialogAnswered: leg.AnsweredAt, correlate.DialogTalking: leg.TalkingAt,
			correlate.DialogClosed: leg.ClosedAt,
		} {
			at[kind] = max(at[kind], reached)
		}
	}
	return at
}

// remember writes what a later transaction has to know: marks, requests, subscribers.
func (r *round) remember() error {
	if len(r.marks) > 0 {
		if err := r.tx.AddMarks(r.ctx, r.marks); err != nil {
			return fmt.Errorf("mark what calls triggers off: %w", err)
		}
	}
	if len(r.requests) > 0 {
		if err := r.tx.PutRequests(r.ctx, r.requests); err != nil {
			return fmt.Errorf("keep requests: %w", err)
		}
	}
	if len(r.subscribers) > 0 {
		if err := r.tx.PutSubscribers(r.ctx, r.subscribers, true); err != nil {
			return fmt.Errorf("keep subscribers: %w", err)
		}
	}
	return nil
}
