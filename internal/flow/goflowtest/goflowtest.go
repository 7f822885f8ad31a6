// Package goflowtest is, for tests, what a flow engine demands of an event: the rules of goflow's events and of Vumi's
// dispatcher, applied to the body of a published message. It knows nothing of how the events are made, so that it can
// judge them. Only tests may import it.
package goflowtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Check says what a flow engine would refuse in the body of a message; nil if it takes it.
func Check(body []byte) error {
	var values map[string]any
	if err := json.Unmarshal(body, &values); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	o := &object{values: values, found: &findings{}}
	o.uuid("uuid")
	o.time("created_on")
	o.absent("step_uuid")
	kind := o.text("type")
	if own := o.text("event_type"); own != kind {
		o.faultf("event_type", "is %q, but type is %q", own, kind)
	}
	o.filled("account_key")
	o.word("conversation_type", "pbx_project")
	o.text("conversation_key")
	o.data()
	rule, known := rules[kind]
	if !known {
		o.faultf("type", "%q is not known", kind)
		return errors.Join(o.found.faults...)
	}
	rule(o)
	return errors.Join(o.found.faults...)
}

// Types gives every type that Check knows, sorted.
func Types() []string { return slices.Sorted(maps.Keys(rules)) }

// findings collects what is wrong.
type findings struct{ faults []error }

// object is a JSON object of the body.
type object struct {
	values map[string]any
	path   string
	found  *findings
}

func (o *object) faultf(key, format string, args ...any) {
	o.found.faults = append(o.found.faults, errors.New(o.path+key+" "+fmt.Sprintf(format, args...)))
}

func (o *object) has(key string) bool {
	_, there := o.values[key]
	return there
}

// get gives a value that has to be there.
func (o *object) get(key string) any {
	value, there := o.values[key]
	if !there {
		o.faultf(key, "is missing")
	}
	return value
}

func (o *object) absent(key string) {
	if o.has(key) {
		o.faultf(key, "must not be there")
	}
}

func (o *object) text(key string) string {
	value := o.get(key)
	text, ok := value.(string)
	if !ok && o.has(key) {
		o.faultf(key, "is no text")
	}
	return text
}

func (o *object) filled(key string) string {
	text := o.text(key)
	if text == "" && o.has(key) {
		o.faultf(key, "is empty")
	}
	return text
}

func (o *object) word(key string, words ...string) {
	if text := o.text(key); !slices.Contains(words, text) {
		o.faultf(key, "is %q, none of %s", text, strings.Join(words, ", "))
	}
}

// realUUID is goflow's form of a UUID, of any version; the nil UUID is nobody's.
var realUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func (o *object) uuid(key string) {
	if text := o.text(key); !realUUID.MatchString(text) || strings.Trim(text, "0-") == "" {
		o.faultf(key, "is %q, no real UUID", text)
	}
}

// zoned is RFC 3339 with a zone.
func (o *object) time(key string) {
	if _, err := time.Parse(time.RFC3339Nano, o.text(key)); err != nil {
		o.faultf(key, "is no time of RFC 3339 with a zone")
	}
}

func (o *object) flag(key string) {
	if _, ok := o.get(key).(bool); !ok {
		o.faultf(key, "is neither true nor false")
	}
}

// count is a whole number that is not less than least.
func (o *object) count(key string, least float64) {
	number, ok := o.get(key).(float64)
	if !ok || number != math.Trunc(number) || number < least {
		o.faultf(key, "is no whole number of at least %v", least)
	}
}

func (o *object) object(key string) *object {
	values, ok := o.get(key).(map[string]any)
	if !ok {
		if o.has(key) {
			o.faultf(key, "is no object")
		}
		return nil
	}
	return &object{values: values, path: o.path + key + ".", found: o.found}
}

// list gives the elements of a list that has to be there.
func (o *object) list(key string) []any {
	values, ok := o.get(key).([]any)
	if !ok && o.has(key) {
		o.faultf(key, "is no list")
	}
	return values
}

// texts is a list of texts that are not empty, each of which is looked at.
func (o *object) texts(key string, look func(string) error) int {
	list := o.list(key)
	for i, value := range list {
		text, ok := value.(string)
		if !ok || text == "" {
			o.faultf(fmt.Sprintf("%s[%d]", key, i), "is no text, or an empty one")
			continue
		}
		if look == nil {
			continue
		}
		if err := look(text); err != nil {
			o.faultf(fmt.Sprintf("%s[%d]", key, i), "%q %v", text, err)
		}
	}
	return len(list)
}

// reference is {uuid, name}.
func (o *object) reference(key string) {
	if r := o.object(key); r != nil {
		r.uuid("uuid")
		r.text("name")
	}
}

// references is a list of {uuid, name}.
func (o *object) references(key string) int {
	list := o.list(key)
	for i, value := range list {
		values, ok := value.(map[string]any)
		if !ok {
			o.faultf(fmt.Sprintf("%s[%d]", key, i), "is no object")
			continue
		}
		r := &object{values: values, path: fmt.Sprintf("%s%s[%d].", o.path, key, i), found: o.found}
		r.uuid("uuid")
		r.text("name")
	}
	return len(list)
}

func (o *object) urn(key string) {
	if err := urn(o.text(key)); err != nil {
		o.faultf(key, "%v", err)
	}
}

var (
	errURN = errors.New("is no URN that goflow reads")

	urnForm = regexp.MustCompile(`^([a-z]+):([^\s?#]+)(\?[^\s#]*)?(#\S*)?$`)
	// telPath is E.164, or a short code or sender id.
	telPath   = regexp.MustCompile(`^(\+\d{7,15}|[a-z0-9]{1,64})$`)
	mailPath  = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
	digitPath = regexp.MustCompile(`^\d+$`)

	// schemes are those that goflow reads; of some it checks the path.
	schemes = map[string]*regexp.Regexp{
		"bsuid": nil, "ext": nil, "facebook": nil, "fcm": nil, "freshchat": nil, "instagram": digitPath,
		"jiochat": digitPath, "line": nil, "mailto": mailPath, "rocketchat": nil, "slack": nil, "tel": telPath,
		"telegram": digitPath, "twitter": nil, "twitterid": digitPath, "viber": nil, "vk": nil, "webchat": nil,
		"wechat": nil, "whatsapp": nil,
	}
)

func urn(text string) error {
	parts := urnForm.FindStringSubmatch(text)
	if parts == nil {
		return errURN
	}
	path, known := schemes[parts[1]]
	if !known || path != nil && !path.MatchString(parts[2]) {
		return errURN
	}
	return nil
}
