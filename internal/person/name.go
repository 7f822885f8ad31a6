package person

import (
	"encoding/json"
	"slices"
	"strings"

	"webhookd/internal/dialog"
)

// pairs are the members of a webhook that tell a number and the name that goes with it.
var pairs = [][2]string{
	{"self_target", "self_name"},
	{"peer_target", "peer_name"},
	{"from_display_target", "from_display_name"},
	{"to_display_target", "to_display_name"},
}

// Names gives the names that a webhook's body tells of a person whose numbers are found.
func Names(body []byte, numbers Finder) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	var names []string
	for _, pair := range pairs {
		if _, ok := numbers(textOf(members[pair[0]])); ok {
			names = append(names, textOf(members[pair[1]]))
		}
	}
	var anonymous map[string]json.RawMessage
	if json.Unmarshal(members["anonymous"], &anonymous) == nil {
		if _, ok := numbers(textOf(anonymous["presentation_number"])); ok {
			names = append(names, textOf(anonymous["display_name"]))
		}
	}
	if webhook, err := dialog.Decode(body); err == nil && webhook.Kind != dialog.Other {
		names = append(names, NamesOnLeg(func(field dialog.Field) string { return webhook.Told[field] }, numbers)...)
	}
	return clean(names, numbers)
}

// NamesOnLeg gives the names that a leg tells of a person whose numbers are found: those of the party on an outside leg
// that has the number.
func NamesOnLeg(told func(dialog.Field) string, numbers Finder) []string {
	if !OnLeg(told, numbers) {
		return nil
	}
	return clean([]string{told(dialog.SelfName), told(dialog.AnonymousName)}, numbers)
}

// OnLeg says whether a leg is that of an outside party that has one of the numbers.
func OnLeg(told func(dialog.Field) string, numbers Finder) bool {
	outside := told(dialog.DialogType) == "EXTERNAL" || told(dialog.DialogType) == "" && told(dialog.ApplicationSide) == "CONTACT"
	own := []string{told(dialog.SelfTarget)}
	switch told(dialog.Direction) {
	case "OUTBOUND":
		own = append(own, told(dialog.CallerContactAddress), told(dialog.FromDisplayTarget))
	case "INBOUND":
		own = append(own, told(dialog.CalleeContactAddress), told(dialog.ToDisplayTarget))
	}
	return outside && slices.ContainsFunc(own, func(number string) bool { _, ok := numbers(number); return ok })
}

// NamesOf gives the names that a webhook of a leg tells, which is that of the person.
func NamesOf(body []byte, numbers Finder) []string {
	webhook, err := dialog.Decode(body)
	if err != nil {
		return nil
	}
	return clean([]string{webhook.Told[dialog.SelfName], webhook.Told[dialog.AnonymousName]}, numbers)
}

// clean leaves out what is no name, is found as a number anyway, or stands for somebody already.
func clean(names []string, numbers Finder) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, number := numbers(name)
		return number || strings.TrimSpace(name) == "" || isNumber(name) || strings.HasPrefix(name, Prefix)
	})
}

// textOf gives a JSON text, as package dialog reads it; "" for anything else.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
