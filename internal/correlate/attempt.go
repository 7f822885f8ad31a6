package correlate

import "webhookd/internal/fsm"

// callerLeftWithin is how long after an attempt's end, in seconds, a caller that hung up may still have ended it: the
// PBX closes the legs of a call within a second.
const callerLeftWithin = 1

// attempts lists every callee leg with its outcome, in leg order. It is never nil.
func (v *view) attempts() []Attempt {
	attempts := []Attempt{}
	for _, m := range v.legs {
		if m.callee {
			attempts = append(attempts, Attempt{m.UUID, Word(m.kind), v.outcome(m)})
		}
	}
	return attempts
}

// outcome says how an attempt ended, "" while its leg is open.
func (v *view) outcome(m *member) Word {
	switch {
	case m.open():
		return ""
	case m.reached(fsm.Answered):
		return OutcomeAnswered
	case m.cause.hungUp():
		return OutcomeRejected
	}
	switch m.cause.Class {
	case ClassBusy, ClassRejected, ClassNoAnswer, ClassFailed:
		return Word(m.cause.Class)
	case ClassNone, ClassCancelled:
	}
	switch {
	case v.answeredElsewhere(m):
		return OutcomeAnsweredElsewhere
	case m.cause.Class == ClassCancelled, v.callerLeft(m):
		return OutcomeCallerLeft
	}
	return OutcomeNoAnswer
}

// answeredElsewhere says whether another phone was picked up while this one rang.
func (v *view) answeredElsewhere(m *member) bool {
	if m == v.contact {
		return false
	}
	for _, other := range v.legs {
		if other == m || other == v.contact || !other.callee {
			continue
		}
		if at := other.pickedUpAt(); at != 0 && m.since() <= at && at <= m.closed {
			return true
		}
	}
	return false
}

// callerLeft says whether the party that wanted the call (the contact leg; for the contact leg itself the caller leg)
// hung up before or just as the attempt ended.
func (v *view) callerLeft(m *member) bool {
	wanting := v.contact
	if m == v.contact {
		wanting = v.root
	}
	return wanting != nil && !wanting.open() && wanting.cause.hungUp() &&
		wanting.closed <= m.closed+callerLeftWithin
}
