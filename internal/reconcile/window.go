package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// How far around what is known of a call its records are looked for, in seconds. The PBX cannot be asked for a dialog,
// only for a stretch of time in which dialogs began (docs/pbx.md).
const (
	margin     dialog.Time = 60       // clocks that tell different seconds
	shortReach dialog.Time = 10 * 60  // before a call of which a beginning is not known; the first time
	longReach  dialog.Time = 4 * 3600 // and from the second time on
)

// window is a stretch of time, and the calls that began in it.
type window struct {
	from, to dialog.Time
	subjects []*subject
}

// windows gives the stretches of time to ask for: one for each call, those that overlap joined.
func windows(subjects []*subject) []*window {
	all := make([]*window, 0, len(subjects))
	for _, s := range subjects {
		from, to := reach(s.call, s.question.Asked > 0)
		all = append(all, &window{from: from, to: to, subjects: []*subject{s}})
	}
	slices.SortStableFunc(all, func(a, b *window) int { return cmp.Compare(a.from, b.from) })
	joined := all[:0]
	for _, w := range all {
		if n := len(joined); n > 0 && w.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, w.to)
			joined[n-1].subjects = append(joined[n-1].subjects, w.subjects...)
			continue
		}
		joined = append(joined, w)
	}
	// What the PBX failed over the last time comes last: if it is what the PBX fails over, the others are answered.
	slices.SortStableFunc(joined, func(a, b *window) int { return cmp.Compare(a.failures(), b.failures()) })
	return joined
}

// failures counts the calls with which the PBX failed the last time.
func (w *window) failures() int {
	n := 0
	for _, s := range w.subjects {
		if s.question.Outcome == store.QuestionFailed && !strings.HasPrefix(s.question.Reason, notAsked) {
			n++
		}
	}
	return n
}

// reach says when the dialogs of a call may have begun; to is not part of it.
func reach(call *correlate.Call, again bool) (from, to dialog.Time) {
	from, to = call.StartedAt, call.StartedAt
	unknown := false
	for i := range call.Legs {
		leg := &call.Legs[i]
		parent := string(leg.CallerDialogUUID)
		unknown = unknown || leg.CreatedAt == 0 || parent != "" && call.Leg(parent) == nil
		to = max(to, began(leg))
	}
	switch {
	case unknown && again:
		from -= longReach
	case unknown:
		from -= shortReach
	default:
		from -= margin
	}
	return max(1, from), to + margin
}

// began is when a leg began, or the first that is known of it.
func began(leg *correlate.LegRecord) dialog.Time {
	for _, at := range []dialog.Time{leg.CreatedAt, leg.RingingAt, leg.AlertingAt, leg.AnsweredAt, leg.TalkingAt, leg.ClosedAt} {
		if at != 0 {
			return at
		}
	}
	return 0
}
