package person

import (
	"slices"
	"strings"
)

// holding says how much of a person the text of a member may hold. Numbers are looked for in all of them.
type holding uint8

const (
	// anything: names, and names and addresses of mail inside of a text.
	anything holding = iota
	// oneName: a name, and nothing but that.
	oneName
	// colleague: what tells of somebody of the house, or of something that is no person. Only a name of several words, which
	// is all of it, is the person's.
	colleague
	// word: what calls are worked out from. No name is in it.
	word
)

// whole says whether all of a text may be a number or a name.
func (h holding) whole(text string) bool {
	switch h {
	case anything, oneName:
		return true
	case colleague:
		return strings.Contains(text, " ") || hasDigits(text)
	case word:
	}
	return hasDigits(text)
}

// kept are the members that no person is in, or on which calls hang: ids, times, counts. inside are the keys of the objects
// and lists that a member stands in, the innermost last.
func kept(inside []string, key string) bool {
	switch key {
	case "id":
		return keptID(inside)
	case "event_time", "contact_try", "consultant_try", "voice_campaign_id":
		return true
	}
	return strings.HasSuffix(key, "uuid") || strings.HasSuffix(key, "_at") || strings.HasSuffix(key, "_ms")
}

// keptID says whether an id is one of the PBX's, on which calls and figures hang. Any other one may be what a client calls
// a person by, and so their number.
func keptID(inside []string) bool {
	if len(inside) == 0 {
		return false
	}
	switch inside[len(inside)-1] {
	case "tenant_user", "project", "consultants":
		return true
	case "data":
		return len(inside) > 1 && strings.HasSuffix(inside[len(inside)-2], "initial_application_info")
	}
	return false
}

// holds says how much of a person a member may hold.
func holds(inside []string, key string) holding {
	switch key {
	case "id", "direction", "business_direction", "dialog_type", "state", "close_cause", "business_end_cause", "event_type",
		"event_name", "type", "side", "mode", "media", "peer_type", "initial_link_type", "initial_target_type", "link_basis":
		return word
	case "self_name", "peer_name", "from_display_name", "to_display_name":
		return oneName
	case "peer_username", peerFirst, peerLast, "peer_project_name":
		return colleague
	}
	if ofTheHouse(key) || slices.ContainsFunc(inside, ofTheHouse) {
		return colleague
	}
	return anything
}

// ofTheHouse says whether what has this key tells of consultants and the like.
func ofTheHouse(key string) bool {
	switch key {
	case "project", "projects", "channel", "flow", "handler", "username", "user", "users":
		return true
	}
	for _, beginning := range []string{"tenant_user", "consultant", "agent", "operator"} {
		if strings.HasPrefix(key, beginning) {
			return true
		}
	}
	return false
}

// Member puts pseudonyms into a text that a webhook tells, as [Bytes] does. path is where it stands, its parts separated by
// dots.
func Member(path, text string, find Finder) (string, bool) {
	parts := strings.Split(path, ".")
	inside, key := parts[:len(parts)-1], parts[len(parts)-1]
	if kept(inside, key) {
		return text, false
	}
	return inMember(text, find, holds(inside, key))
}
