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

	uuid string // "" for one that was known before, see identified
	at   dialog.Time
}

// spot is where an event and what it calls off meet: a call, or a contact.
type spot struct{ account, call, contact string }

func spotsOf(account, call, contact string) []spot {
	spots := make([]spot, 0, 2)
	if call != "" {
		spots = append(spots, spot{account: account, call: call})
	}
	if contact != "" {
		spots = append(spots, spot{account: account, contact: contact})
	}
	return spots
}

func (c *canceller) spots() []spot { return spotsOf(c.Account, c.CallUUID, c.Contact) }

// spotsOfTrigger are those from where a trigger can be called off.
func spotsOfTrigger(row *store.Trigger) []spot {
	if row.CancelScope == store.CancelScopeContact {
		return spotsOf(row.Account, row.CallUUID, row.Contact)
	}
	return spotsOf(row.Account, row.CallUUID, "")
}

// calloff notes an event that some handler has in cancel_on.
func (r *round) calloff(o *trigger.Occasion) {
	r.cancelBy(&canceller{
		store.CancelQuery{
			Account: o.Account, CallUUID: o.CallUUID(), Contact: store.BoundedKey(o.Contact()), EventType: o.Event.Type,
		}, o.Event.UUID, o.Event.CreatedOn,
	})
}

// cancelBy puts an event that calls off into the wave, and leaves a mark for triggers that are armed after it only
// because their own event comes late.
func (r *round) cancelBy(c *canceller) {
	r.wave = append(r.wave, step{canceller: c})
	r.marks = append(r.marks, store.Mark{
		Account: c.Account, CallUUID: c.CallUUID, Contact: c.Contact, EventType: c.EventType, At: c.at, SeenAt: r.now,
	})
}

// cancels says whether an event calls a trigger off: one of its types, of its call, or of its contact where it says so,
// that happened after the trigger's own event, or, in the same call, became known after it (later).
func (c *canceller) cancels(row *store.Trigger, later bool) bool {
	if c.Account != row.Account || c.uuid == row.EventUUID || !slices.Contains(row.CancelOn, c.EventType) {
		return false
	}
	sameCall := c.CallUUID != "" && c.CallUUID == row.CallUUID
	sameContact := row.CancelScope == store.CancelScopeContact && c.Contact != "" && c.Contact == row.Contact
	if !sameCall && !sameContact {
		return false
	}
	return c.at > row.EventAt || sameCall && later
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
	changed := make(map[string]bool, len(ids))
	for _, id := range ids {
		changed[id] = true
	}
	for _, one := range ended {
		if changed[one.ID] {
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
