package correlate

import (
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// NewRecordedLeg is the evidence of the PBX's own record of a dialog. It merges like any other, and gives way to
// webhooks wherever both speak; it wins over closes that webhookd made up (docs/reconcile.md).
//
// start_time stands for dialog_create, ring_time, alert_time, answer_time and serve_time for the states ringing,
// alerting, answered and talking, hangup_time with business_end_cause for dialog_close. The record does not say which
// way a leg was set up; for EXTERNAL it follows from business_direction: who is outside placed an inbound call and is
// called in an outbound one.
func NewRecordedLeg(r *dialog.Record) *Leg {
	last := max(r.Start, r.Ring, r.Alert, r.Answer, r.Serve, r.Hangup)
	by := &stamp{at: last, rank: fsm.None, hash: r.SHA256}
	record := &Leg{UUID: r.DialogUUID, First: r.Start, Last: last, Created: r.Start}
	for state, at := range [fsm.StateCount]dialog.Time{
		fsm.Ringing: r.Ring, fsm.Alerting: r.Alert, fsm.Answered: r.Answer, fsm.Talking: r.Serve, fsm.Closed: r.Hangup,
	} {
		if at != 0 {
			record.report(fsm.State(state), at)
		}
	}
	if r.Hangup != 0 {
		by.rank = fsm.Closed
		if r.EndCause != "" {
			record.cause = told{r.EndCause, by}
		}
	}
	for field, value := range r.Told {
		if value != "" {
			record.told[field] = told{value, by}
		}
	}
	if record.Told(dialog.DialogType) == typeExternal && record.Told(dialog.Direction) == "" {
		if direction := opposite[record.Told(dialog.BusinessDirection)]; direction != "" {
			record.told[dialog.Direction] = told{direction, by}
		}
	}
	return combine(&Leg{UUID: r.DialogUUID}, record)
}

var opposite = map[string]string{"INBOUND": "OUTBOUND", "OUTBOUND": "INBOUND"}

// combine gives a leg of what webhooks told of it and of the PBX's record: the webhooks' word where there is one, else
// the record's. Both are kept, so that it does not matter what became known first.
func combine(heard, record *Leg) *Leg {
	l := *heard
	l.heard, l.record = heard, record
	for state := fsm.Ringing; state < fsm.StateCount; state++ {
		if at := record.Reached[state]; at != 0 && heard.Reached[state] == 0 {
			l.report(state, at)
		}
	}
	if heard.Created == 0 {
		l.Created = record.Created
		l.First = earliest(heard.First, record.First)
	}
	l.Last = max(heard.Last, record.Last)
	for field := range l.told {
		if l.told[field].by == nil {
			l.told[field] = record.told[field]
		}
	}
	if l.cause.by == nil {
		l.cause = record.cause
	}
	return &l
}

// webhooks gives the part of a leg that is from webhooks (and from closes that webhookd made up).
func (l *Leg) webhooks() *Leg {
	if l.record == nil {
		return l
	}
	return l.heard
}

// mergeParts merges legs of which one or both know a record.
func mergeParts(a, b *Leg) *Leg {
	record := a.record
	switch {
	case record == nil:
		record = b.record
	case b.record != nil:
		record = mergeHeard(a.record, b.record)
	}
	return combine(mergeHeard(a.webhooks(), b.webhooks()), record)
}

// Adds says whether evidence tells anything of a leg that is not known already; known is nil for a leg that was never
// heard of. A record that repeats what webhooks told adds nothing.
func Adds(known, evidence *Leg) bool {
	if known == nil {
		return true
	}
	merged := Merge(known, evidence)
	if merged.Reached != known.Reached || merged.Created != known.Created || merged.First != known.First ||
		merged.State != known.State || merged.closeBasis() != known.closeBasis() ||
		merged.closeCause() != known.closeCause() || !slices.Equal(merged.Holds, known.Holds) {
		return true
	}
	for field := range merged.told {
		if merged.told[field].value != known.told[field].value {
			return true
		}
	}
	return false
}

// The gaps that a call can have.
const (
	GapEnd        = "end"        // a leg was closed by webhookd, not by the PBX
	GapCreated    = "created"    // a leg's dialog_create was lost
	GapCause      = "cause"      // a leg closed for no cause that is known
	GapTalking    = "talking"    // the call counts as connected, but nobody was reported to talk
	GapCallerLeg  = "caller_leg" // the leg that a leg was called by was never seen
	gapsAtTheMost = 5
)

// Gaps says what is missing of a call that has ended, of what the PBX's own records may tell; nil for a call that goes on
// or lacks nothing. They are in the order of the constants, each once.
func Gaps(call *Call) []string {
	if call.State != StateEnded {
		return nil
	}
	found := map[string]bool{
		GapEnd:     call.EndBasis == BasisTimeout || call.EndBasis == BasisManual,
		GapTalking: call.Connected && call.ConnectedBasis != BasisReported,
	}
	for i := range call.Legs {
		leg := &call.Legs[i]
		found[GapCreated] = found[GapCreated] || leg.CreatedAt == 0
		found[GapCause] = found[GapCause] || leg.CloseCause == ""
		parent := string(leg.CallerDialogUUID)
		found[GapCallerLeg] = found[GapCallerLeg] || parent != "" && call.Leg(parent) == nil
	}
	gaps := make([]string, 0, gapsAtTheMost)
	for _, gap := range []string{GapEnd, GapCreated, GapCause, GapTalking, GapCallerLeg} {
		if found[gap] {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return nil
	}
	return gaps
}

// Dialogs gives the uuids of all dialogs that are known to be part of a call: its legs, and those that a leg names as
// its caller.
func Dialogs(call *Call) []string {
	ids := make([]string, 0, len(call.Legs)+1)
	for i := range call.Legs {
		ids = append(ids, call.Legs[i].DialogUUID)
		if parent := string(call.Legs[i].CallerDialogUUID); parent != "" {
			ids = append(ids, parent)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
