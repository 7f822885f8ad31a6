package stats

import (
	"webhookd/internal/correlate"
)

// Class is how a call ended, in one number, so that a store can group by it without knowing what it means. Its decimal
// digits are direction, outcome, who hung up, and on which side: 1312 is inbound, abandoned, hung up by the external
// party, which was the caller. What is stored has these numbers: they are not to be changed.
type Class int16

// Direction is the first digit of a class.
type Direction int16

// The directions of calls.
const (
	Inbound Direction = iota + 1
	Outbound
	UnknownDirection
)

// Outcome is the second digit of a class.
type Outcome int16

// How a call, or a consultant's part in one, ended. The words are those of dispositions, and of attempts where only
// these have one.
const (
	OtherOutcome Outcome = iota
	Answered
	SelfService
	Abandoned // a consultant's part: the caller left while it rang
	NoAnswer
	Busy
	Rejected
	Failed
	Cancelled
	AnsweredElsewhere // a consultant's part only

	outcomes = iota
)

// Party is the third digit of a class: who hung up.
type Party int16

// Who hung up. OtherParty are the dialog types that have no digit of their own, and, for a consultant's part, another
// consultant.
const (
	NobodyHungUp Party = iota
	External
	Consultant
	System
	UnknownParty
	OtherParty

	parties = iota
)

// Side is the last digit of a class: on which side it was hung up.
type Side int16

// The sides of a call.
const (
	NoSide Side = iota
	Callee
	Caller

	sides = iota
)

var (
	directionsByWord = map[string]Direction{
		correlate.DirectionInbound: Inbound, correlate.DirectionOutbound: Outbound,
	}
	outcomesByWord = map[correlate.Word]Outcome{
		correlate.DispositionAnswered: Answered, correlate.DispositionSelfService: SelfService,
		correlate.DispositionAbandoned: Abandoned, correlate.DispositionNoAnswer: NoAnswer,
		correlate.DispositionBusy: Busy, correlate.DispositionRejected: Rejected,
		correlate.DispositionFailed: Failed, correlate.DispositionCancelled: Cancelled,
		correlate.OutcomeAnsweredElsewhere: AnsweredElsewhere, correlate.OutcomeCallerLeft: Abandoned,
	}
	partiesByWord = map[correlate.Word]Party{
		"": NobodyHungUp, "external": External, consultantWord: Consultant,
		correlate.HangupSystem: System, correlate.HangupUnknown: UnknownParty,
	}
	sidesByWord = map[correlate.Word]Side{correlate.SideCaller: Caller, correlate.SideCallee: Callee}
)

// consultantWord is hangup_by where a consultant hung up.
const consultantWord = "consultant"

func classOf(direction Direction, outcome Outcome, party Party, side Side) Class {
	return Class(int16(direction)*1000 + int16(outcome)*100 + int16(party)*10 + int16(side))
}

func directionOf(word string) Direction {
	if direction, known := directionsByWord[word]; known {
		return direction
	}
	return UnknownDirection
}

func partyOf(word correlate.Word) Party {
	if party, known := partiesByWord[word]; known {
		return party
	}
	return OtherParty
}

// Direction gives the direction of the call.
func (c Class) Direction() Direction { return Direction(c / 1000) }

// Outcome says how it ended.
func (c Class) Outcome() Outcome { return Outcome(c / 100 % 10) }

// Party says who hung up.
func (c Class) Party() Party { return Party(c / 10 % 10) }

// Side says on which side it was hung up.
func (c Class) Side() Side { return Side(c % 10) }
