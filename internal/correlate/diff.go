package correlate

import (
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// diff finds the steps between the calls before and after one piece of evidence (design §7).
type diff struct {
	set    *Set
	old    *Leg             // the evidence's dialog before, nil if it is new
	leg    *Leg             // and after
	at     dialog.Time      // of the evidence
	before map[string]*Call // by uuid
	moved  moves
}

// dialogStates are the steps that a reported state makes.
var dialogStates = [fsm.StateCount]Kind{
	fsm.Ringing: DialogRinging, fsm.Alerting: DialogAlerting, fsm.Answered: DialogAnswered, fsm.Talking: DialogTalking,
	fsm.Closed: DialogClosed,
}

// steps gives the steps of one call in the design's order. The dialog's own steps belong to its call only (main).
func (d *diff) steps(id string, main bool) []Step {
	var steps []Step
	late := false
	if main {
		steps = d.dialogSteps()
		late = len(steps) > 0 && !slices.ContainsFunc(steps, func(s Step) bool { return !s.Late })
	}
	steps = d.callSteps(steps, late, d.before[id], d.set.Call(id))
	for i := range steps {
		steps[i].CallUUID = id
	}
	return steps
}

func (d *diff) dialogSteps() []Step {
	var steps []Step
	old := d.old
	if old == nil {
		old = &Leg{}
	}
	add := func(kind Kind, at dialog.Time, late bool) {
		steps = append(steps, Step{Kind: kind, DialogUUID: d.leg.UUID, At: at, Late: late})
	}
	was := old.State
	if old.closedAt() != 0 {
		was = fsm.Closed
	}
	for state := fsm.Ringing; state < fsm.Closed; state++ {
		if at := d.leg.Reached[state]; at != 0 && old.Reached[state] == 0 {
			add(dialogStates[state], at, was > state)
		}
	}
	if at := d.leg.closedAt(); at != 0 && was != fsm.Closed {
		add(DialogClosed, at, false)
	}
	isLate := was == fsm.Closed
	holdsBefore, holdsAfter := old.holds(), d.leg.holds()
	for _, h := range holdsAfter {
		if !slices.ContainsFunc(holdsBefore, func(b HoldRecord) bool { return b.From == h.From }) {
			add(DialogHeld, h.From, isLate || h.To != 0)
		}
		if d.resumed(h, holdsBefore) {
			add(DialogResumed, h.To, isLate)
		}
	}
	for _, m := range d.leg.Meetings {
		if !slices.ContainsFunc(old.Meetings, func(b Meeting) bool { return b.UUID == m.UUID }) {
			add(DialogMeetingEntered, m.At, isLate)
		}
	}
	return steps
}

// resumed says whether a hold's end is a resume (not the close) that was not known before.
func (d *diff) resumed(h HoldRecord, before []HoldRecord) bool {
	if h.To == 0 || !slices.Contains(d.leg.Resumes, h.To) {
		return false
	}
	return !slices.ContainsFunc(before, func(b HoldRecord) bool {
		return b.From == h.From && b.To == h.To && slices.Contains(d.old.Resumes, b.To)
	})
}

// callSteps appends what happened to a call.
func (d *diff) callSteps(steps []Step, late bool, before, after *Call) []Step {
	if before == nil {
		before = &Call{Direction: DirectionUnknown}
		steps = append(steps, Step{Kind: CallStarted, At: after.StartedAt})
	}
	if before.Direction == DirectionUnknown {
		switch after.Direction {
		case DirectionInbound:
			steps = append(steps, Step{Kind: CallReceived, At: after.StartedAt})
		case DirectionOutbound:
			steps = append(steps, Step{Kind: CallCreated, At: after.StartedAt})
		}
	}
	steps = d.dialWaits(steps, after)
	for _, reached := range []struct {
		kind          Kind
		before, after dialog.Time
	}{
		{CallAlerting, before.AlertingAt, after.AlertingAt},
		{CallAnswered, before.AnsweredAt, after.AnsweredAt},
		{CallTalking, before.TalkingAt, after.TalkingAt},
	} {
		if reached.before == 0 && reached.after != 0 {
			steps = append(steps, Step{Kind: reached.kind, At: reached.after, Late: late})
		}
	}
	steps = d.transferred(steps, before, after)
	steps = d.merged(steps, after)
	steps = d.dialEnds(steps, after)
	wasEnded, isEnded := before.State == StateEnded, after.State == StateEnded
	if wasEnded && !isEnded {
		steps = append(steps, Step{Kind: CallReopened, At: d.at})
	}
	if isEnded && !wasEnded {
		steps = append(steps, Step{Kind: CallEnded, At: after.EndedAt})
	}
	if after.Missed && !before.Missed {
		steps = append(steps, Step{Kind: CallMissed, At: after.EndedAt})
	}
	return steps
}

// beforeOf gives the call that a leg was in before, nil if it was in none.
func (d *diff) beforeOf(leg string, after *Call) *Call {
	if move, ok := d.moved[leg]; ok {
		return d.before[move.from]
	}
	return d.before[after.CallUUID]
}

// dialled gives the attempt of an EXTERNAL leg that an outbound call dialled, nil for any other leg.
func dialled(call *Call, leg string) *Attempt {
	if call == nil || call.Direction != DirectionOutbound {
		return nil
	}
	for i := range call.Attempts {
		if a := &call.Attempts[i]; a.DialogUUID == leg && a.DialogType == typeExternal {
			return a
		}
	}
	return nil
}

func (d *diff) dialWaits(steps []Step, after *Call) []Step {
	for _, attempt := range after.Attempts {
		id := attempt.DialogUUID
		if dialled(after, id) == nil || dialled(d.beforeOf(id, after), id) != nil {
			continue
		}
		leg, _ := d.set.Leg(id)
		number := leg.ownNumber()
		steps = append(steps, Step{
			Kind: DialWait, DialogUUID: id, At: leg.since(),
			Number: Word(number), NumberE164: Word(E164(number, d.set.rules.DefaultRegion)),
		})
	}
	return steps
}

func (d *diff) dialEnds(steps []Step, after *Call) []Step {
	for _, attempt := range after.Attempts {
		id := attempt.DialogUUID
		if dialled(after, id) == nil || attempt.Outcome == "" {
			continue
		}
		if was := dialled(d.beforeOf(id, after), id); was != nil && was.Outcome != "" {
			continue
		}
		steps = append(steps, Step{Kind: DialEnded, DialogUUID: id, At: after.Leg(id).ClosedAt})
	}
	return steps
}

func (d *diff) transferred(steps []Step, before, after *Call) []Step {
	for _, t := range after.Transfers {
		known := slices.ContainsFunc(before.Transfers, func(b Transfer) bool { return b.From == t.From && b.To == t.To })
		if !known {
			steps = append(steps, Step{Kind: CallTransferred, At: t.At, Transfer: &t})
		}
	}
	return steps
}

// merged tells of the calls that went into this one whole.
func (d *diff) merged(steps []Step, after *Call) []Step {
	for _, from := range d.moved.calls() {
		if d.before[from] == nil || len(d.set.members[from]) > 0 || d.set.successor(from, d.moved) != after.CallUUID {
			continue
		}
		steps = append(steps, Step{Kind: CallMerged, At: d.at, From: from})
	}
	return steps
}
