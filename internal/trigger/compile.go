package trigger

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/expr-lang/expr"
)

// Environment is what configuration names and handlers may refer to.
type Environment struct {
	// Flows are the uuids of flows by their names.
	Flows map[string]string
	// Resthooks are the URLs that a resthook's events are sent to, by its slug.
	Resthooks map[string][]string
}

// Compiled is a handler that was checked, ready to be evaluated. It never changes, and may be used by any number of
// goroutines at once.
type Compiled struct {
	handler Handler
	when    *program // nil if there is no condition
	actions []action
	uuid    string // stands for the handler where goflow wants a flow, and a node of it
}

// Handler gives the definition, with its defaults filled in.
func (c *Compiled) Handler() Handler { return c.handler }

// Secret gives the secret that the requests of an action (from 1) are signed with, "" if there is none.
func (c *Compiled) Secret(action int) Secret {
	if action < 1 || action > len(c.handler.Do) {
		return Secret{}
	}
	secret, _ := c.handler.Do[action-1][keySecret].(Secret)
	return secret
}

// Compile checks all of a definition and makes it ready to be evaluated. Its error is a [*DefinitionError] with all that
// is wrong.
func Compile(h Handler, env Environment) (*Compiled, error) {
	compiled, wrong := compile(h, env, "")
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return compiled, nil
}

func compile(h Handler, env Environment, path string) (*Compiled, *problems) {
	c := &checker{handler: &h, env: env, path: path}
	c.names()
	c.events()
	c.times()
	compiled := &Compiled{uuid: handlerUUID(h.Name)}
	if h.When != "" {
		var err error
		if compiled.when, err = compileProgram(h.When, expr.AsBool()); err != nil {
			c.wrongf(keyWhen, "%v", err)
		}
	}
	compiled.actions = c.compileActions()
	compiled.handler = h
	return compiled, &c.problems
}

// ForFlow gives a handler that does nothing but start a flow that configuration names, for whoever asks for the flow by
// its name; nil if there is no such flow.
func ForFlow(name string, env Environment) *Compiled {
	h := Handler{Name: name, Do: []Action{{keyType: "start_session", keyFlow: name}}, Enabled: true}
	if (flowReference{flows: env.Flows}).named(name) != nil {
		return nil
	}
	c := &checker{handler: &h, env: env}
	actions := c.compileActions()
	if c.err() != nil {
		return nil // a name that reads as an expression
	}
	return &Compiled{handler: h, uuid: handlerUUID(name), actions: actions}
}

// checker checks one handler.
type checker struct {
	problems

	handler *Handler
	env     Environment
	path    string // of the handler in its file
}

// wrong tells of a problem with a field of the handler.
func (c *checker) wrongf(field, format string, args ...any) {
	full := field
	if c.path != "" {
		full = key(c.path, field)
	}
	c.addf(c.handler.line(field), full, format, args...)
}

// handlerName is what a handler may be called: it becomes part of URLs and of the names that ids are made of.
var handlerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// maxText bounds account and project.
const maxText = 200

func (c *checker) names() {
	switch h := c.handler; {
	case h.Name == "":
		c.wrongf(keyName, "is missing")
	case !handlerName.MatchString(h.Name):
		c.wrongf(keyName, "%q is no name: small letters and digits, and after the first one also . _ -, 64 at most", h.Name)
	}
	if len(c.handler.Account) > maxText {
		c.wrongf(keyAccount, "is longer than %d bytes", maxText)
	}
	if len(c.handler.Project) > maxText {
		c.wrongf(keyProject, "is longer than %d bytes", maxText)
	}
}

