package correlate

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// E164 gives a number in E.164 ("+48501502503"). region is where a number without a country code belongs, ISO 3166-1
// alpha-2. It gives "" for a raw value that holds a letter (documented numbers are masked with x, and a consultant's
// address may be a user name), does not parse, or is no valid number (design §5).
func E164(raw, region string) string {
	if raw == "" || strings.IndexFunc(raw, unicode.IsLetter) >= 0 {
		return ""
	}
	number, err := phonenumbers.Parse(raw, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return ""
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}
