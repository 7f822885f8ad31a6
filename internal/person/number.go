package person

import (
	"strings"
	"unicode"

	"webhookd/internal/correlate"
)

const (
	fewest      = 3  // digits of a number
	longestText = 64 // bytes of a number, however it is written
)

// separators are what people, and their programs, put between the digits of a number: beside what is on a keyboard the
// spaces and hyphens that word processors make of it.
const separators = "+-./()_ \t\u00a0\u2007\u2009\u200a\u202f\u2010\u2011\u2012\u2013\u2014\u2212"

// Canonical names a number independently of how it is written: E.164 where it is a valid number, else its digits. ok is
// false for a text that is no number. region is where a number without a country code belongs. What a call's number_e164
// is made of is the same number here.
func Canonical(text, region string) (id string, ok bool) {
	if len(text) > longestText || !hasDigits(text) {
		return "", false
	}
	if e164 := correlate.E164(text, region); e164 != "" {
		return e164, true
	}
	if !isNumber(text) {
		return "", false
	}
	digits := digitsOf(text)
	plain := digits
	if strings.HasPrefix(text, "+") {
		plain = "+" + digits
	}
	if e164 := correlate.E164(plain, region); e164 != "" {
		return e164, true
	}
	// The 0 of national calls, also where the country has none any more.
	if national, had := strings.CutPrefix(digits, "0"); had && !strings.HasPrefix(national, "0") {
		if e164 := correlate.E164(national, region); e164 != "" {
			return e164, true
		}
	}
	return digits, true
}

// hasDigits says whether a text may be a number: it has no letters, digits of whatever script, and no colon between them: the
// time of day is not worth the time that it takes to find out that it is no number.
func hasDigits(text string) bool {
	digits, colon := 0, false
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			if colon {
				return false
			}
			digits++
		case r == ':':
			colon = digits > 0
		case r < unicode.MaxASCII && (r|0x20) >= 'a' && (r|0x20) <= 'z':
			return false
		case r > unicode.MaxASCII && unicode.IsLetter(r):
			return false
		case r > unicode.MaxASCII && unicode.IsDigit(r):
			digits++
		}
	}
	return digits >= fewest
}

// isNumber says whether a text is a number of three digits or more, and nothing else.
func isNumber(text string) bool {
	if len(text) > longestText {
		return false
	}
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune(separators, r):
			return false
		}
	}
	return digits >= fewest
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// tail is how many of its last digits are the same however a number is written. Before them a country may have its own
// ways.
const tail = 6

func tailOf(id string) string {
	digits := digitsOf(id)
	return digits[max(0, len(digits)-tail):]
}

// plainTail gives the last digits of a text that is nothing but a number, and says whether it is.
func plainTail(text string) (plain bool, digits string) {
	if !isNumber(text) {
		return false, ""
	}
	return true, tailOf(text)
}
