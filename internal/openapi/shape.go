package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Word is a part of what says in words what a value may be; Schema is the schema that it leads to, "" for none.
type Word struct{ Text, Schema string }

// Field is one key of an object, or of an object or a list in it: external.number, legs[].state.
type Field struct {
	Name        string
	Required    bool // it is always there
	Description Prose
	Shape       []Word
}

// Spaced says whether a word stands apart from the one before it.
func (w Word) Spaced() bool { return !strings.HasPrefix(w.Text, ",") }

// named says whether a schema has parts of its own, so that it is explained by itself and led to. The others, such as a
// time, are said where they are used.
func (r reader) named(schema map[string]any) bool {
	if len(object(schema["properties"])) > 0 {
		return true
	}
	return slices.ContainsFunc(list(schema["oneOf"]), func(one any) bool {
		target := r.follow("schemas", one)
		return len(object(target["properties"])) > 0
	})
}

// shape says what a value may be.
func (r reader) shape(schema map[string]any) []Word {
	if ref := text(schema["$ref"]); ref != "" {
		target, name := r.follow("schemas", schema), ref[strings.LastIndexByte(ref, '/')+1:]
		switch {
		case r.named(target):
			return []Word{{Text: name, Schema: name}}
		case name == "uuid": // its pattern says less
			return []Word{{Text: name}}
		}
		return r.shape(target)
	}
	if choices := list(schema["oneOf"]); len(choices) > 0 {
		return r.either(choices)
	}
	switch kind := schema["type"].(type) {
	case []any:
		return []Word{{Text: strings.ReplaceAll(strings.Join(texts(kind), " or "), "string", "text")}}
	case string:
		if kind == "array" {
			return append([]Word{{Text: "list of"}}, append(r.shape(object(schema["items"])), bounds(schema, "Items", "entries")...)...)
		}
		return scalar(kind, schema)
	}
	return scalar("", schema)
}

// either says that a value is one of several.
func (r reader) either(choices []any) []Word {
	var all []Word
	for _, one := range choices {
		if len(all) > 0 {
			all = append(all, Word{Text: "or"})
		}
		all = append(all, r.shape(object(one))...)
	}
	return all
}

func texts(values []any) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = fmt.Sprint(value)
	}
	return all
}

// kinds are the types as people call them.
var kinds = map[string]string{"string": "text", "integer": "whole number", "boolean": "true or false", "": "anything"}

// scalar says what a value without parts may be.
func scalar(kind string, schema map[string]any) []Word {
	if value, there := schema["const"]; there {
		return []Word{{Text: fmt.Sprint(value)}}
	}
	var words []Word
	switch allowed := texts(list(schema["enum"])); {
	case len(allowed) > 0:
		words = append(words, Word{Text: strings.Join(allowed, " | ")})
	case text(schema["format"]) != "":
		words = append(words, Word{Text: strings.ReplaceAll(text(schema["format"]), "-", " ")})
	case kinds[kind] != "":
		words = append(words, Word{Text: kinds[kind]})
	default:
		words = append(words, Word{Text: kind})
	}
	if pattern := text(schema["pattern"]); pattern != "" {
		words = append(words, Word{Text: ", " + pattern})
	}
	words = append(words, bounds(schema, "Length", "characters")...)
	least, hasLeast := schema["minimum"]
	most, hasMost := schema["maximum"]
	switch {
	case hasLeast && hasMost:
		words = append(words, Word{Text: fmt.Sprintf("%v to %v", least, most)})
	case hasLeast:
		words = append(words, Word{Text: fmt.Sprintf("from %v", least)})
	}
	if otherwise, there := schema["default"]; there {
		words = append(words, Word{Text: ", " + shown(otherwise) + " if not given"})
	}
	return words
}

// bounds says how long a text or a list may be.
func bounds(schema map[string]any, what, unit string) []Word {
	least, most := schema["min"+what], schema["max"+what]
	switch {
	case most == nil:
		return nil // that something is there at all goes without saying
	case least == nil:
		return []Word{{Text: fmt.Sprintf(", up to %v %s", most, unit)}}
	}
	return []Word{{Text: fmt.Sprintf(", %v to %v %s", least, most, unit)}}
}

// shapeOfParts says what a schema may be that has no keys itself.
func (r reader) shapeOfParts(schema map[string]any) []Word {
	if len(object(schema["properties"])) > 0 {
		return nil
	}
	return r.shape(schema)
}

// fields lists the keys of an object, and of the unnamed objects in it.
func (r reader) fields(schema map[string]any) []Field { return r.fieldsBelow("", schema) }

func (r reader) fieldsBelow(prefix string, schema map[string]any) []Field {
	properties := object(schema["properties"])
	all := make([]Field, 0, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property := object(properties[name])
		all = append(all, Field{
			Name: prefix + name, Required: slices.Contains(list(schema["required"]), any(name)),
			Description: proseOf(text(property["description"])), Shape: r.shape(property),
		})
		all = append(all, r.within(prefix+name, property)...)
	}
	if len(properties) == 0 && prefix == "" {
		return r.within("", schema)
	}
	return all
}

// within lists the keys of the unnamed objects that a value is or holds.
func (r reader) within(name string, schema map[string]any) []Field {
	switch {
	case len(object(schema["properties"])) > 0 && name != "":
		return r.fieldsBelow(name+".", schema)
	case schema["items"] != nil:
		return r.within(name+"[]", object(schema["items"]))
	}
	var all []Field
	for _, one := range list(schema["oneOf"]) {
		all = append(all, r.within(name, object(one))...)
	}
	return all
}
