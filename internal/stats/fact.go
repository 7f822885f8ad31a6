package stats

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// Unknown is the value of seconds that are not known.
const Unknown = -1

// maxSeconds is the longest time that a fact holds, in seconds: 68 years. Clocks that go wrong tell of longer ones.
const maxSeconds = math.MaxInt32

// Fact is what counts of one ended call: of the call itself, or of the part that one consultant had in it. Times are
// whole seconds, as the PBX tells them, or Unknown.
type Fact struct {
	// Consultant is "" for the call itself; else the consultant's id, or username where there is no id, in lower case.
	Consultant string
	// Project is the id of the call's project, "" where there is none.
	Project string
	Class   Class
	// Wait is, of a call, its wait_ms; of a consultant's part, how long it rang until it was answered or over.
	Wait int64
	// Talk is, of a call, its talk_ms, time on hold included; of a consultant's part, from when the consultant began to
	// talk until that leg closed. Unknown where nobody talked.
	Talk int64
	// Hold is how much of Talk was spent on hold.
	Hold int64
}

// FactsOf gives the facts of a call: none while it has not ended; else its own, and then one for each consultant that it
// came to, by consultant. They are a function of the record alone.
func FactsOf(call *correlate.Call) []Fact {
	if call.State != correlate.StateEnded {
		return []Fact{}
	}
	project := call.Project.ID.Text()
	direction := directionOf(call.Direction)
	facts := []Fact{{
		Project: project,
		Class: classOf(direction, outcomesByWord[call.Disposition], partyOf(call.HangupBy),
			sidesByWord[call.HangupSide]),
		Wait: seconds(call.WaitMS), Talk: seconds(call.TalkMS), Hold: seconds(call.HoldMS),
	}}
	for _, part := range partsOf(call) {
		fact := part.fact(call)
		fact.Project = project
		facts = append(facts, fact)
	}
	return facts
}

// seconds gives whole seconds of a record's milliseconds.
func seconds(ms *int64) int64 {
	if ms == nil {
		return Unknown
	}
	return clamped(*ms / 1000)
}

func clamped(seconds int64) int64 { return min(max(seconds, 0), maxSeconds) }

// ConsultantOf gives the name by which facts know a consultant: the id, else the username, in lower case.
func ConsultantOf(c correlate.Consultant) string {
	return strings.ToLower(cmp.Or(c.ID.Text(), string(c.Username)))
}

// part is all legs of one consultant in one call, in leg order.
type part struct {
	consultant string
	legs       []*correlate.LegRecord
}

// partsOf gives the parts of those consultants who can be told apart, by consultant.
func partsOf(call *correlate.Call) []part {
	var parts []part
	for _, c := range call.Consultants {
		name, leg := ConsultantOf(c), call.Leg(c.DialogUUID)
		if name == "" || leg == nil {
			continue
		}
		at := slices.IndexFunc(parts, func(p part) bool { return p.consultant == name })
		if at < 0 {
			at = len(parts)
			parts = append(parts, part{consultant: name})
		}
		parts[at].legs = append(parts[at].legs, leg)
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.consultant, b.consultant) })
	return parts
}

// fact says what counts of the part. Of several legs (the consultant was rung twice) the one that was answered counts,
// else the last; what the consultant talked on several is added up.
func (p part) fact(call *correlate.Call) Fact {
	fact := Fact{Consultant: p.consultant, Wait: Unknown, Talk: Unknown, Hold: Unknown}
	outcome := OtherOutcome
	for _, leg := range p.legs {
		from, talked := talkedFrom(call, leg)
		if !talked {
			if outcome != Answered {
				outcome, fact.Wait = missedOutcome(call, leg), between(since(leg), leg.ClosedAt)
			}
			continue
		}
		if outcome != Answered { // the first one answered
			outcome, fact.Wait = Answered, rang(call, leg, from)
		}
		if talk := between(from, leg.ClosedAt); talk != Unknown {
			fact.Talk = clamped(max(fact.Talk, 0) + talk)
			fact.Hold = clamped(max(fact.Hold, 0) + held(call, from, leg.ClosedAt))
		}
	}
	party, side := partyOf(call.HangupBy), sidesByWord[call.HangupSide]
	if party == Consultant && !p.hungUp(call) {
		party = OtherParty
	}
	fact.Class = classOf(directionOf(call.Direction), outcome, party, side)
	return fact
}

