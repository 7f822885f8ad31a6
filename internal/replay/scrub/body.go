package scrub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"webhookd/internal/dialog"
)

// replaced stands where something was that is not kept.
const replaced = "scrubbed"

// oneWord is what the PBX's own words look like. Anything else in such a member may be somebody's words.
var oneWord = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9_]{0,63}\s*$`)

// mostDigits is how many digits a word of the PBX may have. More may be a number with something before it.
const mostDigits = 4

// ownWord says whether a text is one of the PBX's own words, or can be one that is new.
func ownWord(text string) bool {
	digits := 0
	for _, character := range text {
		if '0' <= character && character <= '9' {
			digits++
		}
	}
	return digits <= mostDigits && oneWord.MatchString(text)
}

var fewDigits = regexp.MustCompile(`^\s*\d{1,4}\s*$`)

// pseudonym gives what stands for a text of a kind.
type pseudonym func(k kind, text string) string

// body gives a webhook's body with pseudonyms. What is no JSON object is nobody's webhook, and nothing of it is kept.
func body(original []byte, of pseudonym) []byte {
	trimmed := bytes.TrimSpace(original)
	if !json.Valid(trimmed) || len(trimmed) == 0 {
		return []byte(replaced + ": not JSON")
	}
	if trimmed[0] != '{' {
		return []byte(`["` + replaced + `: not an object"]`)
	}
	w := writer{decoder: json.NewDecoder(bytes.NewReader(trimmed)), of: of}
	w.decoder.UseNumber()
	if err := w.object(""); err != nil {
		return []byte(replaced + ": not JSON") // not reached: it is valid
	}
	return w.out
}

// writer writes a body anew, member by member.
type writer struct {
	decoder *json.Decoder
	of      pseudonym
	out     []byte
}

// object writes the object that comes next, with the members that are known.
func (w *writer) object(name string) error {
	if _, err := w.decoder.Token(); err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	w.out = append(w.out, '{')
	first := true
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return fmt.Errorf("read key: %w", err)
		}
		key, ok := token.(string)
		if !ok {
			return errors.New("read key: not a text")
		}
		var value json.RawMessage
		if err := w.decoder.Decode(&value); err != nil {
			return fmt.Errorf("read value: %w", err)
		}
		k := kindOf(name, key)
		if k == unknown {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.text(key)
		w.out = append(w.out, ':')
		if err := w.value(k, key, value); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// value writes a member's value. One of another type than it should have stays of that type, for such a member counts as
// absent.
func (w *writer) value(k kind, key string, value json.RawMessage) error {
	switch value[0] {
	case 'n', 't', 'f':
		w.out = append(w.out, value...)
	case '{':
		if k != object {
			w.out = append(w.out, "{}"...)
			return nil
		}
		inner := writer{decoder: json.NewDecoder(bytes.NewReader(value)), of: w.of, out: w.out}
		inner.decoder.UseNumber()
		err := inner.object(key)
		w.out = inner.out
		return err
	case '[':
		w.list(k, value)
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return fmt.Errorf("read text: %w", err)
		}
		w.text(w.stands(k, text))
	default:
		w.number(k, string(value))
	}
	return nil
}

// list writes a list of words; any other list is where none belongs.
func (w *writer) list(k kind, value json.RawMessage) {
	var all []any
	w.out = append(w.out, '[')
	if k == words && json.Unmarshal(value, &all) == nil {
		written := false
		for _, one := range all {
			if text, ok := one.(string); ok {
				if written {
					w.out = append(w.out, ',')
				}
				written = true
				w.text(w.stands(word, text))
			}
		}
	}
	w.out = append(w.out, ']')
}

func (w *writer) number(k kind, digits string) {
	switch k {
	case projectID, userID, caseID, campaignID:
		w.out = append(w.out, w.of(k, digits)...)
	case count:
		if fewDigits.MatchString(digits) {
			w.out = append(w.out, digits...)
			return
		}
		w.out = append(w.out, '1')
	default: // where a text belongs
		w.out = append(w.out, '0')
	}
}

// stands gives what stands for a text. An empty one is absent, and stays so.
func (w *writer) stands(k kind, text string) string {
	if text == "" {
		return ""
	}
	switch k {
	case moment:
		if _, err := dialog.ParseTime(text); err == nil {
			return text
		}
		return replaced + ": not a time"
	case word:
		if ownWord(text) {
			return text
		}
	case count:
		if fewDigits.MatchString(text) {
			return text
		}
		return replaced
	case unknown, object, words:
		return replaced
	case uuids, address, username, name, project, projectID, userID, caseID, campaignID:
	}
	return w.of(k, text)
}

func (w *writer) text(text string) {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		quoted = []byte(`""`)
	}
	w.out = append(w.out, quoted...)
}
