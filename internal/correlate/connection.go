package correlate

import (
	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// connect decides whether two parties spoke (design §5, "connected").
//
// The PBX's "answered" is technical: on an inbound contact leg it is the system picking up, and on a campaign's
// consultant leg the consultant waiting. Machine legs connect nothing; and while one of them is on the call, what the
// contact leg reports may be the machine it hears, so there only another leg's report counts. (The design says this of
// talking; for the same reason it is taken here for answered too, or no outbound call of a bot could be self_service.)
func (v *view) connect() {
	for _, m := range v.legs {
		if m.Reached[fsm.Talking] != 0 && v.counts(m) {
			v.connected, v.basis = true, BasisReported
			return
		}
	}
	var ok bool
	if v.campaign {
		ok = v.connectCampaign()
	} else {
		ok = v.connectCallee()
	}
	if ok {
		v.connected, v.basis = true, BasisInferred
	}
}

// counts says whether a leg's answered and talking tell of a person.
func (v *view) counts(m *member) bool {
	return !m.machine() && (!v.engaged || m != v.contact)
}

func (v *view) connectCallee() bool {
	for _, m := range v.legs {
		if m.callee && v.counts(m) && m.reached(fsm.Answered) {
			v.moment = earliest(v.moment, m.pickedUpAt())
		}
	}
	return v.moment != 0
}

// connectCampaign asks for both: the contact leg and another one.
func (v *view) connectCampaign() bool {
	if v.contact == nil || !v.contact.reached(fsm.Answered) {
		return false
	}
	var other dialog.Time
	for _, m := range v.legs {
		if m != v.contact && !m.machine() && m.reached(fsm.Answered) {
			other = earliest(other, m.pickedUpAt())
		}
	}
	if other == 0 {
		return false
	}
	v.moment = max(v.contact.pickedUpAt(), other)
	return true
}
