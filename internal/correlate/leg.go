package correlate

import (
	"bytes"
	"cmp"
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// Leg is what all webhooks of one dialog told of it, merged (design §3). It holds evidence, not conclusions.
type Leg struct {
	UUID    string
	State   fsm.State                   // the furthest state that was reported, None if none was
	Reached [fsm.StateCount]dialog.Time // the earliest report of each state
	First   dialog.Time                 // the earliest of its webhooks
	Last    dialog.Time                 // the latest of its webhooks
	Created dialog.Time                 // its dialog_create
	Holds   []dialog.Time               // dialog_hold, ascending, without repeats
	Resumes []dialog.Time               // dialog_unhold and dialog_resume, likewise
	// Meetings are the rooms it entered, by uuid, with the earliest time of each.
	Meetings []Meeting

	told  [dialog.FieldCount]told
	cause told // of the earliest dialog_close that has one
	// made is a close that webhookd itself made up; it counts only as long as no real one is known.
	made *madeClose

	// heard and record are what all of the above is combined of as soon as the PBX's own record is known: what webhooks
	// told, and what the record does. Without a record both are nil.
	heard, record *Leg
}

// Meeting is a room that a leg entered.
type Meeting struct {
	UUID string
	At   dialog.Time
}

// told is a value and the webhook that told it; a nil stamp means that none did.
type told struct {
	value string
	by    *stamp
}

// stamp orders webhooks that tell different values of one field: the greater one wins (design §1).
type stamp struct {
	at   dialog.Time
	rank fsm.State
	hash [32]byte
}

// madeClose is a synthetic close (design §6).
type madeClose struct {
	at    dialog.Time
	basis Word // BasisTimeout, BasisManual
	cause string
}

func (s *stamp) compare(t *stamp) int {
	if c := cmp.Compare(s.at, t.at); c != 0 {
		return c
	}
	if c := cmp.Compare(s.rank, t.rank); c != 0 {
		return c
	}
	return bytes.Compare(s.hash[:], t.hash[:])
}

func (m *madeClose) compare(n *madeClose) int {
	if c := cmp.Compare(m.at, n.at); c != 0 {
		return c
	}
	if c := cmp.Compare(m.basis, n.basis); c != 0 {
		return c
	}
	return cmp.Compare(m.cause, n.cause)
}

// NewLeg is the leg that a single dialog webhook tells of.
func NewLeg(w *dialog.Webhook) *Leg {
	state, known := fsm.Parse(w.State)
	if !known {
		state = fsm.None // counted where it was decoded; moves nothing, still makes the leg
	}
	by := &stamp{at: w.EventTime, rank: state, hash: w.SHA256}
	l := &Leg{UUID: w.DialogUUID, First: w.EventTime, Last: w.EventTime}
	if state != fsm.None {
		l.report(state, w.EventTime)
	}
	switch w.Kind {
	case dialog.Create:
		l.Created = w.EventTime
	case dialog.Close:
		by.rank = fsm.Closed
		l.report(fsm.Closed, w.EventTime)
		if w.CloseCause != "" {
			l.cause = told{w.CloseCause, by}
		}
	case dialog.Hold:
		l.Holds = []dialog.Time{w.EventTime}
	case dialog.Resume:
		l.Resumes = []dialog.Time{w.EventTime}
	case dialog.MeetingEntered:
		if w.MeetingUUID != "" {
			l.Meetings = []Meeting{{w.MeetingUUID, w.EventTime}}
		}
	case dialog.StateUpdate, dialog.Other:
	}
	for field, value := range w.Told {
		if value != "" {
			l.told[field] = told{value, by}
		}
	}
	return l
}

// NewMadeClose is the evidence of a close that webhookd made up: basis is BasisTimeout or BasisManual. It tells nothing
// else of the leg.
func NewMadeClose(dialogUUID string, at dialog.Time, basis Word, cause string) *Leg {
	return &Leg{UUID: dialogUUID, made: &madeClose{at: at, basis: basis, cause: cause}}
}

func (l *Leg) report(state fsm.State, at dialog.Time) {
	l.State, _ = fsm.Report(l.State, state)
	l.Reached[state] = earliest(l.Reached[state], at)
}

// Merge gives what two pieces of evidence about the same dialog tell together. It is commutative, associative and
// idempotent, and changes neither.
func Merge(a, b *Leg) *Leg {
	if a.record != nil || b.record != nil {
		return mergeParts(a, b)
	}
	return mergeHeard(a, b)
}

// mergeHeard merges evidence of one kind.
func mergeHeard(a, b *Leg) *Leg {
	m := *a
	for state := fsm.Ringing; state < fsm.StateCount; state++ {
		if at := b.Reached[state]; at != 0 {
			m.report(state, at)
		}
	}
	m.First = earliest(a.First, b.First)
	m.Last = max(a.Last, b.Last)
	m.Created = earliest(a.Created, b.Created)
	m.Holds = mergeTimes(a.Holds, b.Holds)
	m.Resumes = mergeTimes(a.Resumes, b.Resumes)
	m.Meetings = mergeMeetings(a.Meetings, b.Meetings)
	for field := range m.told {
		m.told[field] = later(a.told[field], b.told[field])
	}
	m.cause = firstCause(a.cause, b.cause)
	if b.made != nil && (a.made == nil || b.made.compare(a.made) < 0) {
		m.made = b.made
	}
	return &m
}

func later(a, b told) told {
	if a.by == nil || b.by != nil && b.by.compare(a.by) > 0 {
		return b
	}
	return a
}

// firstCause keeps the cause of the earliest close; in the same second that of the greater hash (design §3).
func firstCause(a, b told) told {
	switch {
	case a.by == nil:
		return b
	case b.by == nil:
		return a
	case a.by.at != b.by.at:
		if b.by.at < a.by.at {
			return b
		}
		return a
	case bytes.Compare(b.by.hash[:], a.by.hash[:]) > 0:
		return b
	default:
		return a
	}
}

func earliest(a, b dialog.Time) dialog.Time {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func mergeTimes(a, b []dialog.Time) []dialog.Time {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func mergeMeetings(a, b []Meeting) []Meeting {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Meeting) int {
		return cmp.Or(cmp.Compare(x.UUID, y.UUID), cmp.Compare(x.At, y.At))
	})
	return slices.CompactFunc(all, func(x, y Meeting) bool { return x.UUID == y.UUID })
}

// Told gives what the webhooks tell of a field, "" if nothing.
func (l *Leg) Told(field dialog.Field) string { return l.told[field].value }

// Replace gives the leg with other texts (numbers, addresses, names, the close cause) in the place of its own; everything
// else stays, also which webhook each is from. It is what the leg would be if its webhooks had told these texts. member is
// where in a webhook a text stands, for example "tenant_user.username".
func (l *Leg) Replace(other func(member, text string) string) *Leg {
	if l.record != nil {
		return combine(l.heard.Replace(other), l.record.Replace(other))
	}
	m := *l
	for field := range m.told {
		if t := &m.told[field]; t.value != "" && dialog.Field(field).IsText() {
			t.value = other(dialog.Field(field).String(), t.value)
		}
	}
	if m.cause.value != "" {
		m.cause.value = other("close_cause", m.cause.value)
	}
	return &m
}

// closedAt is when the leg closed: by a real report, else by a made-up close; zero while it is open.
func (l *Leg) closedAt() dialog.Time {
	if at := l.Reached[fsm.Closed]; at != 0 {
		return at
	}
	if l.made != nil {
		return l.made.at
	}
	return 0
}

// closeCause is the cause as the PBX wrote it, or that of the made-up close in force; "" if none is known.
func (l *Leg) closeCause() string {
	if l.Reached[fsm.Closed] == 0 && l.made != nil {
		return l.made.cause
	}
	return l.cause.value
}

// closeBasis says what the close rests on; "" while the leg is open.
func (l *Leg) closeBasis() Word {
	switch {
	case l.Reached[fsm.Closed] != 0:
		if l.record != nil && l.heard.Reached[fsm.Closed] == 0 {
			return BasisReconciled
		}
		return BasisReported
	case l.made != nil:
		return l.made.basis
	}
	return ""
}

// state is the leg's state for readers: a leg that reported none is ringing, its machine's first state.
func (l *Leg) state() fsm.State {
	switch {
	case l.made != nil:
		return fsm.Closed
	case l.State == fsm.None:
		return fsm.Initial
	}
	return l.State
}

// reached says whether the leg got as far as state, closing aside: a later state implies the earlier ones, so that a
// lost update changes nothing.
func (l *Leg) reached(state fsm.State) bool {
	for s := state; s < fsm.Closed; s++ {
		if l.Reached[s] != 0 {
			return true
		}
	}
	return false
}

// since is the leg's place in leg order: created_at, else the earliest time (design §2).
func (l *Leg) since() dialog.Time {
	if l.Created != 0 {
		return l.Created
	}
	return l.First
}

// spokeAt is when somebody began to speak on the leg: talking_at, else answered_at; zero if neither.
func (l *Leg) spokeAt() dialog.Time {
	if at := l.Reached[fsm.Talking]; at != 0 {
		return at
	}
	return l.Reached[fsm.Answered]
}

// pickedUpAt is when the leg was answered: answered_at, else talking_at; zero if neither.
func (l *Leg) pickedUpAt() dialog.Time {
	if at := l.Reached[fsm.Answered]; at != 0 {
		return at
	}
	return l.Reached[fsm.Talking]
}

// compareLegs is leg order.
func compareLegs(a, b *Leg) int {
	return cmp.Or(cmp.Compare(a.since(), b.since()), cmp.Compare(a.UUID, b.UUID))
}