// hungUp says whether the call was hung up on a leg of the part.
func (p part) hungUp(call *correlate.Call) bool {
	return slices.ContainsFunc(p.legs, func(leg *correlate.LegRecord) bool {
		return leg.DialogUUID == string(call.HangupDialogUUID)
	})
}

// talkedFrom says whether, and from when, the consultant on a leg talked. What the leg itself says counts: talking; or,
// where that was not told, answered, unless answered does not mean so much (a leg of a campaign, where it is the
// consultant waiting). A consultant who called talked if anybody was reached
// in time.
func talkedFrom(call *correlate.Call, leg *correlate.LegRecord) (from dialog.Time, talked bool) {
	if !call.Connected {
		return 0, false
	}
	if leg.TalkingAt != 0 {
		return leg.TalkingAt, true
	}
	attempt := attemptOf(call, leg)
	switch {
	case leg.LinkBasis == correlate.LinkCampaign || attempt == nil && leg.LinkBasis != correlate.LinkRoot:
		return leg.AnsweredAt, call.ConnectedBasis == correlate.BasisInferred && leg.AnsweredAt != 0
	case attempt == nil:
		from = cmp.Or(call.TalkingAt, call.AnsweredAt)
		return from, leg.ClosedAt >= from
	}
	return leg.AnsweredAt, attempt.Outcome == correlate.OutcomeAnswered
}

// missedOutcome says how a part ended that the consultant did not talk in.
func missedOutcome(call *correlate.Call, leg *correlate.LegRecord) Outcome {
	if attempt := attemptOf(call, leg); attempt != nil {
		if attempt.Outcome == correlate.OutcomeAnswered { // and nobody was reached, or it was a campaign's
			return outcomesByWord[call.Disposition]
		}
		return outcomesByWord[attempt.Outcome]
	}
	if call.Connected { // others talked
		return AnsweredElsewhere
	}
	return outcomesByWord[call.Disposition]
}

func attemptOf(call *correlate.Call, leg *correlate.LegRecord) *correlate.Attempt {
	for i := range call.Attempts {
		if call.Attempts[i].DialogUUID == leg.DialogUUID {
			return &call.Attempts[i]
		}
	}
	return nil
}

// rang is how long it took until the consultant talked: a consultant who was called took as long as the phone rang, one
// who called waited as long as the call did.
func rang(call *correlate.Call, leg *correlate.LegRecord, from dialog.Time) int64 {
	if attemptOf(call, leg) != nil {
		return between(since(leg), cmp.Or(leg.AnsweredAt, from))
	}
	return seconds(call.WaitMS)
}

// since is when the leg began: the earliest time that was told of it.
func since(leg *correlate.LegRecord) dialog.Time {
	if leg.CreatedAt != 0 {
		return leg.CreatedAt
	}
	var first dialog.Time
	for _, at := range []dialog.Time{leg.RingingAt, leg.AlertingAt, leg.AnsweredAt, leg.TalkingAt, leg.ClosedAt} {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

func between(from, to dialog.Time) int64 {
	if from == 0 || to == 0 {
		return Unknown
	}
	return clamped(int64(to - from))
}

// held is for how long, between two moments, anybody in the call was on hold.
func held(call *correlate.Call, from, to dialog.Time) int64 {
	var spans []correlate.HoldRecord
	for i := range call.Legs {
		for _, hold := range call.Legs[i].Holds {
			if hold.To == 0 {
				hold.To = to
			}
			hold.From, hold.To = max(hold.From, from), min(hold.To, to)
			if hold.From < hold.To {
				spans = append(spans, hold)
			}
		}
	}
	slices.SortFunc(spans, func(a, b correlate.HoldRecord) int { return cmp.Compare(a.From, b.From) })
	var total, until dialog.Time
	for _, span := range spans {
		if start := max(span.From, until); span.To > start {
			total += span.To - start
			until = span.To
		}
	}
	return int64(total)
}
