package scrub

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"webhookd/internal/dialog"
)

// pseudonyms says what stands for what.
type pseudonyms struct {
	key    []byte
	region string

	uuids    map[string]string // by the UUID in lower case; the values are set by settle
	numbers  map[string]string // the last digits, by number.id; likewise
	seen     []seenNumber      // numbers in the order in which they came first
	original map[string]bool   // numbers, by digits and id
	given    map[string]bool   // pseudonyms of numbers, by id
	counted  map[kind]map[string]string
}

type seenNumber struct {
	number number
	text   string
}

func newPseudonyms(key []byte, region string) *pseudonyms {
	return &pseudonyms{
		key: key, region: region, uuids: map[string]string{}, numbers: map[string]string{}, original: map[string]bool{},
		given: map[string]bool{}, counted: map[kind]map[string]string{},
	}
}

// note takes notice of a text, so that settle can give it a pseudonym. What it gives is of no use yet.
func (p *pseudonyms) note(k kind, text string) string {
	switch p.reduce(&k, text) {
	case asUUID:
		if id, ok := dialog.ParseUUID(text); ok {
			p.uuids[id] = ""
		}
	case asNumber:
		n := numberOf(text, p.region)
		if _, known := p.numbers[n.id]; !known {
			p.numbers[n.id] = ""
			p.seen = append(p.seen, seenNumber{n, text})
		}
		p.original[n.id], p.original[n.digits] = true, true
	case asCounted:
		p.nth(k, text)
	case asIs:
	}
	return "0"
}

// settle gives everything that was noted its pseudonym.
func (p *pseudonyms) settle() {
	for _, seen := range p.seen {
		p.numbers[seen.number.id] = p.number(seen.number, seen.text, p.region)
	}
	originals := make([]string, 0, len(p.uuids))
	for id := range p.uuids {
		originals = append(originals, id)
	}
	slices.Sort(originals)
	made := map[string]bool{}
	for i := 0; len(made) < len(originals); i++ {
		id := p.uuid(i)
		if _, original := p.uuids[id]; !original {
			made[id] = true
		}
	}
	ordered := make([]string, 0, len(made))
	for id := range made {
		ordered = append(ordered, id)
	}
	slices.Sort(ordered)
	for i, id := range originals {
		p.uuids[id] = ordered[i]
	}
}

// of gives the pseudonym of a text that was noted.
func (p *pseudonyms) of(k kind, text string) string {
	switch p.reduce(&k, text) {
	case asUUID:
		id, ok := dialog.ParseUUID(text)
		if !ok {
			return replaced + ": not a UUID"
		}
		if trimmed := strings.TrimSpace(text); strings.ToUpper(trimmed) == trimmed {
			return strings.ToUpper(p.uuids[id])
		}
		return p.uuids[id]
	case asNumber:
		return withDigits(text, p.numbers[numberOf(text, p.region).id])
	case asCounted:
		return p.nth(k, text)
	case asIs:
	}
	return text
}

type way uint8

const (
	asIs way = iota
	asUUID
	asNumber
	asCounted
)

// reduce says in what way a text gets its pseudonym; a name that is a number is a number, and so on.
func (p *pseudonyms) reduce(k *kind, text string) way {
	blank := strings.TrimSpace(text) == ""
	switch *k {
	case uuids:
		return asUUID
	case address, name:
		switch {
		case blank, isMasked(text):
			return asIs
		case isNumber(text):
			return asNumber
		case *k == address:
			*k = username
		}
	default:
		if blank {
			return asIs
		}
	}
	return asCounted
}

// titles begin the pseudonyms that are counted.
var titles = map[kind]string{
	name: "Person ", username: "user", project: "Project ", projectID: "project-", userID: "user-", caseID: "case-",
	campaignID: "campaign-", word: replaced + "-",
}

// nth numbers what stands for a person, a user, a project, an id or somebody's words in the order of first appearance.
func (p *pseudonyms) nth(k kind, text string) string {
	known := p.counted[k]
	if known == nil {
		known = map[string]string{}
		p.counted[k] = known
	}
	if k == username || k == word {
		text = strings.ToLower(text)
	}
	pseudonym, ok := known[text]
	if !ok {
		number := strconv.Itoa(len(known) + 1)
		pseudonym = titles[k] + number
		if k != name && k != username && k != project && k != word && isIntegral(text) {
			pseudonym = number // an id that is a number stays one
		}
		known[text] = pseudonym
	}
	return pseudonym
}

func isIntegral(text string) bool {
	return strings.Trim(text, "-0123456789.eE+") == ""
}

func (p *pseudonyms) random(what, id string, try, part int) []byte {
	mac := hmac.New(sha256.New, p.key)
	_, _ = fmt.Fprintf(mac, "%s\x00%s\x00%d\x00%d", what, id, try, part)
	return mac.Sum(nil)
}

// uuid makes the i-th UUID, of the form of a random one.
func (p *pseudonyms) uuid(i int) string {
	b := p.random("uuid", "", i, 0)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