func (c *checker) events() {
	h := c.handler
	if len(h.On) == 0 {
		c.wrongf(keyOn, `is missing: the types of events that the handler is for, or "*"`)
	}
	c.types(keyOn, h.On, true)
	c.types(keyCancelOn, h.CancelOn, false)
	switch {
	case h.CancelScope != "" && h.CancelScope != ScopeCall && h.CancelScope != ScopeContact:
		c.wrongf(keyCancelScope, "%q is neither %s nor %s", h.CancelScope, ScopeCall, ScopeContact)
	case h.CancelScope != "" && len(h.CancelOn) == 0:
		c.wrongf(keyCancelScope, "means nothing without %s", keyCancelOn)
	case h.CancelScope == "" && len(h.CancelOn) > 0:
		h.CancelScope = ScopeCall
	}
}

func (c *checker) types(field string, types []string, every bool) {
	for i, kind := range types {
		at := place(field, i)
		switch {
		case kind == Every && every:
			if len(types) > 1 {
				c.wrongf(at, "%q is all types; there can be no other one beside it", Every)
			}
		case kind == Every:
			c.wrongf(at, "%q is not possible here: name the types", Every)
		case kind == TypeAPI && every: // asked for by name only
		case !knownTypes[kind]:
			c.wrongf(at, "%q is no type of event%s", kind, nearest(kind, EventTypes()))
		case slices.Contains(types[:i], kind):
			c.wrongf(at, "%q is there twice", kind)
		}
	}
}

func (c *checker) times() {
	h := c.handler
	switch after := time.Duration(h.After); {
	case after < 0:
		c.wrongf(keyAfter, "is negative")
	case after > maxAfter:
		c.wrongf(keyAfter, "is longer than %s", Duration(maxAfter))
	case after == 0 && len(h.CancelOn) > 0:
		c.wrongf(keyCancelOn, "means nothing without %s: what is done at once cannot be called off", keyAfter)
	}
	if h.OncePer == nil {
		return
	}
	scope, window := h.OncePer.Scope, time.Duration(h.OncePer.Window)
	field := key(keyOncePer, keyWindow)
	switch scope {
	case ScopeCall, ScopeContact:
	case "":
		c.wrongf(key(keyOncePer, keyScope), "is missing: %s or %s", ScopeCall, ScopeContact)
	default:
		c.wrongf(key(keyOncePer, keyScope), "%q is neither %s nor %s", scope, ScopeCall, ScopeContact)
	}
	switch {
	case window < 0:
		c.wrongf(field, "is negative")
	case window > maxWindow:
		c.wrongf(field, "is longer than %s", Duration(maxWindow))
	case window == 0 && scope == ScopeContact:
		c.wrongf(field, "is missing: a contact comes again, so say how long the handler is to stay quiet")
	}
}

func (c *checker) compileActions() []action {
	h := c.handler
	switch {
	case len(h.Do) == 0:
		c.wrongf(keyDo, "is missing: a handler does something")
	case len(h.Do) > maxActions:
		c.wrongf(keyDo, "are more than %d actions", maxActions)
	}
	actions := make([]action, 0, len(h.Do))
	for i, values := range h.Do {
		f := &form{checker: c, path: place(keyDo, i), values: values, used: map[string]bool{}}
		kind := f.word(keyType)
		read, known := actionForms[kind]
		if !known {
			if kind != "" {
				f.wrongf(keyType, "%q is no type of action%s", kind, nearest(kind, ActionTypes()))
			}
			continue
		}
		f.uuid()
		actions = append(actions, read(f))
		f.rest()
	}
	return actions
}

// Wants says whether a handler's project and condition hold for an occasion; its types and account are for [Set.Match].
// The error is that of a condition that could not be evaluated.
func (c *Compiled) Wants(o *Occasion) (bool, error) {
	if c.handler.Project != "" && (o.Call == nil || o.Call.Project.ID.Text() != c.handler.Project) {
		return false, nil
	}
	if c.when == nil {
		return true, nil
	}
	result, err := c.when.run(o)
	if err != nil {
		return false, fmt.Errorf("handler %s, when: %w", c.handler.Name, err)
	}
	wanted, _ := result.(bool) // the program sees to it: nothing is false, and any other value an error
	return wanted, nil
}

// sortedNames gives the keys of a map, for telling them.
func sortedNames[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
