package triggerapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// formTypes are the labels under which a body that is no JSON is read as a form; "" is for none.
var formTypes = []string{"", "application/x-www-form-urlencoded", "text/plain"}

// object is a JSON object, each of its values as it stands.
type object map[string]json.RawMessage

// body is a request's body, read.
type body struct {
	object
	// form says that it was a form, which has no way to say an empty object, null, or anything but text.
	form bool
}

// readBody reads a body that is one object. Clients label JSON as a form or not at all, so what a body is, is decided
// by how it begins: with a brace or a bracket it is JSON. Errors: *InvalidError, ErrMediaType.
func readBody(data []byte, contentType string) (body, error) {
	if !utf8.Valid(data) {
		return body{}, malformed("", "The body is no text in UTF-8.")
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return body{}, malformed("", "There is no body.")
	}
	read := body{}
	if data[0] != '{' && data[0] != '[' {
		label := mediaType(contentType)
		switch {
		case label == "application/json" || strings.HasSuffix(label, "+json"):
			return body{}, malformed("", "The body is no JSON object.")
		case !slices.Contains(formTypes, label):
			return body{}, ErrMediaType
		}
		var err error
		if data, err = formJSON(data); err != nil {
			return body{}, err
		}
		read.form = true
	}
	if tooDeep(data) {
		return body{}, malformed("", "Objects and lists are nested more than %d deep.", MaxDepth)
	}
	if err := json.Unmarshal(data, &read.object); err != nil || read.object == nil {
		if json.Valid(data) {
			return body{}, malformed("", "The body is no JSON object.")
		}
		return body{}, malformed("", "The body is no valid JSON.")
	}
	return read, nil
}

// mediaType gives the type of a Content-Type header, without parameters and in lower case.
func mediaType(contentType string) string {
	if label, _, err := mime.ParseMediaType(contentType); err == nil {
		return label
	}
	label, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(label))
}

// tooDeep says whether JSON is nested more than MaxDepth deep. What is no valid JSON may get either answer.
func tooDeep(data []byte) bool {
	depth, text, escaped := 0, false, false
	for _, char := range data {
		switch {
		case escaped:
			escaped = false
		case text:
			text, escaped = char != '"', char == '\\'
		case char == '"':
			text = true
		case char == '{' || char == '[':
			depth++
			if depth > MaxDepth {
				return true
			}
		case char == '}' || char == ']':
			depth--
		}
	}
	return false
}
