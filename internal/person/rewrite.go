package person

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Bytes puts pseudonyms into what is stored: the texts and keys of JSON, or all of what is none. All bytes beside what is
// replaced stay as they are. In JSON an unquoted number becomes 0; one that is all there is, is a text: a column of a table.
func Bytes(body []byte, find Finder) (rewritten []byte, changed bool) {
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) == 0 || first[0] == '-' || isDigit(first[0]) || !json.Valid(body) {
		text, changed := Text(strings.ToValidUTF8(string(body), "\uFFFD"), find)
		if !changed {
			return body, false
		}
		return []byte(text), true
	}
	w := rewriter{body: body, find: find}
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case c == '{' || c == '[':
			w.enter(i)
			i++
		case c == '}' || c == ']':
			w.leave()
			i++
		case c == '"':
			end := stringEnd(body, i)
			w.text(i, end)
			i = end
		case c == '-' || isDigit(c):
			end := numberEnd(body, i)
			w.number(i, end)
			i = end
		default:
			i++
		}
	}
	if w.out == nil {
		return body, false
	}
	return append(w.out, body[w.done:]...), true
}

// rewriter goes through valid JSON.
type rewriter struct {
	body   []byte
	find   Finder
	out    []byte   // nil until something is replaced
	done   int      // of body, as far as it is in out
	key    string   // of the member
	inside []string // the keys of what it stands in; "" outermost
	began  []int    // where that begins
}

func (w *rewriter) replace(from, to int, value []byte) {
	w.out = append(append(w.out, w.body[w.done:from]...), value...)
	w.done = to
}

func (w *rewriter) enter(i int) {
	w.inside, w.began = append(w.inside, w.key), append(w.began, i)
}

func (w *rewriter) leave() {
	last := len(w.inside) - 1
	w.key, w.inside, w.began = w.inside[last], w.inside[:last], w.began[:last]
}

// text rewrites a text, or a key.
func (w *rewriter) text(from, to int) {
	quoted := w.body[from:to]
	var text string
	_ = json.Unmarshal(quoted, &text)                 // it is valid
	text = strings.ReplaceAll(text, "\x00", "\uFFFD") // as package dialog reads it
	may := word
	switch {
	case isKey(w.body, to):
		w.key = text
		if !strings.ContainsAny(text, "0123456789") {
			return
		}
	case kept(w.inside, w.key):
		return
	default:
		may = w.holds(text)
	}
	value, ok := inMember(text, w.find, may)
	switch {
	case !ok:
	case w.key == "number_e164":
		w.replace(from, to, []byte("null")) // a pseudonym is no number of the network
	default:
		w.replace(from, to, quote(value, quoted, text))
	}
}

// holds says how much of a person the member may hold.
func (w *rewriter) holds(text string) holding {
	if w.key != peerFirst && w.key != peerLast || len(w.began) == 0 {
		return holds(w.inside, w.key)
	}
	if _, hit := w.find(text); !hit {
		return colleague
	}
	var members map[string]json.RawMessage
	if json.NewDecoder(bytes.NewReader(w.body[w.began[len(w.began)-1]:])).Decode(&members) != nil || !ofPeer(members, w.find) {
		return colleague
	}
	return anything
}

// number rewrites an unquoted number.
func (w *rewriter) number(from, to int) {
	digits := string(w.body[from:to])
	if kept(w.inside, w.key) || len(digits) < shortest && (len(digits) < fewest || !ofNumber(w.key)) {
		return
	}
	if _, ok := w.find(digits); ok {
		w.replace(from, to, []byte("0"))
	}
}

func numberEnd(body []byte, i int) int {
	for i++; i < len(body) && strings.IndexByte("0123456789.eE+-", body[i]) >= 0; {
		i++
	}
	return i
}

func stringEnd(body []byte, i int) int {
	for i++; body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// isKey says whether a text that ends at i is the key of a member.
func isKey(body []byte, i int) bool {
	for ; i < len(body); i++ {
		switch body[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return body[i] == ':'
		}
	}
	return false
}

// quote writes a text as JSON. Where the original was written with other escapes than need be, so is this: two bodies that
// differ in nothing else must not become one.
func quote(text string, original []byte, was string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return []byte(`""`)
	}
	if raw := original[1 : len(original)-1]; string(raw) == was {
		return quoted // nothing was escaped
	}
	if plain, err := json.Marshal(was); err != nil || bytes.Equal(plain, original) {
		return quoted // only what must be
	}
	const hex = "0123456789abcdef"
	sum := 0
	for i, c := range original {
		sum += (i + 1) * int(c)
	}
	written := []byte{'"'}
	for i, c := range quoted[1 : len(quoted)-1] {
		if c >= 'a' && c <= 'z' && i < len(Prefix) && sum>>i&1 == 1 {
			written = append(written, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			continue
		}
		written = append(written, c)
	}
	written = append(written, '"')
	var back string
	if json.Unmarshal(written, &back) != nil || back != text {
		return quoted
	}
	return written
}
