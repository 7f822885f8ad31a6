package fsm

import (
	"context"
	"errors"
	"fmt"

	loop "github.com/looplab/fsm"
)

// State is how far a dialog has come. The zero State is None: no state was reported.
type State uint8

// The states in their order, which is also their rank (design §3).
const (
	None State = iota
	Ringing
	Alerting
	Answered
	Talking
	Closed
	StateCount // how many there are, None included
)

// Initial is the state of a dialog of which no state was reported.
const Initial = Ringing

var names = [StateCount]string{"", "ringing", "alerting", "answered", "talking", "closed"}

// String is the state's name in lower case, "" for None.
func (s State) String() string { return names[s] }

// Parse reads a state's name in lower case. ok is false for a word that is no state; the empty word is None.
func Parse(name string) (state State, ok bool) {
	for s := range StateCount {
		if names[s] == name {
			return s, true
		}
	}
	return None, false
}

// Outcome says what a reported state does to a dialog.
type Outcome uint8

// The outcomes.
const (
	Moved     Outcome = iota // the dialog is in the reported state now
	Duplicate                // it was in that state
	Late                     // it is further, or closed: the report fills in a time and moves nothing
)

// step is what one report does in one state.
type step struct {
	next    State
	outcome Outcome
}

// table holds the whole machine, so that nothing is made, locked or looked up by name for a webhook.
var table = build()

// Report gives the state that a dialog is in after a state was reported, and what the report was. None reports
// nothing: a duplicate. A dialog in None is taken to be in Initial, except that reporting Initial moves it there.
func Report(current, reported State) (State, Outcome) {
	if reported == None {
		return current, Duplicate
	}
	if current == None {
		if reported == Initial {
			return Initial, Moved
		}
		current = Initial
	}
	s := table[current][reported]
	return s.next, s.outcome
}

// Machine gives the state machine itself, in its initial state: the events are the names of the states that can be
// reported. It is the one source of the table and of the picture in docs/.
func Machine() *loop.FSM {
	var events loop.Events
	for to := Ringing; to < StateCount; to++ {
		var from []string
		for s := Ringing; s < to; s++ {
			from = append(from, s.String())
		}
		if len(from) > 0 {
			events = append(events, loop.EventDesc{Name: to.String(), Src: from, Dst: to.String()})
		}
	}
	return loop.NewFSM(Initial.String(), events, loop.Callbacks{})
}

func build() [StateCount][StateCount]step {
	var steps [StateCount][StateCount]step
	machine := Machine()
	for current := Ringing; current < StateCount; current++ {
		for reported := Ringing; reported < StateCount; reported++ {
			machine.SetState(current.String())
			steps[current][reported] = fire(machine, current, reported)
		}
	}
	return steps
}

// fire tries one report on the machine. It panics if the machine answers in a way that the table cannot hold, which
// only a change of the machine or of the library can bring about.
func fire(machine *loop.FSM, current, reported State) step {
	if current == reported {
		return step{current, Duplicate}
	}
	err := machine.Event(context.Background(), reported.String())
	var (
		notFromHere loop.InvalidEventError
		unknown     loop.UnknownEventError
	)
	switch {
	case err == nil:
		next, ok := Parse(machine.Current())
		if !ok {
			panic(fmt.Sprintf("dialog machine is in unknown state %q", machine.Current()))
		}
		return step{next, Moved}
	case errors.As(err, &notFromHere), errors.As(err, &unknown) && reported == Initial:
		return step{current, Late}
	default:
		panic(fmt.Sprintf("dialog machine refuses %s in %s: %v", reported, current, err))
	}
}
