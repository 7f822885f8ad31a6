package web

import (
	"webhookd/internal/correlate"
)

// Story tells a call in sentences, from its record alone.
func (l Language) Story(call *correlate.Call) []string {
	sentences := []string{l.opening(call)}
	if call.State != correlate.StateEnded {
		return append(sentences, l.Word("story.open", call.State))
	}
	sentences = append(sentences, l.result(call))
	for _, transfer := range call.Transfers {
		sentences = append(sentences, l.Text("story.transfer", l.legLabel(call, transfer.From), l.legLabel(call, transfer.To),
			l.Word("transfer", transfer.Kind)))
	}
	if call.ConnectedBasis == correlate.BasisInferred {
		sentences = append(sentences, l.Text("story.connected.inferred"))
	}
	if ending := l.Ending(call); ending != "" {
		sentences = append(sentences, ending)
	}
	if call.Missed {
		sentences = append(sentences, l.Text("story.missed"))
	}
	switch call.EndBasis {
	case correlate.BasisTimeout, correlate.BasisManual, correlate.BasisReconciled:
		sentences = append(sentences, l.Word("story.end", string(call.EndBasis)))
	}
	return sentences
}

func (l Language) opening(call *correlate.Call) string {
	with := numberOf(*call)
	if name := string(call.External.Name); name != "" && name != string(call.External.Number) {
		if with != "" {
			name += " (" + with + ")"
		}
		with = name
	}
	if with == "" {
		with = l.Text("story.somebody")
	}
	switch call.Direction {
	case correlate.DirectionInbound:
		return l.Text("story.opening.inbound", with)
	case correlate.DirectionOutbound:
		return l.Text("story.opening.outbound", with)
	}
	return l.Text("story.opening.unknown", with)
}

// result says how an ended call came out.
func (l Language) result(call *correlate.Call) string {
	switch {
	case call.Disposition == correlate.DispositionAnswered && call.WaitMS != nil:
		return l.Text("story.answered.wait", l.Duration(*call.WaitMS))
	case call.Disposition == correlate.DispositionAbandoned && call.Direction == correlate.DirectionOutbound:
		return l.Text("story.abandoned.outbound")
	}
	return l.Word("story", string(call.Disposition))
}

// Ending says who hung up an ended call, when, and what that rests on; "" for a call that goes on.
func (l Language) Ending(call *correlate.Call) string {
	if call.HangupBy == "" {
		return ""
	}
	who := l.Word("hangup", string(call.HangupBy))
	if _, known := texts["hangup."+string(call.HangupBy)]; !known {
		who = l.Text("ending.other", string(call.HangupBy))
	}
	switch {
	case call.Connected && call.TalkMS != nil:
		who = l.Text("hangup.after.talk", who, l.Duration(*call.TalkMS))
	case !call.Connected && call.WaitMS != nil:
		who = l.Text("hangup.after.wait", who, l.Duration(*call.WaitMS))
	}
	basis := "hangup.basis." + string(call.HangupBasis)
	switch {
	case call.HangupBasis == correlate.BasisConflict && call.HangupBy == correlate.HangupUnknown:
		basis = "hangup.basis.conflict.tie"
	case call.HangupBasis == correlate.BasisInferred && call.HangupBy == correlate.HangupSystem:
		basis = "hangup.basis.inferred.sys"
	}
	return l.Text(basis, who)
}

// legLabel names a leg in a sentence.
func (l Language) legLabel(call *correlate.Call, dialogUUID string) string {
	leg := call.Leg(dialogUUID)
	if leg == nil {
		return dialogUUID
	}
	name, _ := l.legName(call, leg)
	return name
}
