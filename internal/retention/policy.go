// Package retention takes out what is older than it is to be kept: calls with everything that belongs to them, webhooks of
// other families, the history of the outbox, and quarantined bodies. It works in small transactions that others write
// between, and decides what belongs together and what is old; the store only removes.
//
// What goes, goes as a whole: whatever a rebuild would derive together. So the calls that are left are what the journal
// that is left gives, byte for byte, and figures of calls that are gone stay.
package retention

import "time"

// Limits say how long things of an account are kept; 0 is for ever.
type Limits struct {
	Calls      time.Duration // from the end of a call, by the PBX's clock: the call and all that belongs to it, and its party
	Journal    time.Duration // from arrival: webhooks that belong to no call
	Outbox     time.Duration // from when it was written: history of what was published, triggers of no call, broadcasts
	Quarantine time.Duration // from when it came last: a body that was refused
}

// Policy says how long things are kept.
type Policy struct {
	Default  Limits
	Accounts map[string]Limits // whole, in place of Default
}

// Of gives the limits of an account.
func (p Policy) Of(account string) Limits {
	if limits, ok := p.Accounts[account]; ok {
		return limits
	}
	return p.Default
}
