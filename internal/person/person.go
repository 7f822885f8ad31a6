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
	"hash"
	"slices"
	"strings"
)

// Prefix begins every pseudonym. A number parser takes it for no number, because it has letters.
const Prefix = "erased-"

// KeyPrefix begins the mark of a person that is no mark of a text, but the random key of the endings that tell the person's
// texts apart. When it is forgotten, nobody can find a name by its ending.
const KeyPrefix = "key:"

// KeySize is how many bytes the key of the endings has, which is hexadecimal in the mark. One that an earlier version made
// has fewer, and its endings are shorter.
const KeySize = 32

// tailPrefix begins the mark of a number's last digits. Most texts that may be a number are told from it by these alone;
// else it would have to be worked out what number each is, which takes a hundred times as long.
const tailPrefix = "tail:"

const (
	remembered  = 8192 // how many texts that are nobody's are remembered
	longestSeen = 64   // bytes of such a text
)

// Guard recognises persons by marks: HMACs by a secret, so that the numbers and names need not be kept. It is used by one
// goroutine at a time.
type Guard struct {
	mac    hash.Hash // by the secret
	buffer []byte    // what it is made of
	region string
	marks  map[string][]string // pseudonyms, by mark: several persons may have one name
	keys   map[string]string   // of the endings, by pseudonym
	tails  map[string]bool     // of the numbers
	// tailed are the pseudonyms of which there is a mark of the last digits, untailed the others: an earlier version made
	// none.
	tailed, untailed map[string]bool
	// seen remembers which texts are nobody's, by account and text: the same few come in nearly every webhook.
	seen map[[2]string]bool
}

// NewGuard makes a Guard that recognises nobody yet.
func NewGuard(secret []byte, region string) *Guard {
	return &Guard{
		mac: hmac.New(sha256.New, secret), region: region, marks: map[string][]string{}, keys: map[string]string{},
		tails: map[string]bool{}, tailed: map[string]bool{}, untailed: map[string]bool{}, seen: map[[2]string]bool{},
	}
}

// Add makes it recognise a person by marks, of which one begins with KeyPrefix.
func (g *Guard) Add(pseudonym string, marks []string) {
	clear(g.seen)
	for _, mark := range marks {
		switch {
		case strings.HasPrefix(mark, KeyPrefix):
			g.keys[pseudonym] = mark
		case strings.HasPrefix(mark, tailPrefix):
			g.tails[mark], g.tailed[pseudonym] = true, true
		case !slices.Contains(g.marks[mark], pseudonym):
			g.marks[mark] = append(g.marks[mark], pseudonym)
		}
	}
	if g.tailed[pseudonym] {
		delete(g.untailed, pseudonym)
	} else {
		g.untailed[pseudonym] = true
	}
}

// Empty says that it recognises nobody.
func (g *Guard) Empty() bool { return g == nil || len(g.marks) == 0 }

// NumberMark gives the mark of a number, by its canonical id, within an account.
func (g *Guard) NumberMark(account, id string) string { return g.mark("number", account, id) }

// TailMark gives the mark of a number's last digits, by its canonical id.
func (g *Guard) TailMark(account, id string) string {
	return tailPrefix + g.mark("tail", account, tailOf(id))
}

// NameMark gives the mark of a name.
func (g *Guard) NameMark(account, name string) string { return g.mark("name", account, name) }

func (g *Guard) mark(parts ...string) string {
	g.buffer = g.buffer[:0]
	for i, part := range parts {
		if i > 0 {
			g.buffer = append(g.buffer, 0)
		}
		g.buffer = append(g.buffer, part...)
	}
	g.mac.Reset()
	_, _ = g.mac.Write(g.buffer)
	return hex.EncodeToString(g.mac.Sum(g.buffer[:0]))
}

// Finder gives the pseudonym of a text that is a person's number or name.
type Finder func(text string) (pseudonym string, ok bool)

// ByNumber finds a number, by its canonical id, and gives no pseudonym.
func ByNumber(id, region string) Finder {
	tail := tailOf(id)
	return func(text string) (string, bool) {
		if plain, of := plainTail(text); plain && of != tail {
			return "", false
		}
		found, ok := Canonical(text, region)
		return "", ok && found == id
	}
}

// Numbers finds the numbers of an account's persons.
func (g *Guard) Numbers(account string) Finder {
	return func(text string) (string, bool) {
		if len(text) > longestText || !hasDigits(text) || g.others(account, text) {
			return "", false
		}
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

// others says whether a text is told by its last digits to be nobody's number.
func (g *Guard) others(account, text string) bool {
	plain, tail := plainTail(text)
	return plain && len(g.untailed) == 0 && !g.tails[tailPrefix+g.mark("tail", account, tail)]
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
		if len(text) > longestSeen {
			return "", false
		}
		if len(g.seen) >= remembered {
			clear(g.seen)
		}
		g.seen[[2]string{account, strings.Clone(text)}] = true
		return "", false
	}
}

// ending tells the ways of writing a number, and the names of a person, apart.
func (g *Guard) ending(pseudonym, text string) string {
	const short, long = 4, 12
	key := g.keys[pseudonym]
	digits := short
	if len(key) >= len(KeyPrefix)+hex.EncodedLen(KeySize) {
		digits = long
	}
	return "-" + g.mark(key, text)[:digits]
}
