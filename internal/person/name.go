package person

import (
	"encoding/json"
	"slices"
	"strings"

	"webhookd/internal/dialog"
)

// pairs are the members of a webhook that tell a number and the name that goes with it. That of the peer, see peersNames.
var pairs = [][2]string{
	{"self_target", "self_name"},
	{"from_display_target", "from_display_name"},
	{"to_display_target", "to_display_name"},
}

const (
	peerFirst = "peer_firstname"
	peerLast  = "peer_surname"
)

// Names gives the names that a webhook's body, or anything else that is stored as JSON, tells of a person whose numbers are
// found, and the addresses that go with them.
func Names(body []byte, numbers Finder) []string {
	names := namesBeside(body, numbers)
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) == nil {
		names = append(names, namesInPairs(members, numbers)...)
	}
	if webhook, err := dialog.Decode(body); err == nil && webhook.Kind != dialog.Other {
		told := func(field dialog.Field) string { return webhook.Told[field] }
		self, peer := OnLeg(told, numbers)
		names = append(names, namesOf(members, told, self, peer)...)
	}
	return clean(names, numbers)
}

func namesInPairs(members map[string]json.RawMessage, numbers Finder) (names []string) {
	for _, pair := range pairs {
		if isTheirs(textOf(members[pair[0]]), numbers) {
			names = append(names, textOf(members[pair[1]]))
		}
	}
	if ofPeer(members, numbers) {
		names = append(names, peersNames(members)...)
	}
	var anonymous map[string]json.RawMessage
	if json.Unmarshal(members["anonymous"], &anonymous) == nil && isTheirs(textOf(anonymous["presentation_number"]), numbers) {
		names = append(names, textOf(anonymous["display_name"]))
	}
	return names
}

// OnLeg says whether a leg is that of an outside party that has one of the numbers, and whether it is one whose peer has.
func OnLeg(told func(dialog.Field) string, numbers Finder) (self, peer bool) {
	outside := told(dialog.DialogType) == "EXTERNAL" || told(dialog.DialogType) == "" && told(dialog.ApplicationSide) == "CONTACT"
	own := []string{told(dialog.SelfTarget)}
	others := told(dialog.PeerTarget)
	switch told(dialog.Direction) {
	case "OUTBOUND":
		own = append(own, told(dialog.CallerContactAddress), told(dialog.FromDisplayTarget))
		if others == "" && !outside {
			others = told(dialog.CalleeContactAddress)
		}
	case "INBOUND":
		own = append(own, told(dialog.CalleeContactAddress), told(dialog.ToDisplayTarget))
		if others == "" && !outside {
			others = told(dialog.CallerContactAddress)
		}
	}
	self = outside && slices.ContainsFunc(own, func(number string) bool { return isTheirs(number, numbers) })
	return self, isTheirs(others, numbers)
}

// NamesOf gives the names that a webhook of a leg tells, of which OnLeg says whose it is.
func NamesOf(body []byte, self, peer bool, numbers Finder) []string {
	webhook, err := dialog.Decode(body)
	if err != nil {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	return clean(namesOf(members, func(field dialog.Field) string { return webhook.Told[field] }, self, peer), numbers)
}

func namesOf(members map[string]json.RawMessage, told func(dialog.Field) string, self, peer bool) (names []string) {
	if self {
		names = append(names, told(dialog.SelfName), told(dialog.AnonymousName))
	}
	if peer {
		names = append(names, peersNames(members)...)
	}
	return names
}

// ofPeer says whether what a webhook tells of the peer is told of somebody who has one of the numbers: as calls are worked
// out, by the target, and where there is none by the other side's address.
func ofPeer(members map[string]json.RawMessage, numbers Finder) bool {
	number := textOf(members["peer_target"])
	if number == "" && !strings.EqualFold(textOf(members["dialog_type"]), "EXTERNAL") {
		switch strings.ToUpper(textOf(members["direction"])) {
		case "OUTBOUND":
			number = textOf(members["callee_contact_address"])
		case "INBOUND":
			number = textOf(members["caller_contact_address"])
		}
	}
	return isTheirs(number, numbers)
}

func peersNames(members map[string]json.RawMessage) []string {
	return append(inOrders(textOf(members[peerFirst]), "", textOf(members[peerLast])), textOf(members["peer_name"]))
}

// inOrders gives the parts of a name, and the ways in which they are put together.
func inOrders(first, middle, last string) []string {
	names := []string{first, middle, last}
	if first != "" && last != "" {
		names = append(names, first+" "+last, last+" "+first)
		if middle != "" {
			names = append(names, first+" "+middle+" "+last)
		}
	}
	return names
}

// isTheirs says whether a text is one of the numbers, or holds it, or what numbers find in its place.
func isTheirs(text string, numbers Finder) bool {
	if _, found := numbers(text); found {
		return true
	}
	if _, found := inMember(text, numbers, word); found {
		return true
	}
	for part, ok := nextPseudonym(text); ok; part, ok = nextPseudonym(text) {
		if _, found := numbers(text[part.from:part.to]); found {
			return true
		}
		text = text[part.to:]
	}
	return false
}

// clean leaves out what is no name, is found as a number anyway, or stands for somebody already.
func clean(names []string, numbers Finder) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, number := numbers(name)
		return number || strings.TrimSpace(name) == "" || isNumber(name) || strings.HasPrefix(name, Prefix)
	})
}

// textOf gives a JSON text, as package dialog reads it, or the digits of a number; "" for anything else.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return strings.ReplaceAll(text, "\x00", "\uFFFD")
	}
	if len(value) > 0 && isDigit(value[0]) {
		return string(value)
	}
	return ""
}
