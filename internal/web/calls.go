package web

import (
	"cmp"
	"io"
	"strings"
	"time"

	"webhookd/internal/correlate"
)

// CallsPage is a page of the history of calls.
type CallsPage struct {
	// Fields are the filter's fields as they stand in the address.
	Fields map[string]string
	// Invalid is the field that cannot be used; "" where all can. Detail says why, in English.
	Invalid, Detail string
	Calls           []correlate.Call
	// Next is the cursor of the page after this one, "" on the last one.
	Next string
	// AnyAccount says that who looks may choose the account.
	AnyAccount bool
	Today      time.Time // its first moment
}

// Calls writes a page of the history of calls.
func Calls(w io.Writer, shell Shell, page CallsPage) error {
	return render(w, shell, "calls", shell.T("calls.title"), page)
}

// CallFields are the fields that calls are chosen by on the page, beside the account, in the order of the form.
func CallFields() []string {
	return []string{
		"from", "to", "number", "consultant", "project", "direction", "disposition", "hangup_by", "missed", "transferred",
	}
}

// fieldTexts are what fields are called on the page where it is not calls.<field>.
var fieldTexts = map[string]string{"hangup_by": "calls.hangup"}

// Label gives the key of what a field is called.
func (CallsPage) Label(field string) string {
	if key, ok := fieldTexts[field]; ok {
		return key
	}
	return "calls." + field
}

// choice is a field with a fixed set of values.
type choice struct {
	Name, Label string
	Options     []option
}

type option struct {
	Value, Name string
	Chosen      bool
}

// Choices gives the fields that have a fixed set of values.
func (p CallsPage) Choices(s Shell) []choice { //nolint:revive // templates call it
	words := func(set string, values ...string) (options []option) {
		for _, value := range values {
			options = append(options, option{value, s.Word(set, value), false})
		}
		return options
	}
	flag := []option{{"true", s.T("calls.yes"), false}, {"false", s.T("calls.no"), false}}
	choices := []choice{
		{"direction", "", words("direction", "inbound", "outbound", "unknown")},
		{"disposition", "", words("disposition", "answered", "self_service", "abandoned", "no_answer", "busy", "rejected",
			"failed", "cancelled")},
		{"hangup_by", "", words("party", "external", "consultant", "tenant_user", "bot", "system", "unknown")},
		{"missed", "", flag},
		{"transferred", "", flag},
	}
	for i := range choices {
		chosen := p.Fields[choices[i].Name]
		choices[i].Label = s.T(p.Label(choices[i].Name))
		options := append([]option{{"", s.T("calls.any"), chosen == ""}}, choices[i].Options...)
		known := chosen == ""
		for j := range options {
			options[j].Chosen = options[j].Value == chosen
			known = known || options[j].Chosen
		}
		if !known { // a word that only the address knows stays chosen
			options = append(options, option{chosen, chosen, true})
		}
		choices[i].Options = options
	}
	return choices
}

// Address gives a path with the filter, so that it can be shared; more are further parameters.
func (p CallsPage) Address(s Shell, path string, more ...string) string {
	parameters := make([]string, 0, 2*len(p.Fields)+len(more))
	for _, name := range CallFields() {
		parameters = append(parameters, name, p.Fields[name])
	}
	return s.Link(path, append(parameters, more...)...)
}

// Day gives the address of the calls of a day, counted from today.
func (p CallsPage) Day(s Shell, days int) string {
	from := p.Today.AddDate(0, 0, days)
	return s.Link("/calls", "from", from.Format(fieldTime), "to", from.AddDate(0, 0, 1).Format(fieldTime))
}

// momentField gives the type of a form's field for a moment: browsers have one that knows a clock's time and no offset,
// which an hour that comes twice needs.
func momentField(value string) string {
	if len(value) <= len("2006-01-02T15:04:05") {
		return "datetime-local"
	}
	return "text"
}

// FromField gives the type of the form's field for the beginning.
func (p CallsPage) FromField() string { return momentField(p.Fields["from"]) }

// ToField is as FromField, for the end.
func (p CallsPage) ToField() string { return momentField(p.Fields["to"]) }

// fieldTime is how browsers write and read a moment in a form.
const fieldTime = "2006-01-02T15:04"

// Tone gives the class of a call's result: how it is coloured.
func (CallsPage) Tone(call correlate.Call) string {
	switch {
	case call.State != correlate.StateEnded:
		return "warn"
	case call.Missed:
		return "bad"
	case call.Connected:
		return "good"
	}
	return ""
}

// Names gives the consultants of a call, each once.
func (CallsPage) Names(call correlate.Call) string { return strings.Join(consultantNames(call), ", ") }

func consultantNames(call correlate.Call) []string {
	var names []string
	seen := map[string]bool{}
	for _, consultant := range call.Consultants {
		name := nameOf(consultant)
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// nameOf gives what a consultant is called: the name, else the user name, else the id; "" for one of whom nothing is known.
func nameOf(consultant correlate.Consultant) string {
	return cmp.Or(string(consultant.Name), string(consultant.Username), consultant.ID.Text())
}

// Number gives the external party's number, as it is dialled where that is known.
func (CallsPage) Number(call correlate.Call) string { return numberOf(call) }

func numberOf(call correlate.Call) string {
	if call.External.NumberE164 != "" {
		return string(call.External.NumberE164)
	}
	return string(call.External.Number)
}

// Named gives the external party's name where it says more than the number.
func (CallsPage) Named(call correlate.Call) string {
	if name := call.External.Name; name != call.External.Number && name != call.External.NumberE164 {
		return string(name)
	}
	return ""
}
