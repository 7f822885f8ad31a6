package correlate

import (
	"cmp"
	"slices"

	"webhookd/internal/dialog"
)

// holds gives the leg's times on hold (design §3): from a dialog_hold to the next resume or the close. At equal times
// a resume comes first while on hold, otherwise the hold does. A hold during a hold, a resume without one and a hold
// after the close are nothing. It is never nil.
func (l *Leg) holds() []HoldRecord {
	intervals := []HoldRecord{}
	if len(l.Holds) == 0 {
		return intervals
	}
	closed := l.closedAt()
	var from dialog.Time // of the hold that lasts, 0 if none does
	resumes := l.Resumes
	for _, hold := range l.Holds {
		if closed != 0 && hold > closed {
			break
		}
		if from != 0 {
			// The resumes up to and with this second come before this hold.
			for from != 0 && len(resumes) > 0 && resumes[0] <= hold {
				if resumes[0] >= from {
					intervals = append(intervals, HoldRecord{from, resumes[0]})
					from = 0
				}
				resumes = resumes[1:]
			}
			if from != 0 {
				continue // still on hold
			}
		}
		from = hold
		for len(resumes) > 0 && resumes[0] < hold {
			resumes = resumes[1:]
		}
	}
	if from == 0 {
		return intervals
	}
	to := closed
	if len(resumes) > 0 && resumes[0] >= from {
		to = resumes[0]
		if closed != 0 {
			to = min(to, closed)
		}
	}
	return append(intervals, HoldRecord{from, to})
}

// held is the time, in milliseconds, in which anybody was on hold between two moments.
func (v *view) held(from, to dialog.Time) int64 {
	var spans []HoldRecord
	for _, m := range v.legs {
		for _, h := range m.holds() {
			if h.To == 0 {
				h.To = to
			}
			h.From, h.To = max(h.From, from), min(h.To, to)
			if h.From < h.To {
				spans = append(spans, h)
			}
		}
	}
	slices.SortFunc(spans, func(a, b HoldRecord) int { return cmp.Compare(a.From, b.From) })
	var total, until dialog.Time
	for _, s := range spans {
		start := max(s.From, until)
		if s.To > start {
			total += s.To - start
			until = s.To
		}
	}
	return int64(total) * 1000
}
