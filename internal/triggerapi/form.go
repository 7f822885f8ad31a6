package triggerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// formJSON gives the JSON object that a form with brackets stands for, as Ruby's and PHP's clients write them:
//
//	name=x & to[subscriberId]=a           → {"name":"x","to":{"subscriberId":"a"}}
//	to[]=a & to[]=b                       → {"to":["a","b"]}
//	to[0]=a & to[1]=b                     → {"to":["a","b"]}
//	to[][subscriberId]=a & to[][email]=b  → {"to":[{"subscriberId":"a","email":"b"}]}
//
// In the last form a key that the present element has already begins the next one. A list of one empty text is an empty
// list. Every value is a text. Where a key without brackets is given twice, the last one counts.
func formJSON(data []byte) ([]byte, error) {
	if bytes.Count(data, []byte{'&'}) >= maxPairs {
		return nil, malformed("", "The form has more than %d values.", maxPairs)
	}
	root := &node{}
	for pair := range strings.SplitSeq(string(data), "&") {
		if pair == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, malformed("", "The body is neither JSON nor a form.")
		}
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, malformed("", "The form is not percent-encoded as it should be.")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, malformed("", "The form is not percent-encoded as it should be.")
		}
		path, ok := splitName(name)
		if !ok {
			return nil, malformed("", "A key of the form has brackets that do not fit.")
		}
		if len(path) > MaxDepth {
			return nil, malformed("", "A key of the form is nested more than %d deep.", MaxDepth)
		}
		if !root.put(path, value) {
			return nil, malformed(shown(path[0]), "The form gives it as more than one of a text, a list and an object.")
		}
	}
	tree, err := json.Marshal(root.value())
	if err != nil {
		return nil, fmt.Errorf("encode form: %w", err)
	}
	return tree, nil
}

// splitName splits a key into its steps: a[b][] gives a, b and "" for the next element.
func splitName(name string) ([]string, bool) {
	first, rest, nested := strings.Cut(name, "[")
	if first == "" || strings.Contains(first, "]") {
		return nil, false
	}
	path := []string{first}
	for nested {
		step, after, closed := strings.Cut(rest, "]")
		if !closed || strings.Contains(step, "[") {
			return nil, false
		}
		path = append(path, step)
		if after == "" {
			return path, true
		}
		if rest, nested = strings.CutPrefix(after, "["); !nested {
			return nil, false
		}
	}
	return path, true
}

// shown gives a name of the body for people, unless it is none that they would recognise.
func shown(name string) string {
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return name
}

// node is a place in a form: nothing yet, a text, a list, or an object.
type node struct {
	text   *string
	list   []*node
	fields map[string]*node
}

// put sets a value at the end of a path. It says false where the form contradicts itself.
func (n *node) put(path []string, value string) bool {
	if len(path) == 0 {
		if n.list != nil || n.fields != nil {
			return false
		}
		n.text = &value
		return true
	}
	step, rest := path[0], path[1:]
	switch {
	case n.text != nil:
		return false
	case step != "":
		if n.list != nil {
			return false
		}
		if n.fields == nil {
			n.fields = map[string]*node{}
		}
		if n.fields[step] == nil {
			n.fields[step] = &node{}
		}
		return n.fields[step].put(rest, value)
	case n.fields != nil:
		return false
	}
	if last := len(n.list) - 1; last >= 0 && len(rest) > 0 && n.list[last].text == nil && !n.list[last].has(rest) {
		return n.list[last].put(rest, value)
	}
	next := &node{}
	n.list = append(n.list, next)
	return next.put(rest, value)
}

// has says whether there is something at the end of a path already. At the end of one that goes through another list
// there is always room.
func (n *node) has(path []string) bool {
	for _, step := range path {
		if step == "" {
			return false
		}
		if n = n.fields[step]; n == nil {
			return false
		}
	}
	return true
}

// value gives what json.Marshal takes.
func (n *node) value() any {
	switch {
	case n.text != nil:
		return *n.text
	case n.list != nil:
		if len(n.list) == 1 && n.list[0].text != nil && *n.list[0].text == "" {
			return []any{}
		}
		list := make([]any, 0, len(n.list))
		for _, element := range n.list {
			list = append(list, element.value())
		}
		return list
	}
	if numbers := n.numbers(); numbers != nil {
		list := make([]any, 0, len(numbers))
		for _, number := range numbers {
			list = append(list, n.fields[strconv.Itoa(number)].value())
		}
		return list
	}
	fields := make(map[string]any, len(n.fields))
	for name, field := range n.fields {
		fields[name] = field.value()
	}
	return fields
}

// numbers gives 0, 1, 2 … if these are all of the fields, and otherwise nil.
func (n *node) numbers() []int {
	var numbers []int
	for name := range n.fields {
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 || number >= len(n.fields) || strconv.Itoa(number) != name {
			return nil
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}
