package stats

import (
	"webhookd/internal/dialog"
)

// Question is what a store is asked for: the facts of one account's calls that began in a stretch of time, added up.
type Question struct {
	Account string
	From    dialog.Time // started_at >= From
	To      dialog.Time // started_at < To
	// Consultants asks for the facts of consultants' parts, and not for those of calls.
	Consultants bool
	// Project and Consultant choose facts; nil is any. A Consultant needs Consultants.
	Project, Consultant *string
	// Begins, if not empty, are where the intervals begin that the facts are told apart by: ascending, the first one at
	// or before From, all on quarters of an hour but for the first, which may be From. They are told apart by nothing else
	// then.
	Begins []dialog.Time
	// ByProject and ByConsultant tell facts apart by that.
	ByProject, ByConsultant bool
	// AnswerWithin and AbandonAfter are the thresholds of [Tally], in seconds.
	AnswerWithin, AbandonAfter int64
}

// Tally is the sum of facts that are alike.
type Tally struct {
	Interval   int    // index in Question.Begins; 0 if the facts are not told apart by it
	Project    string // "" if they are not told apart by it
	Consultant string // likewise
	Class      Class
	Count      int64
	Within     int64 // of Count: those with a Wait of at most AnswerWithin
	After      int64 // of Count: those with a Wait of more than AbandonAfter, or an unknown one
	Waits      int64 // of Count: those with a known Wait
	Wait       int64 // seconds, over all of them
	MaxWait    int64 // seconds, 0 if none is known
	Talks      int64 // of Count: those with a known Talk
	Talk       int64 // seconds
	Hold       int64 // seconds
}

// Add takes a fact into a tally.
func (t *Tally) Add(q *Question, fact Fact) {
	t.Count++
	if fact.Wait == Unknown || fact.Wait > q.AbandonAfter {
		t.After++
	}
	if fact.Wait != Unknown {
		t.Waits++
		t.Wait += fact.Wait
		t.MaxWait = max(t.MaxWait, fact.Wait)
		if fact.Wait <= q.AnswerWithin {
			t.Within++
		}
	}
	if fact.Talk != Unknown {
		t.Talks++
		t.Talk += fact.Talk
		t.Hold += max(fact.Hold, 0)
	}
}
