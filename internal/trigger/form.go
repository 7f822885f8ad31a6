package trigger

import (
	"errors"
	"slices"
	"strings"

	"webhookd/internal/dialog"
)

// form reads the keys of one action. It tells of every key that is missing, wrong or not known.
type form struct {
	checker *checker
	path    string // of the action: do[0]
	values  map[string]any
	used    map[string]bool
}

func (f *form) wrongf(field, format string, args ...any) {
	f.checker.wrongf(key(f.path, field), format, args...)
}

// take gives a key's value; null is as if it were not there.
func (f *form) take(field string) (value any, there bool) {
	f.used[field] = true
	value = f.values[field]
	return value, value != nil
}

// any says whether there is more than nothing under one of these keys, be it right or wrong.
func (f *form) any(fields ...string) bool {
	return slices.ContainsFunc(fields, func(field string) bool {
		values, isList := f.values[field].([]any)
		return f.values[field] != nil && (!isList || len(values) > 0)
	})
}

// rest tells of keys that nobody asked for.
func (f *form) rest() {
	known := sortedNames(f.used)
	for _, field := range sortedNames(f.values) {
		if !f.used[field] {
			f.wrongf(field, "is no key of %s%s", f.name(), nearest(field, known))
		}
	}
}

func (f *form) name() string {
	if kind, ok := f.values[keyType].(string); ok {
		return kind
	}
	return "this"
}

// inside is the form of an object in this one.
func (f *form) inside(field string) (*form, bool) {
	value, there := f.take(field)
	values, ok := value.(map[string]any)
	if there && !ok {
		f.wrongf(field, "is no mapping")
	}
	return &form{checker: f.checker, path: key(f.path, field), values: values, used: map[string]bool{}}, ok
}

const isMissing = "is missing"

// word is a text that has to be there and holds no expression.
func (f *form) word(field string) string {
	value, there := f.take(field)
	text, ok := value.(string)
	switch {
	case !there:
		f.wrongf(field, isMissing)
	case !ok:
		f.wrongf(field, "is no text")
	case text == "":
		f.wrongf(field, "is empty")
	case strings.Contains(text, "${"):
		f.wrongf(field, "cannot hold an expression")
		return ""
	}
	return text
}

// flag is true or false; false if it is not there.
func (f *form) flag(field string) bool {
	value, there := f.take(field)
	set, ok := value.(bool)
	if there && !ok {
		f.wrongf(field, "is neither true nor false")
	}
	return set
}

// text is a template; nil if it is not there.
func (f *form) text(field string, check func(string) error) *template {
	value, there := f.take(field)
	if !there {
		return nil
	}
	return f.template(field, value, check)
}

// required is a template that has to be there.
func (f *form) required(field string, check func(string) error) *template {
	if _, there := f.take(field); !there {
		f.wrongf(field, isMissing)
		return nil
	}
	return f.text(field, check)
}

func (f *form) template(field string, value any, check func(string) error) *template {
	text, ok := value.(string)
	if !ok {
		f.wrongf(field, "is no text: write it in quotes")
		return nil
	}
	t, err := parseTemplate(text)
	if err != nil {
		f.wrongf(field, "%v", err)
		return nil
	}
	t.check = check
	if constant, ok := t.constant(); ok && check != nil {
		if wrong := check(constant); wrong != nil {
			f.wrongf(field, "%q %v", constant, wrong)
		}
	}
	return t
}

// texts is a list of templates; a single text is a list of one.
func (f *form) texts(field string, check func(string) error) []*template {
	value, there := f.take(field)
	if !there {
		return nil
	}
	values, ok := value.([]any)
	if !ok {
		return []*template{f.template(field, value, check)}
	}
	templates := make([]*template, 0, len(values))
	for i, value := range values {
		templates = append(templates, f.template(place(field, i), value, check))
	}
	return templates
}

