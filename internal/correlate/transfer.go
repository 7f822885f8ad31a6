package correlate

import (
	"cmp"
	"slices"

	"webhookd/internal/fsm"
)

// transfers lists where the call went on from one leg to another (design §5), by time. It is never nil.
func (v *view) transfers() []Transfer {
	transfers := []Transfer{}
	for _, from := range v.legs {
		if !v.leftTheCall(from) {
			continue
		}
		to := v.successor(from)
		if to == nil || v.onlyConsulted(from) {
			continue
		}
		kind := TransferBlind
		if to.pickedUpAt() < from.closed {
			kind = TransferConsultative
		}
		transfers = append(transfers, Transfer{From: from.UUID, To: to.UUID, At: from.closed, Kind: kind})
	}
	slices.SortStableFunc(transfers, func(a, b Transfer) int { return cmp.Compare(a.At, b.At) })
	return transfers
}

// leftTheCall says whether somebody other than the contact spoke and left while the contact leg went on.
func (v *view) leftTheCall(m *member) bool {
	if m == v.contact || m.machine() || m.spokeAt() == 0 || m.open() {
		return false
	}
	return v.contact == nil || v.contact.open() || v.contact.closed > m.closed
}

// successor is the earliest leg that was called after from began to talk, was answered, and outlasted it.
func (v *view) successor(from *member) *member {
	for _, m := range v.legs {
		if m == from || m == v.contact || m.machine() || !m.callee || m.since() <= from.spokeAt() {
			continue
		}
		if m.reached(fsm.Answered) && (m.open() || m.closed > from.closed) {
			return m
		}
	}
	return nil
}

// onlyConsulted says whether somebody who spoke before from is still there when from leaves.
func (v *view) onlyConsulted(from *member) bool {
	for _, m := range v.legs {
		if m == from || m == v.contact || m.machine() || m.spokeAt() == 0 || m.spokeAt() >= from.spokeAt() {
			continue
		}
		if m.open() || m.closed >= from.closed {
			return true
		}
	}
	return false
}
