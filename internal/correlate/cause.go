package correlate

import (
	"fmt"
	"maps"
	"strings"
)

// Class groups close causes by how a leg ended; the empty class says nothing.
type Class string

// The classes (design §5).
const (
	ClassNone      Class = ""
	ClassBusy      Class = "busy"
	ClassNoAnswer  Class = "no_answer"
	ClassRejected  Class = "rejected"
	ClassFailed    Class = "failed"
	ClassCancelled Class = "cancelled"
)

// Vote is what a close cause says about who hung up.
type Vote int8

// The votes.
const (
	VoteNone  Vote = 0
	VoteSelf  Vote = 1  // this side hung up
	VoteOther Vote = -1 // the other side did
)

// Cause is the meaning of one close cause.
type Cause struct {
	Class Class
	Vote  Vote
	// OnCaller, if not nil, is what the cause means on the caller leg.
	OnCaller *Cause
}

// Causes is the table of close causes, by the cause in upper case.
type Causes map[string]Cause

// DefaultCauses gives the table of design §5: what this PBX documents, and what its relatives use.
func DefaultCauses() Causes {
	table := Causes{
		"HANGUP":      {Vote: VoteSelf},
		"DIALOG_LEFT": {Vote: VoteOther},
	}
	for cause, names := range map[*Cause][]string{
		{Class: ClassBusy}:                     {"BUSY", "USER_BUSY"},
		{Class: ClassNoAnswer}:                 {"NO_ANSWER", "NOANSWER", "TIMEOUT", "NO_USER_RESPONSE"},
		{Class: ClassRejected, Vote: VoteSelf}: {"REJECTED", "DECLINED", "CALL_REJECTED"},
		{Class: ClassCancelled, Vote: VoteOther, OnCaller: &Cause{Vote: VoteSelf}}: {
			"CANCEL", "CANCELED", "CANCELLED", "ORIGINATOR_CANCEL",
		},
		{Class: ClassFailed}: {"FAILED", "ERROR", "CONGESTION"},
	} {
		for _, name := range names {
			table[name] = *cause
		}
	}
	return table
}

// With gives a copy of the table with rows added or overridden.
func (c Causes) With(rows Causes) Causes {
	table := maps.Clone(c)
	for name, cause := range rows {
		table[causeKey(name)] = cause
	}
	return table
}

// ParseCause reads a row of the configuration: class is busy, no_answer, rejected, failed, cancelled or none, vote is
// self, other or none; "" is none.
func ParseCause(class, vote string) (Cause, error) {
	var cause Cause
	switch c := Class(class); c {
	case ClassBusy, ClassNoAnswer, ClassRejected, ClassFailed, ClassCancelled:
		cause.Class = c
	case ClassNone, "none":
	default:
		return cause, fmt.Errorf("class %q is none of busy, no_answer, rejected, failed, cancelled, none", class)
	}
	switch vote {
	case "self":
		cause.Vote = VoteSelf
	case "other":
		cause.Vote = VoteOther
	case "", "none":
	default:
		return cause, fmt.Errorf("vote %q is none of self, other, none", vote)
	}
	return cause, nil
}

// Known says whether the table has the cause.
func (c Causes) Known(cause string) bool {
	_, known := c[causeKey(cause)]
	return known
}

// of gives what a cause means on a leg; one that is not in the table says nothing.
func (c Causes) of(cause string, onCaller bool) Cause {
	if cause == "" {
		return Cause{}
	}
	row := c[causeKey(cause)]
	if onCaller && row.OnCaller != nil {
		return *row.OnCaller
	}
	return row
}

func causeKey(cause string) string { return strings.ToUpper(strings.TrimSpace(cause)) }

// hungUp is "closed with HANGUP" of the design: this side did it, and no class says more.
func (c Cause) hungUp() bool { return c.Vote == VoteSelf && c.Class == ClassNone }

// left is "closed with DIALOG_LEFT" of the design: the other side did it, and no class says more.
func (c Cause) left() bool { return c.Vote == VoteOther && c.Class == ClassNone }
