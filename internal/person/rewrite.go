package person

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// kept are the members that no person is in, or on which calls hang: ids, times, counts.
func kept(key string) bool {
	switch key {
	case "id", "event_time", "contact_try", "consultant_try", "voice_campaign_id":
		return true
	}
	return strings.HasSuffix(key, "uuid") || strings.HasSuffix(key, "_at") || strings.HasSuffix(key, "_ms")
}

// inText finds what may be a number inside of a text.
var inText = regexp.MustCompile(`\+?\d[0-9 ().\-/]{5,30}\d`)

// Text puts pseudonyms into a text: for all of it, or for the numbers that are in it.
func Text(text string, find Finder) (string, bool) {
	if pseudonym, ok := find(text); ok {
		return pseudonym, true
	}
	changed := false
	rewritten := inText.ReplaceAllStringFunc(text, func(found string) string {
		if len(digitsOf(found)) < shortest {
			return found
		}
		if pseudonym, ok := find(found); ok {
			changed = true
			return pseudonym
		}
		// Two numbers with a space between are one match.
		parts := strings.Split(found, " ")
		for i, part := range parts {
			if len(digitsOf(part)) < shortest {
				continue
			}
			if pseudonym, ok := find(part); ok {
				parts[i], changed = pseudonym, true
			}
		}
		return strings.Join(parts, " ")
	})
	return rewritten, changed
}

// Bytes puts pseudonyms into what is stored: the texts of JSON, or all of what is none. All bytes beside what is replaced
// stay as they are. An unquoted number becomes 0.
func Bytes(body []byte, find Finder) (rewritten []byte, changed bool) {
	if !json.Valid(body) {
		text, changed := Text(strings.ToValidUTF8(string(body), "\uFFFD"), find)
		if !changed {
			return body, false
		}
		return []byte(text), true
	}
	var out []byte // nil until something is replaced
	done := 0      // of body, as far as it is in out
	replace := func(from, to int, value []byte) {
		out = append(append(out, body[done:from]...), value...)
		done = to
	}
	key := ""
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case c == '"':
			end := stringEnd(body, i)
			quoted := body[i:end]
			var text string
			_ = json.Unmarshal(quoted, &text)                 // it is valid
			text = strings.ReplaceAll(text, "\x00", "\uFFFD") // as package dialog reads it
			if isKey(body, end) {
				key = text
			} else if !kept(key) {
				if value, ok := Text(text, find); ok {
					written := quote(value, quoted, text)
					if key == "number_e164" {
						written = []byte("null") // a pseudonym is no number of the network
					}
					replace(i, end, written)
				}
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := numberEnd(body, i)
			if digits := string(body[i:end]); !kept(key) && len(digits) >= shortest {
				if _, ok := find(digits); ok {
					replace(i, end, []byte("0"))
				}
			}
			i = end
		default:
			i++
		}
	}
	if out == nil {
		return body, false
	}
	return append(out, body[done:]...), true
}

func numberEnd(body []byte, i int) int {
	for i++; i < len(body) && strings.IndexByte("0123456789.eE+-", body[i]) >= 0; {
		i++
	}
	return i
}

func stringEnd(body []byte, i int) int {
	for i++; body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// isKey says whether a text that ends at i is the key of a member.
func isKey(body []byte, i int) bool {
	for ; i < len(body); i++ {
		switch body[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return body[i] == ':'
		}
	}
	return false
}

// quote writes a text as JSON. Where the original was written with other escapes than need be, so is this: two bodies that
// differ in nothing else must not become one.
func quote(text string, original []byte, was string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return []byte(`""`)
	}
	if raw := original[1 : len(original)-1]; string(raw) == was {
		return quoted // nothing was escaped
	}
	if plain, err := json.Marshal(was); err != nil || bytes.Equal(plain, original) {
		return quoted // only what must be
	}
	const hex = "0123456789abcdef"
	sum := 0
	for i, c := range original {
		sum += (i + 1) * int(c)
	}
	written := []byte{'"'}
	for i, c := range quoted[1 : len(quoted)-1] {
		if c >= 'a' && c <= 'z' && i < len(Prefix) && sum>>i&1 == 1 {
			written = append(written, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			continue
		}
		written = append(written, c)
	}
	written = append(written, '"')
	var back string
	if json.Unmarshal(written, &back) != nil || back != text {
		return quoted
	}
	return written
}
