package scrub

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"webhookd/internal/correlate"
)

// number is a number of a person or a line: the digits that tell one from the other, and those that do not.
type number struct {
	id     string // the same for every way of writing it
	digits string // all of them, as first seen
	change int    // how many of the last digits are changed
	e164   bool   // a valid number of the telephone network
}

// isNumber says whether a text is a number, however it is written.
func isNumber(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+-./() \u00a0*#", r):
			return false
		}
	}
	return digits > 0
}

// isMasked says whether a text is a number that the PBX has masked ("48xxxxxxxxx").
func isMasked(text string) bool {
	const most = 5
	digits, masks := 0, 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == 'x' || r == 'X' || r == '*':
			masks++
		case r != '+' && r != ' ':
			return false
		}
	}
	return masks > 1 && digits <= most
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// numberOf reads a number. Its country and the kind of number, which the first two digits behind the country's tell,
// are kept, and so is the length of one that is no number of the network: an extension stays an extension.
func numberOf(text, region string) number {
	digits := digitsOf(text)
	if e164 := correlate.E164(text, region); e164 != "" {
		if parsed, err := phonenumbers.Parse(text, region); err == nil {
			national := len(phonenumbers.GetNationalSignificantNumber(parsed))
			return number{id: e164, digits: digits, change: min(max(national-2, 1), len(digits)), e164: true}
		}
	}
	const long = 7
	change := len(digits)
	switch {
	case change >= long:
		change -= 2
	case change > 2:
		change--
	}
	return number{id: digits, digits: digits, change: change}
}

// tries is how often a pseudonym is drawn that is valid as the number is, and nobody's.
const tries = 4096

// numbers draws a pseudonym for each number: its last digits. taken are all originals, by digits.
func (p *pseudonyms) number(n number, text, region string) string {
	var drawn string
	for try := range tries {
		drawn = p.draw(n, try)
		digits := n.digits[:len(n.digits)-n.change] + drawn
		id := digits
		written := withDigits(text, drawn)
		e164 := correlate.E164(written, region)
		if e164 != "" {
			id = e164
		}
		if (e164 != "") == n.e164 && !p.original[digits] && !p.original[id] && !p.given[id] {
			p.given[id] = true
			return drawn
		}
	}
	// All that look like it are taken: short ones. Two may then share a pseudonym.
	return drawn
}

// draw gives digits that only the key and the number decide.
func (p *pseudonyms) draw(n number, try int) string {
	digits := make([]byte, n.change)
	var random []byte
	for i := range digits {
		if len(random) == 0 {
			random = p.random("number", n.id, try, i)
		}
		digits[i] = '0' + random[0]%10
		random = random[1:]
	}
	return string(digits)
}

// withDigits gives the text with other last digits, and everything between them as it was.
func withDigits(text, last string) string {
	out := []byte(text)
	for i := len(out) - 1; i >= 0 && last != ""; i-- {
		if out[i] >= '0' && out[i] <= '9' {
			out[i] = last[len(last)-1]
			last = last[:len(last)-1]
		}
	}
	return string(out)
}
