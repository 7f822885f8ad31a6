package dialog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape is how a value is written, without what it says: a digit is 0, a letter x. Messages go into logs and into
// quarantine, and where a UUID or a time should be, somebody's number or name may stand.
func shape(raw []byte) string {
	const limit = 64
	var text strings.Builder
	written := 0
	for len(raw) > 0 {
		if written == limit {
			text.WriteString("…")
			break
		}
		character, size := utf8.DecodeRune(raw)
		raw = raw[size:]
		written++
		switch {
		case unicode.IsDigit(character):
			text.WriteByte('0')
		case unicode.IsLetter(character):
			text.WriteByte('x')
		case character < utf8.RuneSelf && unicode.IsPrint(character):
			text.WriteRune(character)
		default:
			text.WriteByte('?')
		}
	}
	return text.String()
}
