package person

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// shortest is how many digits a number has at least that is looked for inside of texts. A shorter one must be all of the
	// text, or stand behind one of the schemes.
	shortest = 7
	// most is how many digits it has at most: 15, and what is dialled before them.
	most = 18
	// mostGroups is in how many groups its digits are written at most, where others stand beside them.
	mostGroups = 7
	// widest is how many bytes stand between two groups of one number at most.
	widest = 6
	// shortestName is how many letters and digits a name has at least that is looked for inside of texts.
	shortestName = 4
	// mostWords is how many words it has at most.
	mostWords = 4
	// apart is how many bytes stand between two of its words at most.
	apart = 3
)

// schemes stand before a number of any length in what this program writes.
var schemes = []string{"tel:", "contact:"}

// Text puts pseudonyms into a text: for all of it, or for the numbers, names and addresses of mail that are in it.
func Text(text string, find Finder) (string, bool) { return inMember(text, find, anything) }

// inMember puts pseudonyms into the text of a member that may hold so much of a person.
func inMember(text string, find Finder, may holding) (string, bool) {
	if may.whole(text) {
		if pseudonym, ok := find(text); ok {
			return pseudonym, true
		}
	}
	var mails, names, digits bool
	if may == anything {
		text, mails = aroundPseudonyms(text, find, mailsIn)
		text, names = aroundPseudonyms(text, find, namesIn)
	}
	text, digits = aroundPseudonyms(text, find, numbersIn)
	return text, mails || names || digits
}

// aroundPseudonyms changes what stands between pseudonyms.
func aroundPseudonyms(text string, find Finder, in func(string, Finder) (string, bool)) (string, bool) {
	part, ok := nextPseudonym(text)
	if !ok {
		return in(text, find)
	}
	var out strings.Builder
	changed := false
	for ; ok; part, ok = nextPseudonym(text) {
		segment, hit := in(text[:part.from], find)
		changed = changed || hit
		out.WriteString(segment + text[part.from:part.to])
		text = text[part.to:]
	}
	segment, hit := in(text, find)
	out.WriteString(segment)
	return out.String(), changed || hit
}

// span is a part of a text.
type span struct{ from, to int }

// nextPseudonym finds what stands for somebody in a text.
func nextPseudonym(text string) (part span, ok bool) {
	from := strings.Index(text, Prefix)
	if from < 0 {
		return span{}, false
	}
	to := from + len(Prefix)
	for to < len(text) && strings.IndexByte("0123456789abcdef-", text[to]) >= 0 {
		to++
	}
	return span{from, to}, true
}

// replacer puts pseudonyms into a text from left to right.
type replacer struct {
	text string
	find Finder
	out  strings.Builder
	done int // of text, as far as it is in out
}

// replace puts a pseudonym in the place of a part, if that is a person's.
func (r *replacer) replace(part span) bool {
	pseudonym, ok := r.find(r.text[part.from:part.to])
	if ok {
		r.out.WriteString(r.text[r.done:part.from] + pseudonym)
		r.done = part.to
	}
	return ok
}

func (r *replacer) result() (string, bool) {
	if r.done == 0 {
		return r.text, false
	}
	return r.out.String() + r.text[r.done:], true
}

// numbersIn looks for numbers in a text: in each run of groups of digits for the longest one from the left.
func numbersIn(text string, find Finder) (string, bool) {
	r := replacer{text: text, find: find}
	var groups []span
	for i := 0; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		groups, i = runOfDigits(text, i, groups[:0])
		r.numbers(groups)
	}
	return r.result()
}

// runOfDigits gives groups of digits that may belong together, from i on, and where they end.
func runOfDigits(text string, i int, groups []span) ([]span, int) {
	for {
		from := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		groups = append(groups, span{from, i})
		next := i
		for next < len(text) && next-i <= widest && !isDigit(text[next]) {
			r, size := utf8.DecodeRuneInString(text[next:])
			if !strings.ContainsRune(separators, r) {
				return groups, i
			}
			next += size
		}
		if next == len(text) || !isDigit(text[next]) {
			return groups, i
		}
		i = next
	}
}

