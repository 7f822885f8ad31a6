package stats

import (
	"math"
	"time"
)

// Thresholds are what service level and abandoning are measured by: whole seconds.
type Thresholds struct {
	// AnswerWithin is the longest wait of a call that was answered in time.
	AnswerWithin time.Duration
	// AbandonAfter is the longest wait of a call that was abandoned so soon that it is nobody's fault.
	AbandonAfter time.Duration
}

// DefaultThresholds are those that most call centres measure by.
func DefaultThresholds() Thresholds {
	return Thresholds{AnswerWithin: 20 * time.Second, AbandonAfter: 5 * time.Second}
}

// Figures are those of one group of calls, or of consultants' parts in calls.
type Figures struct {
	Inbound  InboundFigures `json:"inbound"`
	Outbound CallFigures    `json:"outbound"`
	// UnknownDirection are those of calls of which no webhook told the direction: internal ones, and ones whose webhooks
	// were lost.
	UnknownDirection CallFigures `json:"unknown_direction"`
}

// InboundFigures are those of calls from outside. Rates are between 0 and 1, rounded to four places; a rate or an average
// of nothing is null.
type InboundFigures struct {
	CallFigures
	// Offered are the calls that asked for a person: all but those with which a bot dealt alone.
	Offered int64 `json:"offered"`
	// AnsweredWithin are the answered ones that waited for at most AnswerWithin.
	AnsweredWithin int64 `json:"answered_within"`
	// ShortAbandoned are the abandoned ones that waited for at most AbandonAfter.
	ShortAbandoned int64 `json:"short_abandoned"`
	// Missed are the offered ones that nobody answered: abandoned or not.
	Missed int64 `json:"missed"`
	// AbandonRate is (Abandoned - ShortAbandoned) / (Offered - ShortAbandoned).
	AbandonRate *float64 `json:"abandon_rate"`
	// ServiceLevel is AnsweredWithin / (Answered + Abandoned - ShortAbandoned).
	ServiceLevel *float64 `json:"service_level"`
}

// CallFigures are those of calls of any direction. Times are milliseconds.
type CallFigures struct {
	// Calls are the calls that ended.
	Calls int64 `json:"calls"`
	// Answered are those in which somebody talked with somebody.
	Answered int64 `json:"answered"`
	// Abandoned are those that the caller gave up.
	Abandoned int64 `json:"abandoned"`
	// SelfService are those with which a bot dealt alone.
	SelfService int64 `json:"self_service"`
	// NoAnswer to AnsweredElsewhere are the other ways to end.
	NoAnswer          int64 `json:"no_answer"`
	Busy              int64 `json:"busy"`
	Rejected          int64 `json:"rejected"`
	Failed            int64 `json:"failed"`
	Cancelled         int64 `json:"cancelled"`
	AnsweredElsewhere int64 `json:"answered_elsewhere"`
	// AnswerRate is Answered / Calls.
	AnswerRate *float64 `json:"answer_rate"`
	// AverageAnswerMS is the average speed of answer: how long the answered ones waited, on average.
	AverageAnswerMS *int64 `json:"average_speed_of_answer_ms"`
	// LongestWaitMS is the longest wait of any but those with which a bot dealt alone.
	LongestWaitMS *int64 `json:"longest_wait_ms"`
	// AverageHandleMS is the average handle time: talk and hold. It is AverageTalkMS + AverageHoldMS but for rounding.
	AverageHandleMS *int64 `json:"average_handle_ms"`
	// AverageTalkMS is without the time on hold.
	AverageTalkMS *int64 `json:"average_talk_ms"`
	AverageHoldMS *int64 `json:"average_hold_ms"`
	// HandleMS and HoldMS are the sums behind the averages; HoldMS is part of HandleMS.
	HandleMS int64 `json:"handle_ms"`
	HoldMS   int64 `json:"hold_ms"`
	// HungUpBy and HungUpSide say who hung up, over all Calls.
	HungUpBy   PartyFigures `json:"hangup_by"`
	HungUpSide SideFigures  `json:"hangup_side"`
}

// PartyFigures count calls by who hung up.
type PartyFigures struct {
	External   int64 `json:"external"`
	Consultant int64 `json:"consultant"`
	System     int64 `json:"system"`
	Unknown    int64 `json:"unknown"`
	Other      int64 `json:"other"`
}