// items are the objects of a list.
func (f *form) items(field string) []*form {
	value, there := f.take(field)
	values, ok := value.([]any)
	if there && !ok {
		f.wrongf(field, "is no list")
	}
	forms := make([]*form, 0, len(values))
	for i, value := range values {
		object, ok := value.(map[string]any)
		if !ok {
			f.wrongf(place(field, i), "is no mapping of uuid and name")
			continue
		}
		path := key(f.path, place(field, i))
		forms = append(forms, &form{checker: f.checker, path: path, values: object, used: map[string]bool{}})
	}
	return forms
}

const keyUUID = "uuid"

// uuid is the action's own id, which goflow gives every action; it need not be there.
func (f *form) uuid() {
	if value, there := f.take(keyUUID); there {
		if text, ok := value.(string); !ok || realUUID(text) != nil {
			f.wrongf(keyUUID, "%v", errUUID)
		}
	}
}

var (
	errUUID  = errors.New("is no UUID, such as b7cf0d83-f1c9-411c-96fd-c511a4cfa86d")
	errEmpty = errors.New("is empty")
)

// realUUID takes what goflow takes for a UUID.
func realUUID(text string) error {
	if id, ok := dialog.ParseUUID(text); !ok || strings.Trim(id, "0-") == "" {
		return errUUID
	}
	return nil
}

func notEmpty(text string) error {
	if strings.TrimSpace(text) == "" {
		return errEmpty
	}
	return nil
}

// reference is goflow's reference to something that it has: a flow, contact, group, label or channel.
type reference struct{ uuid, name *template }

// referenceJSON is a reference in an event.
type referenceJSON struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// reference reads {uuid, name}.
func (f *form) reference() reference {
	r := reference{uuid: f.required(keyUUID, realUUID), name: f.text(keyName, nil)}
	f.rest()
	return r
}

func (f *form) references(field string) []reference {
	forms := f.items(field)
	references := make([]reference, 0, len(forms))
	for _, inner := range forms {
		references = append(references, inner.reference())
	}
	return references
}

func (r reference) fill(o *Occasion) (referenceJSON, error) {
	text, err := r.uuid.fill(o)
	if err != nil {
		return referenceJSON{}, err
	}
	id, _ := dialog.ParseUUID(text)
	name, err := r.name.fill(o)
	return referenceJSON{id, name}, err
}

// fillAll fills references; it never gives nil, which would be null in JSON.
func fillAll(references []reference, o *Occasion) ([]referenceJSON, error) {
	filled := make([]referenceJSON, 0, len(references))
	for _, r := range references {
		one, err := r.fill(o)
		if err != nil {
			return nil, err
		}
		filled = append(filled, one)
	}
	return filled, nil
}

// fillTexts fills templates, trims what comes out and leaves out what is empty; it never gives nil.
func fillTexts(templates []*template, o *Occasion) ([]string, error) {
	texts := make([]string, 0, len(templates))
	for _, t := range templates {
		text, err := t.fill(o)
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// flowReference is a flow: {uuid, name}, or the name of one that configuration names.
type flowReference struct {
	reference

	name  *template // of a flow that configuration names; nil if it is a reference
	flows map[string]string
}

const keyFlow = "flow"

func (f *form) flow() flowReference {
	value, there := f.take(keyFlow)
	r := flowReference{flows: f.checker.env.Flows}
	if !there {
		f.wrongf(keyFlow, isMissing)
		return r
	}
	if _, ok := value.(string); ok {
		r.name = f.template(keyFlow, value, r.named)
		return r
	}
	if inner, ok := f.inside(keyFlow); ok {
		r.reference = inner.reference()
	}
	return r
}

var errNoFlow = errors.New("is no flow that configuration names")

func (r flowReference) named(name string) error {
	if id, ok := r.flows[name]; !ok || realUUID(id) != nil {
		return errNoFlow
	}
	return nil
}

func (r flowReference) fill(o *Occasion) (referenceJSON, error) {
	if r.name == nil {
		return r.reference.fill(o)
	}
	name, err := r.name.fill(o)
	id, _ := dialog.ParseUUID(r.flows[name])
	return referenceJSON{id, name}, err
}