// numbers replaces the numbers that are in a run of groups.
func (r *replacer) numbers(groups []span) {
	least := shortest
	before := strings.TrimSuffix(r.text[:groups[0].from], "+")
	for _, scheme := range schemes {
		if at := len(before) - len(scheme); at >= 0 && strings.EqualFold(before[at:], scheme) {
			least = fewest
		}
	}
	if len(groups) > mostGroups && r.number(groups, least) {
		return
	}
	for len(groups) > 0 {
		taken := 0
		for n := min(len(groups), mostGroups); n > 0 && taken == 0; n-- {
			if r.number(groups[:n], least) {
				taken = n
			}
		}
		groups, least = groups[max(1, taken):], shortest
	}
}

// number replaces groups that are one number.
func (r *replacer) number(groups []span, least int) bool {
	digits := 0
	for _, group := range groups {
		if digits += group.to - group.from; digits > most {
			return false
		}
	}
	whole := span{groups[0].from, groups[len(groups)-1].to}
	if whole.from > r.done && r.text[whole.from-1] == '+' {
		whole.from--
	}
	return digits >= least && whole.to-whole.from <= longestText && r.replace(whole)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// namesIn looks for names in a text, at the borders of words. Those that begin with a small letter are not looked for.
func namesIn(text string, find Finder) (string, bool) {
	words := wordsOf(text)
	if len(words) == 1 && words[0].to-words[0].from == len(text) {
		return text, false // all of it was looked for
	}
	r := replacer{text: text, find: find}
	for len(words) > 0 {
		taken := 0
		if first, _ := utf8.DecodeRuneInString(text[words[0].from:]); unicode.IsLetter(first) && !unicode.IsLower(first) {
			for n := together(words); n > 0 && taken == 0; n-- {
				whole := span{words[0].from, words[n-1].to}
				if longEnough(text[whole.from:whole.to]) && r.replace(whole) {
					taken = n
				}
			}
		}
		words = words[max(1, taken):]
	}
	return r.result()
}

// together says how many of the words may be one name.
func together(words []span) int {
	n := 1
	for n < len(words) && n < mostWords && words[n].from-words[n-1].to <= apart {
		n++
	}
	return n
}

func longEnough(name string) bool {
	letters := 0
	for _, r := range name {
		if inWord(r) {
			letters++
		}
		if letters == shortestName {
			return true
		}
	}
	return false
}

func wordsOf(text string) (words []span) {
	from := -1
	for i, r := range text {
		switch in := inWord(r); {
		case in && from < 0:
			from = i
		case !in && from >= 0:
			words, from = append(words, span{from, i}), -1
		}
	}
	if from >= 0 {
		words = append(words, span{from, len(text)})
	}
	return words
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || r >= '0' && r <= '9' || (r|0x20) >= 'a' && (r|0x20) <= 'z'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// mailsIn looks for addresses of mail in a text.
func mailsIn(text string, find Finder) (string, bool) {
	r := replacer{text: text, find: find}
	for at := strings.IndexByte(text, '@'); at >= 0; {
		from, to := at, at+1
		for from > r.done {
			c, size := utf8.DecodeLastRuneInString(text[r.done:from])
			if !inWord(c) && !strings.ContainsRune(".%+-'", c) {
				break
			}
			from -= size
		}
		for to < len(text) {
			c, size := utf8.DecodeRuneInString(text[to:])
			if !inWord(c) && c != '.' && c != '-' {
				break
			}
			to += size
		}
		r.replace(span{from, at + len(strings.TrimRight(text[at:to], ".-"))})
		next := strings.IndexByte(text[to:], '@')
		if next < 0 {
			break
		}
		at = to + next
	}
	return r.result()
}
