package correlate

import (
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// Rules is what an installation can configure about the meaning of calls.
type Rules struct {
	Causes        Causes
	DefaultRegion string // for numbers without a country code, ISO 3166-1 alpha-2, e.g. "PL"
}

// DefaultRules are those of the design.
func DefaultRules() Rules { return Rules{Causes: DefaultCauses(), DefaultRegion: "PL"} }

// Dialog types that mean something here; the set is open (PBX documentation, "dialog_type").
const (
	typeExternal    = "EXTERNAL"
	typeConsultant  = "CONSULTANT"
	typeTenantUser  = "TENANT_USER"
	typeBot         = "BOT"
	typeSystem      = "SYSTEM"
	typeScreenshare = "SCREENSHARE_DIALOG"
	typeUnbound     = "UNBOUND_DIALOG"
)

const (
	wireInbound  = "INBOUND"
	wireOutbound = "OUTBOUND"
)

// Linked is a leg with its place in the call.
type Linked struct {
	Leg  *Leg
	Link Link
}

// Derive works out the record of a call from all of its legs, of which there must be one at least (design §5). It
// changes nothing.
func Derive(rules Rules, account, callUUID string, legs []Linked) *Call {
	v := newView(rules, account, callUUID, legs)
	c := &Call{Account: account, CallUUID: callUUID, State: v.state(), Direction: v.direction()}
	v.ended = c.State == StateEnded
	v.way = c.Direction
	v.connect()
	c.Connected, c.ConnectedBasis = v.connected, v.basis
	v.times(c)
	v.durations(c)
	c.Attempts = v.attempts()
	c.Transfers = v.transfers()
	c.External = v.external()
	c.Consultants = v.consultants()
	c.Project = v.project()
	c.MeetingUUIDs = v.meetings()
	if v.ended {
		c.EndBasis = v.endBasis()
		c.Disposition = v.disposition()
		c.Missed = c.Direction == DirectionInbound &&
			(c.Disposition == DispositionAbandoned || c.Disposition == DispositionNoAnswer)
		v.hangup(c)
	}
	c.Legs = v.records()
	return c
}

// view is a call while its record is worked out.
type view struct {
	rules    Rules
	account  string
	callUUID string
	campaign bool

	all     []*member // in leg order
	legs    []*member // those that count, in leg order
	root    *member   // the caller leg, nil if it is unseen or in a campaign call
	contact *member   // the contact leg, nil if it is unseen

	way       string // direction
	ended     bool
	engaged   bool // a machine leg was answered or talked
	connected bool
	basis     Word
	moment    dialog.Time // from which an inferred connection counts; zero if not known
}

// member is a leg in its call, with what is asked of it often.
type member struct {
	*Leg
	link   Link
	kind   string // dialog type, "" for null
	callee bool
	closed dialog.Time
	cause  Cause
}

// machine says whether nobody can be on the leg.
func (m *member) machine() bool { return m.kind == typeBot || m.kind == typeSystem }

func (m *member) open() bool { return m.closed == 0 }

// staff says whether a consultant is on the leg.
func (m *member) staff() bool { return m.kind == typeConsultant || m.kind == typeTenantUser }

func newView(rules Rules, account, callUUID string, legs []Linked) *view {
	v := &view{rules: rules, account: account, callUUID: callUUID}
	for _, l := range legs {
		m := &member{Leg: l.Leg, link: l.Link, kind: dialogType(l.Leg), closed: l.Leg.closedAt()}
		m.callee = l.Leg.Told(dialog.Direction) == wireInbound || l.Link.Parent != ""
		v.campaign = v.campaign || l.Link.Basis == LinkCampaign
		v.all = append(v.all, m)
	}
	slices.SortFunc(v.all, func(a, b *member) int { return compareLegs(a.Leg, b.Leg) })
	for _, m := range v.all {
		if m.kind != typeScreenshare && m.kind != typeUnbound {
			v.legs = append(v.legs, m)
		}
	}
	if len(v.legs) == 0 {
		v.legs = v.all
	}
	v.place()
	return v
}

// place finds the caller leg and the contact leg, and what depends on them.
func (v *view) place() {
	for _, m := range v.legs {
		if !v.campaign && m.UUID == v.callUUID {
			v.root = m
		}
		if m.machine() && m.reached(fsm.Answered) {
			v.engaged = true
		}
	}
	v.contact = v.findContact()
	for _, m := range v.legs {
		m.cause = v.rules.Causes.of(m.closeCause(), m == v.root)
	}
}

// findContact finds the leg that the call is with (design §2); nil if it is unseen.
func (v *view) findContact() *member {
	if v.root != nil && v.root.kind == typeExternal {
		return v.root
	}
	// In an inbound call whose customer is unseen, an EXTERNAL leg that is being called is a transfer to outside.
	customerUnseen := !v.campaign && v.root == nil && v.firstTold(dialog.BusinessDirection) == wireInbound
	for _, m := range v.legs {
		if m.kind == typeExternal && (!customerUnseen || m.Told(dialog.Direction) != wireInbound) {
			return m
		}
	}
	if v.campaign {
		return v.legs[0]
	}
	return v.root
}

func (v *view) firstTold(field dialog.Field) string {
	for _, m := range v.legs {
		if value := m.Told(field); value != "" {
			return value
		}
	}
	return ""
}

// dialogType is the type told, else worked out from who is on the leg (design §4); "" for null.
func dialogType(l *Leg) string {
	if told := l.Told(dialog.DialogType); told != "" {
		return told
	}
	switch l.Told(dialog.ApplicationSide) {
	case "CONTACT":
		return typeExternal
	case "USER":
		return typeConsultant
	}
	for field := dialog.UserID; field <= dialog.UserSurname; field++ {
		if l.Told(field) != "" {
			return typeConsultant
		}
	}
	return ""
}

func (v *view) state() string {
	furthest := fsm.None
	for _, m := range v.legs {
		if m.open() {
			furthest = max(furthest, m.state())
		}
	}
	if furthest == fsm.None {
		return StateEnded
	}
	return furthest.String()
}

// direction is that of the business: the root's, else the contact leg's, else the first in leg order that tells one.
func (v *view) direction() string {
	order := append([]*member{v.root, v.contact}, v.legs...)
	for _, m := range order {
		if m == nil {
			continue
		}
		switch m.Told(dialog.BusinessDirection) {
		case wireInbound:
			return DirectionInbound
		case wireOutbound:
			return DirectionOutbound
		}
	}
	return DirectionUnknown
}

// fromOutside says whether somebody outside called: an inbound call, or one of unknown direction whose caller is
// EXTERNAL.
func (v *view) fromOutside() bool {
	return v.way == DirectionInbound ||
		v.way == DirectionUnknown && v.root != nil && v.root.kind == typeExternal
}

func (v *view) endBasis() Word {
	basis := BasisReported
	for _, m := range v.legs {
		switch m.closeBasis() {
		case BasisTimeout:
			return BasisTimeout
		case BasisManual:
			basis = BasisManual
		case BasisReconciled:
			if basis == BasisReported {
				basis = BasisReconciled
			}
		}
	}
	return basis
}

// records gives the legs as readers see them.
func (v *view) records() []LegRecord {
	records := make([]LegRecord, 0, len(v.all))
	for _, m := range v.all {
		records = append(records, LegRecord{
			DialogUUID:       m.UUID,
			DialogType:       Word(m.kind),
			Direction:        Word(m.Told(dialog.Direction)),
			CallerDialogUUID: Word(m.link.Parent),
			LinkBasis:        m.link.Basis,
			State:            m.state().String(),
			CloseCause:       Word(m.closeCause()),
			CreatedAt:        m.Created,
			RingingAt:        m.Reached[fsm.Ringing],
			AlertingAt:       m.Reached[fsm.Alerting],
			AnsweredAt:       m.Reached[fsm.Answered],
			TalkingAt:        m.Reached[fsm.Talking],
			ClosedAt:         m.closed,
			Holds:            m.holds(),
		})
	}
	return records
}
