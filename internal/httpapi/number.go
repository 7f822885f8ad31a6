package httpapi

import (
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
)

// numberKey gives the search key for a number as a person types it. A call has a key for its number as the PBX wrote it
// and, where that is a valid number, one for its E.164 form. So a valid number is looked for by its E.164 form, which
// finds every way of writing it; anything else (a masked number, a user name) as it stands.
func numberKey(number, region string) string {
	// An unencoded + arrives as a space; nothing that is stored begins with one.
	if strings.HasPrefix(number, " ") {
		number = "+" + strings.TrimLeft(number, " ")
	}
	number = strings.TrimSpace(number)
	if e164 := correlate.E164(number, region); e164 != "" {
		return store.NumberKey(e164)
	}
	return store.NumberKey(number)
}
