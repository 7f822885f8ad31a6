package triggerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// reader reads the values of a body and collects what is wrong with them.
type reader struct{ faults []Fault }

func (r *reader) fault(field, message string) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, Fault{field, message})
	}
}

// err gives what was collected.
func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return &InvalidError{Faults: r.faults}
}

// text reads a text of at most limit bytes; "" where there is none.
func (r *reader) text(from object, at, key string, limit int) string {
	raw, ok := from[key]
	if !ok || isNull(raw) {
		return ""
	}
	text, ok := textOf(raw)
	if !ok {
		r.fault(join(at, key), "It is no text.")
		return ""
	}
	if fault := unfit(text, limit); fault != "" {
		r.fault(join(at, key), fault)
		return ""
	}
	return text
}

// required is text for one that must be there, and not be blank.
func (r *reader) required(from object, at, key string, limit int) string {
	before := len(r.faults)
	text := r.text(from, at, key, limit)
	if strings.TrimSpace(text) == "" {
		if len(r.faults) == before {
			r.fault(join(at, key), "It is missing.")
		}
		return ""
	}
	return text
}

// object reads an object, without the white space around its parts; nil where there is none.
func (r *reader) object(from object, at, key string) json.RawMessage {
	raw, ok := from[key]
	if !ok || isNull(raw) {
		return nil
	}
	if raw[0] != '{' {
		r.fault(join(at, key), "It is no object.")
		return nil
	}
	small := compact(raw)
	if len(small) > MaxObject {
		r.fault(join(at, key), fmt.Sprintf("It is longer than %d bytes.", MaxObject))
		return nil
	}
	return small
}

// compact gives valid JSON without the white space around its parts.
func compact(raw json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil {
		return raw // it was decoded before, so it cannot fail
	}
	return buf.Bytes()
}

// list reads a list's elements; ok is false where there is none, or something else.
func listOf(raw json.RawMessage) (elements []json.RawMessage, ok bool) {
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil, false
	}
	return elements, true
}

func objectOf(raw json.RawMessage) (fields object, ok bool) {
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &fields) != nil {
		return nil, false
	}
	return fields, true
}

func textOf(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// unfit says what is wrong with a text that is to be kept, for people; "" for nothing.
func unfit(text string, limit int) string {
	switch {
	case len(text) > limit:
		return "It has more than " + strconv.Itoa(limit) + " bytes."
	case strings.ContainsFunc(text, unicode.IsControl):
		return "It holds a control character."
	}
	return ""
}

// join gives the name of a field inside of another one.
func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// index gives the name of a list's element.
func index(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }
