package trigger

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// setContactField is set_contact_field; an empty value clears the field.
type setContactField struct {
	key   string
	name  *template
	value *template
}

var (
	errField    = errors.New("is no key of a field: small letters, digits and _, 36 at most")
	errLanguage = errors.New("is no language of ISO 639-3, such as pol")
	errZoneName = errors.New("is no time zone, such as Europe/Warsaw")
	errName     = errors.New("is longer than 64 characters, or empty")

	fieldKey     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,35}$`)
	languageForm = regexp.MustCompile(`^[a-z]{3}$`)
	zoneForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)
)

func newSetContactField(f *form) action {
	a := &setContactField{}
	field, ok := f.inside("field")
	if !ok {
		if _, there := f.take("field"); !there {
			f.wrongf("field", isMissing)
		}
	} else {
		a.key = field.word("key")
		if a.key != "" && !fieldKey.MatchString(a.key) {
			field.wrongf("key", "%q %v", a.key, errField)
		}
		a.name = field.text(keyName, nil)
		field.rest()
	}
	a.value = f.required("value", nil)
	return a
}

type fieldJSON struct {
	Field fieldReferenceJSON `json:"field"`
	Value *textJSON          `json:"value"`
}

type fieldReferenceJSON struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

func (a *setContactField) do(f *firing) error {
	name, err := a.name.fill(f.o)
	if err != nil {
		return err
	}
	if name == "" {
		name = a.key
	}
	value, err := a.value.fill(f.o)
	if err != nil {
		return err
	}
	changed := fieldJSON{Field: fieldReferenceJSON{a.key, name}}
	if value != "" {
		changed.Value = &textJSON{value}
	}
	return f.emit(EventContactFieldChanged, changed)
}

// setContact is set_contact_name, set_contact_language and set_contact_timezone; an empty value clears it.
type setContact struct {
	event string
	key   string
	value *template
}

func newSetContactName(f *form) action {
	return &setContact{EventContactNameChanged, keyName, f.required(keyName, nil)}
}

func newSetContactLanguage(f *form) action {
	return &setContact{EventContactLanguageChanged, "language", f.required("language", language3)}
}

func newSetContactTimezone(f *form) action {
	return &setContact{EventContactTimezoneChanged, "timezone", f.required("timezone", zoneName)}
}

// language3 takes a language, or nothing.
func language3(text string) error {
	if text != "" && !languageForm.MatchString(text) {
		return errLanguage
	}
	return nil
}

// zoneName takes what looks like a time zone, or nothing.
func zoneName(text string) error {
	if text != "" && !zoneForm.MatchString(text) {
		return errZoneName
	}
	return nil
}

func (a *setContact) do(f *firing) error {
	value, err := a.value.fill(f.o)
	if err != nil {
		return err
	}
	return f.emit(a.event, map[string]string{a.key: value})
}

// setContactChannel is set_contact_channel. To goflow the channel is a property of the contact's URNs, so it is these
// that change.
type setContactChannel struct{ channel reference }

func newSetContactChannel(f *form) action {
	a := &setContactChannel{}
	if channel, ok := f.inside("channel"); ok {
		a.channel = channel.reference()
	} else if _, there := f.take("channel"); !there {
		f.wrongf("channel", isMissing)
	}
	return a
}

type urnsJSON struct {
	URNs []string `json:"urns"`
}

func (a *setContactChannel) do(f *firing) error {
	channel, err := a.channel.fill(f.o)
	if err != nil {
		return err
	}
	changed := urnsJSON{}
	for _, urn := range f.o.urns() {
		changed.URNs = append(changed.URNs, urn+"?channel="+channel.UUID)
	}
	if len(changed.URNs) == 0 {
		return errNobody
	}
	return f.emit(EventContactURNsChanged, changed)
}

// addContactURN is add_contact_urn.
type addContactURN struct {
	scheme string
	path   *template
}

func newAddContactURN(f *form) action {
	a := &addContactURN{scheme: f.word("scheme")}
	if a.scheme != "" && !slices.Contains(schemes, a.scheme) {
		f.wrongf("scheme", "%q is no scheme that goflow reads%s", a.scheme, nearest(a.scheme, schemes))
	}
	a.path = f.required("path", func(path string) error {
		if !slices.Contains(schemes, a.scheme) {
			return nil // that was said
		}
		_, err := makeURN(a.scheme, path)
		return err
	})
	return a
}

func (a *addContactURN) do(f *firing) error {
	path, err := a.path.fill(f.o)
	if err != nil {
		return err
	}
	urn, err := makeURN(a.scheme, path)
	if err != nil {
		return err
	}
	changed := urnsJSON{f.o.urns()}
	if !slices.Contains(changed.URNs, urn) {
		changed.URNs = append(changed.URNs, urn)
	}
	return f.emit(EventContactURNsChanged, changed)
}

// changeGroups is add_contact_groups and remove_contact_groups.
type changeGroups struct {
	groups []reference
	remove bool
	all    bool
}

func newAddContactGroups(f *form) action {
	a := &changeGroups{groups: f.references(keyGroups)}
	if len(a.groups) == 0 {
		f.wrongf(keyGroups, "are missing")
	}
	return a
}

func newRemoveContactGroups(f *form) action {
	a := &changeGroups{groups: f.references(keyGroups), remove: true, all: f.flag("all_groups")}
	if (len(a.groups) == 0) != a.all {
		f.wrongf(keyGroups, "are either named, or all of them with all_groups: true")
	}
	return a
}

type groupsJSON struct {
	GroupsAdded   []referenceJSON `json:"groups_added"`
	GroupsRemoved []referenceJSON `json:"groups_removed"`
	// AllGroups is ours: which groups these are, only the flow engine knows.
	AllGroups bool `json:"all_groups,omitempty"`
}

func (a *changeGroups) do(f *firing) error {
	groups, err := fillAll(a.groups, f.o)
	if err != nil {
		return err
	}
	changed := groupsJSON{GroupsAdded: groups, GroupsRemoved: []referenceJSON{}, AllGroups: a.all}
	if a.remove {
		changed.GroupsAdded, changed.GroupsRemoved = changed.GroupsRemoved, changed.GroupsAdded
	}
	return f.emit(EventContactGroupsChanged, changed)
}

// addInputLabels is add_input_labels; the input is the event that the handler fired on.
type addInputLabels struct{ labels []reference }

func newAddInputLabels(f *form) action {
	a := &addInputLabels{f.references("labels")}
	if len(a.labels) == 0 {
		f.wrongf("labels", "are missing")
	}
	return a
}

type labelsJSON struct {
	InputUUID string          `json:"input_uuid"`
	Labels    []referenceJSON `json:"labels"`
}

func (a *addInputLabels) do(f *firing) error {
	labels, err := fillAll(a.labels, f.o)
	if err != nil {
		return err
	}
	return f.emit(EventInputLabelsAdded, labelsJSON{f.o.Event.UUID, labels})
}

// setRunResult is set_run_result; sessions that later actions start read it, too.
type setRunResult struct{ name, value, category *template }

func newSetRunResult(f *form) action {
	return &setRunResult{f.required(keyName, resultName), f.required("value", nil), f.text("category", categoryName)}
}

const maxResultName = 64

// resultName takes what goflow takes for the name of a result.
func resultName(text string) error {
	if resultKey(text) == "" || len([]rune(text)) > maxResultName {
		return errName
	}
	return nil
}

func categoryName(text string) error {
	if len([]rune(text)) > maxResultName {
		return errName
	}
	return nil
}

type resultJSON struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Category string `json:"category"`
	Input    string `json:"input,omitempty"`
	Extra    any    `json:"extra,omitempty"`
}

func (a *setRunResult) do(f *firing) error {
	name, err := a.name.fill(f.o)
	if err != nil {
		return err
	}
	value, err := a.value.fill(f.o)
	if err != nil {
		return err
	}
	category, err := a.category.fill(f.o)
	if err != nil {
		return err
	}
	name, category = strings.TrimSpace(name), strings.TrimSpace(category)
	f.results[resultKey(name)] = f.result(name, value, category)
	return f.emit(EventRunResultChanged, resultJSON{Name: name, Value: value, Category: category})
}
