// Package person recognises a person in what is stored, by number and by name, and puts a pseudonym in the place of both.
// It does no I/O and knows no store; what is found and kept is for those who call it.
//
// The pseudonym of a number or a name is one-to-one within a person, so whatever was equal stays equal and whatever
// differed stays different: calls that are worked out again come out as they were, names and numbers aside. Bytes around
// what is replaced stay as they were, so a webhook that is sent again becomes the same body again.
package person

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"webhookd/internal/correlate"
)

// Prefix begins every pseudonym. A number parser takes it for no number, because it has letters.
const Prefix = "erased-"

// KeyPrefix begins the mark of a person that is no mark of a text, but the random key of the endings that tell the person's
// texts apart. When it is forgotten, nobody can find a name by its ending.
const KeyPrefix = "key:"

// shortest is how many digits a number has at least that is looked for inside of texts; a shorter one must be all of it.
const shortest = 7

// Canonical names a number independently of how it is written: E.164 where it is a valid number, else its digits. ok is
// false for a text that is no number. region is where a number without a country code belongs.
func Canonical(text, region string) (id string, ok bool) {
	if !isNumber(text) {
		return "", false
	}
	if e164 := correlate.E164(text, region); e164 != "" {
		return e164, true
	}
	return digitsOf(text), true
}

// isNumber says whether a text is a number of three digits or more, however it is written.
func isNumber(text string) bool {
	const fewest, longest = 3, 64
	if len(text) > longest {
		return false
	}
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+-./() \u00a0", r):
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

// remembered is how many texts that are nobody's are remembered.
const remembered = 8192

// Guard recognises persons by marks: HMACs by a secret, so that the numbers and names need not be kept. It is used by one
// goroutine at a time.
type Guard struct {
	secret []byte
	region string
	marks  map[string][]string // pseudonyms, by mark: several persons may have one name
	keys   map[string]string   // of the endings, by pseudonym
	// seen remembers which texts are nobody's, by account and text: the same few come in nearly every webhook.
	seen map[[2]string]bool
}

// NewGuard makes a Guard that recognises nobody yet.
func NewGuard(secret []byte, region string) *Guard {
	return &Guard{
		secret: secret, region: region, marks: map[string][]string{}, keys: map[string]string{}, seen: map[[2]string]bool{},
	}
}

// Add makes it recognise a person by marks, of which one begins with KeyPrefix.
func (g *Guard) Add(pseudonym string, marks []string) {
	clear(g.seen)
	for _, mark := range marks {
		if strings.HasPrefix(mark, KeyPrefix) {
			g.keys[pseudonym] = mark
		} else if !slices.Contains(g.marks[mark], pseudonym) {
			g.marks[mark] = append(g.marks[mark], pseudonym)
		}
	}
}

// Empty says that it recognises nobody.
func (g *Guard) Empty() bool { return g == nil || len(g.marks) == 0 }

// NumberMark and NameMark give the mark of a number, by its canonical id, and of a name, within an account.
func (g *Guard) NumberMark(account, id string) string { return g.mark("number", account, id) }

// NameMark gives the mark of a name.
func (g *Guard) NameMark(account, name string) string { return g.mark("name", account, name) }

func (g *Guard) mark(parts ...string) string {
	mac := hmac.New(sha256.New, g.secret)
	_, _ = mac.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(mac.Sum(nil))
}

// Finder gives the pseudonym of a text that is a person's number or name.
type Finder func(text string) (pseudonym string, ok bool)

// Numbers finds the numbers of an account's persons.
func (g *Guard) Numbers(account string) Finder {
	return func(text string) (string, bool) {
		id, ok := Canonical(text, g.region)
		if !ok {
			return "", false
		}
		found := g.marks[g.NumberMark(account, id)]
		if len(found) == 0 {
			return "", false
		}
		pseudonym := found[0]
		if text == strings.TrimPrefix(id, "+") {
			return pseudonym, true
		}
		return pseudonym + g.ending(pseudonym, text), true
	}
}

// NumbersAndNames finds the names, too. It is for what has to do with the person: others may have the same name.
func (g *Guard) NumbersAndNames(account string) Finder {
	return g.NumbersAndNamesOf(account, func(string) bool { return true })
}

// NumbersAndNamesOf finds all numbers, and the names of those persons, by pseudonym, of whom it is said so: of several who
// have one name, that of the one who was added first.
func (g *Guard) NumbersAndNamesOf(account string, who func(pseudonym string) bool) Finder {
	numbers := g.Numbers(account)
	return func(text string) (string, bool) {
		if g.seen[[2]string{account, text}] || strings.TrimSpace(text) == "" {
			return "", false
		}
		if pseudonym, ok := numbers(text); ok {
			return pseudonym, true
		}
		if named := g.marks[g.NameMark(account, text)]; len(named) > 0 {
			at := slices.IndexFunc(named, who)
			if at < 0 {
				return "", false
			}
			return named[at] + g.ending(named[at], text), true
		}
		if len(g.seen) >= remembered {
			clear(g.seen)
		}
		g.seen[[2]string{account, text}] = true
		return "", false
	}
}

// ending tells the ways of writing a number, and the names of a person, apart.
func (g *Guard) ending(pseudonym, text string) string {
	return "-" + g.mark(g.keys[pseudonym], text)[:4]
}
