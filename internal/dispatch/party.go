package dispatch

import (
	"fmt"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
)

// party makes a subscriber of the external party of a call that began, by its number. One who hides it is none.
func (r *round) party(change *Change) {
	if change.Call == nil || change.Call.External.NumberE164 == "" {
		return
	}
	for i := range change.Row.Events {
		switch correlate.Kind(change.Row.Events[i].Type) {
		case correlate.CallReceived, correlate.CallCreated:
			number := string(change.Call.External.NumberE164)
			r.subscribers = append(r.subscribers, store.Subscriber{
				Account: change.Row.Account, ID: number, Phone: number, FirstName: string(change.Call.External.Name),
			})
		}
	}
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
