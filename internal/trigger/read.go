package trigger

import (
	"encoding/json"
	"slices"
	"strings"
)

// ReadFile reads the handlers of a YAML file, {handlers: [...]}. It reads strictly: unknown keys, values of the wrong
// kind and names that are there twice are refused. What the values mean is not looked at; [Compile] does that, and
// [LoadFile] does both. Its error is a [*DefinitionError].
func ReadFile(data []byte) ([]Handler, error) {
	handlers, found := readFile(data)
	return handlers, found.err()
}

// ReadJSON reads one handler from JSON, as strictly. Its error is a [*DefinitionError].
func ReadJSON(data []byte) (Handler, error) {
	root, err := parseJSON(data)
	if err != nil {
		return Handler{}, err
	}
	r := &handlerReader{}
	h := r.handler("", &root)
	return h, r.err()
}

// LoadFile reads and compiles the handlers of a YAML file, all or none; its error tells all that is wrong.
func LoadFile(data []byte, env Environment) ([]*Compiled, error) {
	handlers, found := readFile(data)
	compiled := make([]*Compiled, 0, len(handlers))
	for i, h := range handlers {
		c, wrong := compile(h, env, place(keyHandlers, i))
		compiled = append(compiled, c)
		for _, p := range wrong.list {
			if !found.has(p.Field) { // what was said about a field once is enough
				found.list = append(found.list, p)
			}
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return compiled, nil
}

const keyHandlers = "handlers"

func readFile(data []byte) ([]Handler, *problems) {
	root, err := parseYAML(data)
	if err != nil {
		return nil, problemsOf(err)
	}
	r := &handlerReader{}
	if root.kind != object {
		r.addf(root.line, "", "is no mapping with the key %s", keyHandlers)
		return nil, &r.problems
	}
	var handlers []Handler
	named := map[string]int{}
	given := false
	for i := range root.members {
		m := &root.members[i]
		if m.name != keyHandlers {
			r.addf(m.line, m.name, "is no key of a file of handlers%s", nearest(m.name, []string{keyHandlers}))
			continue
		}
		given = true
		if m.value.kind != list && (m.value.kind != single || m.value.value != nil) {
			r.addf(m.line, keyHandlers, "is %s, not a list", m.value.is())
		}
		for j := range m.value.list {
			path := place(keyHandlers, j)
			h := r.handler(path, &m.value.list[j])
			if first, twice := named[h.Name]; twice && h.Name != "" {
				r.addf(h.line(keyName), key(path, keyName), "%q is the name of handlers[%d], too", h.Name, first)
			} else {
				named[h.Name] = j
			}
			handlers = append(handlers, h)
		}
	}
	if !given {
		r.addf(root.line, keyHandlers, "is missing; a file without handlers says handlers: []")
	}
	return handlers, &r.problems
}

// The keys of a handler.
const (
	keyName        = "name"
	keyOn          = "on"
	keyAccount     = "account"
	keyProject     = "project"
	keyWhen        = "when"
	keyAfter       = "after"
	keyCancelOn    = "cancel_on"
	keyCancelScope = "cancel_scope"
	keyOncePer     = "once_per"
	keyScope       = "scope"
	keyWindow      = "window"
	keyDo          = "do"
	keyEnabled     = "enabled"
)

var handlerKeys = []string{
	keyName, keyOn, keyAccount, keyProject, keyWhen, keyAfter, keyCancelOn, keyCancelScope, keyOncePer, keyDo, keyEnabled,
}

// handlerReader makes handlers of nodes.
type handlerReader struct {
	problems

	path  string // of the handler that is being read
	lines map[string]int
}

// wrong tells of a problem with a field of the handler that is being read.
func (r *handlerReader) wrongf(line int, field, format string, args ...any) {
	r.addf(line, key(r.path, field), format, args...)
}

func (r *handlerReader) handler(path string, n *node) Handler {
	r.path, r.lines = path, map[string]int{"": n.line}
	h := Handler{Enabled: true, lines: r.lines}
	if n.kind != object {
		r.addf(n.line, path, "is %s, not a mapping", n.is())
		return h
	}
	for i := range n.members {
		m := &n.members[i]
		r.lines[m.name] = m.line
		r.field(&h, m)
	}
	return h
}

func (r *handlerReader) field(h *Handler, m *member) {
	switch m.name {
	case keyName:
		h.Name = r.text(m)
	case keyOn:
		h.On = r.texts(m)
	case keyAccount:
		h.Account = r.text(m)
	case keyProject:
		h.Project = r.identifier(m)
	case keyWhen:
		h.When = r.text(m)
	case keyAfter:
		h.After = r.duration(m.name, &m.value)
	case keyCancelOn:
		h.CancelOn = r.texts(m)
	case keyCancelScope:
		h.CancelScope = Scope(r.text(m))
	case keyOncePer:
		h.OncePer = r.oncePer(m)
	case keyDo:
		h.Do = r.actions(m)
	case keyEnabled:
		if enabled, ok := m.value.value.(bool); ok {
			h.Enabled = enabled
		} else {
			r.wrongf(m.line, m.name, "is %s, not true or false", m.value.is())
		}
	default:
		r.wrongf(m.line, m.name, "is no key of a handler%s", nearest(m.name, handlerKeys))
	}
}

func (r *handlerReader) text(m *member) string {
	text, ok := m.value.value.(string)
	switch {
	case ok:
	case m.value.kind == single && m.value.value != nil:
		r.wrongf(m.line, m.name, "is %s, not a text: write it in quotes", m.value.is())
	default:
		r.wrongf(m.line, m.name, "is %s, not a text", m.value.is())
	}
	return text
}

// identifier reads an id of the PBX, which may be a number or a text.
func (r *handlerReader) identifier(m *member) string {
	if number, ok := m.value.value.(json.Number); ok {
		return number.String()
	}
	return r.text(m)
}

// texts reads a list of texts, or a single one.
func (r *handlerReader) texts(m *member) []string {
	if m.value.kind != list {
		if text := r.text(m); text != "" {
			return []string{text}
		}
		return nil
	}
	texts := make([]string, 0, len(m.value.list))
	for i := range m.value.list {
		n := m.value.list[i]
		r.lines[place(m.name, i)] = n.line
		texts = append(texts, r.text(&member{place(m.name, i), n.line, n}))
	}
	return texts
}

func (r *handlerReader) duration(field string, n *node) Duration {
	text, ok := n.value.(string)
	if !ok {
		r.wrongf(n.line, field, "is %s, not a duration, such as \"5m\"", n.is())
		return 0
	}
	d, err := ParseDuration(text)
	if err != nil {
		r.wrongf(n.line, field, "%q %v", text, err)
	}
	return d
}

func (r *handlerReader) oncePer(m *member) *OncePer {
	if m.value.kind != object {
		r.wrongf(m.line, m.name, "is %s, not a mapping of %s and %s", m.value.is(), keyScope, keyWindow)
		return nil
	}
	var once OncePer
	for i := range m.value.members {
		rule := &m.value.members[i]
		path := key(m.name, rule.name)
		r.lines[path] = rule.line
		switch rule.name {
		case keyScope:
			once.Scope = Scope(r.text(&member{path, rule.line, rule.value}))
		case keyWindow:
			once.Window = r.duration(path, &rule.value)
		default:
			r.wrongf(rule.line, path, "is neither %s nor %s", keyScope, keyWindow)
		}
	}
	return &once
}

func (r *handlerReader) actions(m *member) []Action {
	if m.value.kind != list {
		r.wrongf(m.line, m.name, "is %s, not a list of actions", m.value.is())
		return nil
	}
	actions := make([]Action, 0, len(m.value.list))
	for i := range m.value.list {
		n := &m.value.list[i]
		path := place(m.name, i)
		values, ok := n.plain(path, r.lines).(map[string]any)
		if !ok {
			r.wrongf(n.line, path, "is %s, not a mapping", n.is())
		}
		if secret, ok := values[keySecret].(string); ok {
			values[keySecret] = NewSecret(secret)
		}
		actions = append(actions, Action(values))
	}
	return actions
}

// has says whether something was said about a field, about one in it, or about one that it is in.
func (p *problems) has(field string) bool {
	return slices.ContainsFunc(p.list, func(known Problem) bool {
		return inside(known.Field, field) || known.Field != "" && inside(field, known.Field)
	})
}

// inside says whether a path is another one, or leads into it.
func inside(path, whole string) bool {
	rest, ok := strings.CutPrefix(path, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