// SideFigures count calls by the side on which they were hung up.
type SideFigures struct {
	Caller int64 `json:"caller"`
	Callee int64 `json:"callee"`
	None   int64 `json:"none"`
}

// sums are tallies of one direction, added up.
type sums struct {
	count      int64
	byOutcome  [outcomes]int64
	byParty    [parties]int64
	bySide     [sides]int64
	within     int64 // answered
	after      int64 // abandoned
	waits      int64 // of answered ones
	wait       int64
	waited     bool // MaxWait is known
	maxWait    int64
	talks      int64
	talk, hold int64
}

func (s *sums) add(t Tally) {
	s.count += t.Count
	outcome := t.Class.Outcome()
	if int(outcome) >= outcomes || int(t.Class.Party()) >= parties || int(t.Class.Side()) >= sides {
		return // of a newer version; it counts as a call
	}
	s.byOutcome[outcome] += t.Count
	s.byParty[t.Class.Party()] += t.Count
	s.bySide[t.Class.Side()] += t.Count
	switch outcome {
	case Answered:
		s.within += t.Within
		s.waits += t.Waits
		s.wait += t.Wait
		s.talks += t.Talks
		s.talk += t.Talk
		s.hold += t.Hold
	case Abandoned:
		s.after += t.After
	}
	if outcome != SelfService && t.Waits > 0 {
		s.waited = true
		s.maxWait = max(s.maxWait, t.MaxWait)
	}
}

// NewFigures makes the figures of tallies, which must be those of one group.
func NewFigures(tallies []Tally) Figures {
	var inbound, outbound, unknown sums
	for _, tally := range tallies {
		switch tally.Class.Direction() {
		case Inbound:
			inbound.add(tally)
		case Outbound:
			outbound.add(tally)
		default:
			unknown.add(tally)
		}
	}
	return Figures{
		Inbound: inbound.inbound(), Outbound: outbound.figures(), UnknownDirection: unknown.figures(),
	}
}

func (s *sums) inbound() InboundFigures {
	f := InboundFigures{CallFigures: s.figures(), AnsweredWithin: s.within}
	f.Offered = f.Calls - f.SelfService
	f.ShortAbandoned = f.Abandoned - s.after
	f.Missed = f.Offered - f.Answered - f.AnsweredElsewhere
	f.AbandonRate = rate(f.Abandoned-f.ShortAbandoned, f.Offered-f.ShortAbandoned)
	f.ServiceLevel = rate(f.AnsweredWithin, f.Answered+f.Abandoned-f.ShortAbandoned)
	return f
}

func (s *sums) figures() CallFigures {
	f := CallFigures{
		Calls:    s.count,
		Answered: s.byOutcome[Answered], Abandoned: s.byOutcome[Abandoned], SelfService: s.byOutcome[SelfService],
		NoAnswer: s.byOutcome[NoAnswer], Busy: s.byOutcome[Busy], Rejected: s.byOutcome[Rejected],
		Failed: s.byOutcome[Failed], Cancelled: s.byOutcome[Cancelled], AnsweredElsewhere: s.byOutcome[AnsweredElsewhere],
		AverageAnswerMS: average(s.wait, s.waits),
		AverageHandleMS: average(s.talk, s.talks),
		AverageTalkMS:   average(s.talk-s.hold, s.talks),
		AverageHoldMS:   average(s.hold, s.talks),
		HandleMS:        s.talk * 1000,
		HoldMS:          s.hold * 1000,
		HungUpBy: PartyFigures{
			External: s.byParty[External], Consultant: s.byParty[Consultant], System: s.byParty[System],
			Unknown: s.byParty[UnknownParty] + s.byParty[NobodyHungUp], Other: s.byParty[OtherParty],
		},
		HungUpSide: SideFigures{Caller: s.bySide[Caller], Callee: s.bySide[Callee], None: s.bySide[NoSide]},
	}
	f.AnswerRate = rate(f.Answered, f.Calls)
	if s.waited {
		ms := s.maxWait * 1000
		f.LongestWaitMS = &ms
	}
	return f
}

// rate rounds to four places; of nothing there is none.
func rate(part, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	value := math.Round(float64(part)/float64(whole)*10000) / 10000
	return &value
}

// average gives milliseconds of a sum of seconds.
func average(seconds, count int64) *int64 {
	if count == 0 {
		return nil
	}
	ms := int64(math.Round(float64(seconds) / float64(count) * 1000))
	return &ms
}
