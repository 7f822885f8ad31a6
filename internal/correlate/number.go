package correlate

import (
	"strings"
	"sync/atomic"
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
	place := &known[numberHash(raw, region)%uint32(len(known))]
	if n := place.Load(); n != nil && n.raw == raw && n.region == region {
		return n.e164
	}
	e164 := parseNumber(raw, region)
	place.Store(&numberResult{raw: raw, region: region, e164: e164})
	return e164
}

// known remembers what was parsed last: parsing takes longer than all the rest of a webhook, and every webhook of a
// call asks for the same numbers. What it gives is what parsing gives; it is a bounded table in which a number may push
// out another one.
var known [4096]atomic.Pointer[numberResult]

type numberResult struct{ raw, region, e164 string }

// numberHash is FNV-1a.
func numberHash(texts ...string) uint32 {
	hash := uint32(2166136261)
	for _, text := range texts {
		for i := range len(text) {
			hash = (hash ^ uint32(text[i])) * 16777619
		}
	}
	return hash
}

func parseNumber(raw, region string) string {
	number, err := phonenumbers.Parse(raw, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return ""
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}
