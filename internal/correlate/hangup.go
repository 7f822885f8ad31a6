package correlate

import (
	"cmp"
	"strings"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// leftBefore is how long before the contact leg, in seconds, another leg may close and still be the contact's partner
// at the end: one that closed earlier had left, and the call went on without it.
const leftBefore = 2

// party is one of the two that the question is about: a leg, an unseen leg, or the system.
type party struct {
	leg  *member // nil if unseen or the system
	name Word    // what hangup_by says of it
	vote Vote
}

func partyOf(m *member) party {
	name := Word(strings.ToLower(m.kind))
	if name == "" {
		name = HangupUnknown
	}
	return party{leg: m, name: name, vote: m.cause.Vote}
}

// hangup says who ended the ended call, and what that rests on (design §5).
func (v *view) hangup(c *Call) {
	contact := party{name: Word(strings.ToLower(typeExternal))}
	if v.contact != nil {
		contact = partyOf(v.contact)
	}
	partner := v.partnerParty()

	contactDid := contact.vote == VoteSelf || partner.vote == VoteOther
	partnerDid := partner.vote == VoteSelf || contact.vote == VoteOther
	switch {
	case !contactDid && !partnerDid:
		c.HangupBy, c.HangupBasis = HangupUnknown, BasisNone
	case contact.vote == VoteSelf && partner.vote == VoteSelf:
		v.conflict(c, contact, partner)
	case contactDid && partnerDid: // each says that the other did
		c.HangupBy, c.HangupBasis = HangupSystem, BasisInferred
	case contactDid:
		v.blame(c, contact)
	default:
		v.blame(c, partner)
	}
}

// blame writes down who did it. A leg that said so itself makes it reported.
func (v *view) blame(c *Call, p party) {
	c.HangupBy = p.name
	c.HangupBasis = BasisInferred
	if p.leg == nil {
		if p.name != HangupSystem {
			c.HangupSide = v.unseenSide()
		}
		return
	}
	c.HangupDialogUUID = Word(p.leg.UUID)
	c.HangupSide = v.side(p.leg)
	if p.vote == VoteSelf {
		c.HangupBasis = BasisReported
	}
}

// conflict is for two legs that both say they did it: the earlier one is believed.
func (v *view) conflict(c *Call, a, b party) {
	switch {
	case a.leg.closed < b.leg.closed:
		v.blame(c, a)
	case b.leg.closed < a.leg.closed:
		v.blame(c, b)
	default:
		c.HangupBy = HangupUnknown
	}
	c.HangupBasis = BasisConflict
}

func (v *view) side(m *member) Word {
	switch {
	case v.campaign:
		return ""
	case m == v.root:
		return SideCaller
	}
	return SideCallee
}

func (v *view) unseenSide() Word {
	switch {
	case v.campaign:
		return ""
	case v.root == nil:
		return SideCaller
	}
	return SideCallee
}

// partnerParty is who stands against the contact leg.
func (v *view) partnerParty() party {
	if partner := v.partner(); partner != nil {
		return partyOf(partner)
	}
	// The contact leg is alone.
	switch {
	case len(v.legs) > 1, !v.connected && v.fromOutside():
		return party{name: HangupSystem}
	case v.contact.kind == typeExternal:
		return party{name: Word(strings.ToLower(typeConsultant))}
	}
	return party{name: Word(strings.ToLower(typeExternal))}
}

// partner is the leg that was with the contact leg at the end; nil if none was. With the contact leg unseen it is
// chosen among all legs.
func (v *view) partner() *member {
	var best *member
	for _, m := range v.legs {
		if m == v.contact || v.contact != nil && m.closed < v.contact.closed-leftBefore {
			continue
		}
		if best == nil || v.comparePartners(m, best) > 0 {
			best = m
		}
	}
	return best
}

func (v *view) comparePartners(a, b *member) int {
	if !v.connected {
		return cmp.Or(cmp.Compare(a.since(), b.since()), cmp.Compare(a.UUID, b.UUID))
	}
	return cmp.Or(
		cmp.Compare(a.spoken(), b.spoken()),
		cmp.Compare(a.closed, b.closed),
		cmp.Compare(a.Reached[fsm.Talking], b.Reached[fsm.Talking]),
		cmp.Compare(a.UUID, b.UUID),
	)
}

// spoken ranks how far a leg got towards speaking: talking, answered, the rest.
func (l *Leg) spoken() fsm.State {
	for _, state := range []fsm.State{fsm.Talking, fsm.Answered} {
		if l.Reached[state] != dialog.Time(0) {
			return state
		}
	}
	return fsm.None
}
