package trigger

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Handler says what is to happen on an event. Its JSON is the same as a handler's in a file; it hides secrets (see
// [Handler.Encode] for the form that is kept).
type Handler struct {
	// Name is unique in the installation: [a-z0-9][a-z0-9._-]{0,63}.
	Name string `json:"name"`
	// On are the types of events that the handler is for; "*" stands for all of them.
	On []string `json:"on"`
	// Account is the one account that the handler is for; "" is every account.
	Account string `json:"account,omitempty"`
	// Project is the id of the one PBX project that the handler is for; "" is every project, and none.
	Project string `json:"project,omitempty"`
	// When is an expression that has to be true, "" if there is none.
	When string `json:"when,omitempty"`
	// After is how long the actions wait; 0 does them at once.
	After Duration `json:"after,omitempty"`
	// CancelOn are the types of events that call a waiting trigger off.
	CancelOn []string `json:"cancel_on,omitempty"`
	// CancelScope says whose events these are: those of the same call, or those of all calls with the same contact.
	CancelScope Scope `json:"cancel_scope,omitempty"`
	// OncePer says how often the handler may fire; nil is always.
	OncePer *OncePer `json:"once_per,omitempty"`
	// Do are the actions, in order.
	Do []Action `json:"do"`
	// Enabled says whether the handler is evaluated at all.
	Enabled bool `json:"enabled"`
	// Source is where the handler comes from: file or api. It is not part of the definition.
	Source string `json:"-"`

	// lines are the lines of the fields in the text that the handler was read from, by their path.
	lines map[string]int
}

// Scope is what a rule counts by.
type Scope string

// The scopes.
const (
	ScopeCall    Scope = "call"
	ScopeContact Scope = "contact"
)

// OncePer bounds how often a handler fires.
type OncePer struct {
	Scope Scope `json:"scope"`
	// Window is how long the handler stays quiet after it fired; 0 is for ever, which only the scope call allows.
	Window Duration `json:"window,omitempty"`
}

// Action is one of goflow's actions: its type, and the keys that the type has. Text values may hold templates. The
// values are what JSON has: nil, bool, json.Number, string, []any and map[string]any; a secret is a [Secret].
type Action map[string]any

// Type is the action's type, "" if it says none.
func (a Action) Type() string {
	kind, _ := a[keyType].(string)
	return kind
}

// Limits of a definition. They are far from what anybody needs, and keep a slip from becoming a burden.
const (
	maxAfter      = 366 * 24 * time.Hour
	maxWindow     = 366 * 24 * time.Hour
	maxActions    = 50
	maxExpression = 4096     // bytes
	maxTemplate   = 16 << 10 // bytes
)

// The keys that are named in more than one place.
const (
	keyType   = "type"
	keySecret = "secret"
)

// Encode gives the handler's JSON with its secrets, for keeping; [ReadJSON] reads it. The same handler always gives the
// same bytes.
func (h Handler) Encode() ([]byte, error) {
	open := h
	open.Do = make([]Action, 0, len(h.Do))
	for _, action := range h.Do {
		action = maps.Clone(action)
		for key, value := range action {
			if secret, ok := value.(Secret); ok {
				action[key] = secret.Reveal()
			}
		}
		open.Do = append(open.Do, action)
	}
	data, err := json.Marshal(open)
	if err != nil {
		return nil, fmt.Errorf("encode handler %s: %w", h.Name, err)
	}
	return data, nil
}

// KeepSecrets gives the handler with the secrets of an older version wherever it only has what is shown in a secret's
// place: whoever reads a handler, changes it and writes it back leaves its secrets as they are. An action's secret is
// taken over if the older version has an action of the same type and URL at the same place.
func (h Handler) KeepSecrets(older Handler) Handler {
	actions := make([]Action, 0, len(h.Do))
	for i, action := range h.Do {
		shown, ok := action[keySecret].(Secret)
		if ok && shown.Reveal() == redacted && i < len(older.Do) {
			was := older.Do[i]
			if kept, ok := was[keySecret].(Secret); ok && was.Type() == action.Type() && was["url"] == action["url"] {
				action = maps.Clone(action)
				action[keySecret] = kept
			}
		}
		actions = append(actions, action)
	}
	h.Do = actions
	return h
}

// line gives the line of a field, or of the nearest thing around it; 0 if the handler was read from no text.
func (h *Handler) line(path string) int {
	for path != "" {
		if line := h.lines[path]; line > 0 {
			return line
		}
		path = parentPath(path)
	}
	return h.lines[""]
}
