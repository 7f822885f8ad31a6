package correlate

import (
	"slices"

	"webhookd/internal/fsm"
)

// disposition says how the ended call ended, in one word: the first rule of design §5 that fits.
func (v *view) disposition() Word {
	switch {
	case v.connected:
		return DispositionAnswered
	case v.selfService():
		return DispositionSelfService
	case v.fromOutside():
		return v.missedOutcome()
	}
	return v.failedOutcome()
}

// selfService says whether a bot served the call and no consultant was ever called.
func (v *view) selfService() bool {
	served := false
	for _, m := range v.legs {
		if m.kind == typeBot && m.reached(fsm.Answered) {
			served = true
		}
		if m.staff() && m.callee {
			return false
		}
	}
	if served && (v.campaign || v.way == DirectionOutbound) {
		return v.contact != nil && v.contact.reached(fsm.Answered)
	}
	return served
}

// missedOutcome is for a call from outside that reached nobody.
func (v *view) missedOutcome() Word {
	if v.contact != nil {
		if v.contact.cause.hungUp() {
			return DispositionAbandoned
		}
		return DispositionNoAnswer
	}
	for _, m := range v.legs {
		if m.cause.left() {
			return DispositionAbandoned
		}
	}
	return DispositionNoAnswer
}

// failedOutcome is for every other call that reached nobody.
func (v *view) failedOutcome() Word {
	if v.campaign && v.contact != nil && v.contact.kind == typeExternal && v.contact.reached(fsm.Answered) {
		return DispositionAbandoned // no consultant took it
	}
	called := v.calledParty()
	if called != nil {
		switch called.cause.Class {
		case ClassBusy, ClassRejected, ClassNoAnswer, ClassFailed, ClassCancelled:
			return Word(called.cause.Class)
		case ClassNone:
		}
		if called.cause.hungUp() {
			return DispositionRejected
		}
	}
	for _, m := range v.legs {
		if m != called && m.cause.hungUp() {
			return DispositionCancelled
		}
	}
	if called != nil && called.reached(fsm.Alerting) {
		return DispositionNoAnswer
	}
	return DispositionFailed
}

// calledParty is the contact leg if it is EXTERNAL, else, but not in a campaign call, the callee leg created last; nil
// if there is none.
func (v *view) calledParty() *member {
	if v.contact != nil && v.contact.kind == typeExternal {
		return v.contact
	}
	if v.campaign {
		return nil
	}
	for _, leg := range slices.Backward(v.legs) {
		if leg.callee {
			return leg
		}
	}
	return nil
}
