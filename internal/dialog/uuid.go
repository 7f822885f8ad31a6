package dialog

import "strings"

// ParseUUID reads a UUID of the form 8-4-4-4-12, trimmed, and gives it in lower case (design §2). ok is false, and the
// id empty, for anything else.
func ParseUUID(text string) (id string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) != 36 {
		return "", false
	}
	upper := false
	for i := range len(text) {
		c := text[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			upper = true
		default:
			return "", false
		}
	}
	if upper {
		text = strings.ToLower(text)
	}
	return text, true
}
