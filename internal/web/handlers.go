package web

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"webhookd/internal/correlate"
)

// Handler is one handler as pages show it. Secrets are taken out of its definition before.
type Handler struct {
	Name, Account, Source string
	Enabled               bool
	Counted               bool // Fired, FiredAt, Failures and LastError are for who looks
	Fired                 int64
	FiredAt               time.Time
	Failures              int
	LastError             string
	UpdatedAt             time.Time
	Definition            json.RawMessage
	// MaySwitch and MayDelete say what who looks may do with it.
	MaySwitch, MayDelete bool
}

// MayEdit says whether who looks may change its definition: whoever may remove it could make it anew.
func (h Handler) MayEdit() bool { return h.MayDelete }

// handlerParts is what is read of a definition to be told in words.
type handlerParts struct {
	On       []string `json:"on"`
	Project  string   `json:"project"`
	When     string   `json:"when"`
	After    string   `json:"after"`
	CancelOn []string `json:"cancel_on"`
	Do       []struct {
		Type string `json:"type"`
	} `json:"do"`
}

// Parts gives what its definition says; nothing of one that cannot be read.
func (h Handler) Parts() (parts handlerParts) { //nolint:revive // templates call it
	if json.Unmarshal(h.Definition, &parts) != nil {
		return handlerParts{}
	}
	return parts
}

// Actions gives the types of its actions, in order.
func (p handlerParts) Actions() []string {
	actions := make([]string, 0, len(p.Do))
	for _, action := range p.Do {
		actions = append(actions, action.Type)
	}
	return actions
}

// JSON gives the definition for a script.
func (h Handler) JSON() string { return string(h.Definition) }

// Pretty gives the definition for reading.
func (h Handler) Pretty() (string, error) {
	var value any
	if err := json.Unmarshal(h.Definition, &value); err != nil {
		return string(h.Definition), nil //nolint:nilerr // it is shown as it is
	}
	var written strings.Builder
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("write definition: %w", err)
	}
	return strings.TrimSpace(written.String()), nil
}

// FromFile says that the handler comes from the handlers file.
func (h Handler) FromFile() bool { return h.Source == "file" }

// Closed says why who looks may not change handlers.
type Closed string

// The reasons why handlers cannot be changed; Open is none.
const (
	Open       Closed = ""
	ClosedKey  Closed = "key"  // an API key is asked for
	ClosedNone Closed = "none" // no API key is configured, and without one nobody may
	ClosedHost Closed = "host" // no API key is configured, and the server is used by a name
)

// HandlersPage is the list of handlers.
type HandlersPage struct {
	Handlers []Handler
	Closed   Closed
}

// Handlers writes the list of handlers.
func Handlers(w io.Writer, shell Shell, page HandlersPage) error {
	return render(w, shell, "handlers", shell.T("handlers.title"), page)
}

// HandlerPage is one handler and what it has triggered.
type HandlerPage struct {
	Handler  Handler
	Closed   Closed
	Triggers []Trigger
}

// Tone gives the class of what became of it.
func (t Trigger) Tone() string {
	switch t.State {
	case "done":
		return "good"
	case "failed":
		return "bad"
	case "pending":
		return "warn"
	}
	return ""
}

// OneHandler writes the page of one handler.
func OneHandler(w io.Writer, shell Shell, page HandlerPage) error {
	return render(w, shell, "handler", page.Handler.Name, page)
}

// NewHandlerPage is where a handler is made, or changed, step by step.
type NewHandlerPage struct {
	Edited     *Handler // the one that is changed; nil where one is made
	Closed     Closed
	EventTypes []string // all that there are
	Actions    []string // all that there are
}

// NewHandler writes the page on which a handler is made, or changed.
func NewHandler(w io.Writer, shell Shell, page NewHandlerPage) error {
	title := shell.T("wizard.title")
	if page.Edited != nil {
		title = shell.T("wizard.title.edit", page.Edited.Name)
	}
	return render(w, shell, "wizard", title, page)
}

// eventSource is where events come from, with the types of its events.
type eventSource struct {
	Name  string
	Types []string
}

// usualEvents come first among the events of calls, in the order of a call.
var usualEvents = []string{
	string(correlate.CallReceived), string(correlate.CallCreated), string(correlate.CallAlerting), string(correlate.CallAnswered),
	string(correlate.CallTalking), string(correlate.CallTransferred), string(correlate.CallEnded), string(correlate.CallMissed),
	string(correlate.CallSettled),
}

// Sources tells the types of events apart by where they come from.
func (p NewHandlerPage) Sources() []eventSource { //nolint:revive // templates call it
	calls := slices.Clone(usualEvents)
	var legs, actions []string
	for _, kind := range p.EventTypes {
		switch {
		case slices.Contains(calls, kind):
		case strings.HasPrefix(kind, "dialog_"):
			legs = append(legs, kind)
		case strings.HasPrefix(kind, "call_"), strings.HasPrefix(kind, "dial_"):
			calls = append(calls, kind)
		default:
			actions = append(actions, kind)
		}
	}
	return []eventSource{{"call", calls}, {"leg", legs}, {"action", actions}, {"api", []string{"api"}}}
}

// CancelTypes are the events that may call a waiting trigger off.
func (p NewHandlerPage) CancelTypes() []string { return p.Sources()[0].Types }

// example is a condition that people may begin with.
type example struct{ Key, When string }

// Examples are conditions that people may begin with.
func (NewHandlerPage) Examples() []example { //nolint:revive // templates call it
	return []example{
		{"wizard.when.inbound", `call.direction == "inbound"`},
		{"wizard.when.talked", `call.disposition == "answered" && call.talk_ms >= 30000`},
		{"wizard.when.waited", `call.wait_ms >= 20000`},
		{"wizard.when.number", `contact.number startsWith "+48"`},
		{"wizard.when.customer", `call.hangup_by == "external"`},
	}
}

// Steps are the steps of making a handler, in order.
func (NewHandlerPage) Steps() []string {
	return []string{"event", "condition", "action", "options", "test", "save"}
}

// Texts are the texts for the script, as JSON.
func (NewHandlerPage) Texts(s Shell) (string, error) {
	filled := map[string]string{}
	for name, key := range map[string]string{
		"matches": "wizard.test.matches", "not": "wizard.test.not", "later": "wizard.test.later", "nothing": "wizard.test.nothing",
		"failed": "handlers.failed", "refused": "handlers.refused", "calls": "wizard.test.calls.failed",
		"event": "wizard.event.missing", "action": "wizard.action.missing", "name": "wizard.name.missing",
		"json":   "wizard.action.json.wrong",
		"wrong":  "wizard.wrong",
		"exists": "wizard.exists",
	} {
		filled[name] = s.T(key)
	}
	for key := range texts {
		if strings.HasPrefix(key, "disposition.") || strings.HasPrefix(key, "direction.") {
			filled[key] = s.T(key)
		}
	}
	encoded, err := json.Marshal(filled)
	if err != nil {
		return "", fmt.Errorf("encode texts: %w", err)
	}
	return string(encoded), nil
}
