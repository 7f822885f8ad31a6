package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a value of a definition, with the line that it stands in.
type node struct {
	line int
	// value is nil, bool, json.Number or string; of a list or an object it is nothing.
	value   any
	list    []node
	members []member
	kind    nodeKind
}

type member struct {
	name  string
	line  int
	value node
}

type nodeKind uint8

const (
	single nodeKind = iota
	list
	object
)

// is says what a node is, for people.
func (n *node) is() string {
	switch n.kind {
	case list:
		return "a list"
	case object:
		return "a mapping"
	case single:
	}
	switch n.value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	}
	return "a text"
}

// plain gives a node as values of JSON, and enters the lines of all that is in it.
func (n *node) plain(path string, lines map[string]int) any {
	lines[path] = n.line
	switch n.kind {
	case list:
		values := make([]any, 0, len(n.list))
		for i := range n.list {
			values = append(values, n.list[i].plain(place(path, i), lines))
		}
		return values
	case object:
		values := make(map[string]any, len(n.members))
		for i := range n.members {
			m := &n.members[i]
			values[m.name] = m.value.plain(key(path, m.name), lines)
			lines[key(path, m.name)] = m.line
		}
		return values
	case single:
	}
	return n.value
}

// Limits of a text that is read: aliases must not make much out of little.
const (
	maxNodes = 50_000
	maxDepth = 30
)

var (
	errTooMuch = errors.New("holds too much")
	errTooDeep = errors.New("is nested too deeply")
)

// parseYAML reads one YAML document. Nothing at all is an empty mapping.
func parseYAML(data []byte) (node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return node{kind: object, line: 1}, nil
	} else if err != nil {
		return node{}, yamlProblem(err, data)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return node{}, &DefinitionError{[]Problem{{Message: "holds more than one YAML document"}}}
	}
	r := &yamlReader{}
	root := r.read(document.Content[0], 0)
	if err := r.problems.err(); err != nil {
		return node{}, err
	}
	if root.kind == single && root.value == nil {
		return node{kind: object, line: 1}, nil
	}
	return root, nil
}

// yamlProblem makes one of the YAML library's errors one of ours.
func yamlProblem(err error, data []byte) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text, _, _ = strings.Cut(text, "\n")
	line := 0
	if _, scanned := fmt.Sscanf(text, "line %d:", &line); scanned == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	// The library counts lines from 1 in what its scanner finds and from 0 in what its parser finds, and says nothing
	// where it would say 0.
	if anchor := unknownAnchor.FindStringSubmatch(text); anchor != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+anchor[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	} else if parserProblem.MatchString(text) || line == 0 {
		line++
	}
	return &DefinitionError{[]Problem{{Line: line, Message: "is no YAML: " + text}}}
}

var (
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	parserProblem = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or|<)`)
)

type yamlReader struct {
	problems problems
	nodes    int
}

// allow says whether one more node may be read.
func (r *yamlReader) allow(line, depth int) bool {
	r.nodes++
	switch {
	case r.nodes == maxNodes:
		r.problems.addf(line, "", "%v", errTooMuch)
	case depth == maxDepth:
		r.problems.addf(line, "", "%v", errTooDeep)
	}
	return r.nodes < maxNodes && depth < maxDepth
}

func (r *yamlReader) read(from *yaml.Node, depth int) node {
	line := from.Line
	if from.Kind == yaml.AliasNode {
		from = from.Alias
	}
	n := node{line: line}
	if !r.allow(line, depth) {
		return n
	}
	switch from.Kind {
	case yaml.SequenceNode:
		n.kind = list
		for _, element := range from.Content {
			n.list = append(n.list, r.read(element, depth+1))
		}
	case yaml.MappingNode:
		n.kind = object
		seen := map[string]bool{}
		for i := 0; i+1 < len(from.Content); i += 2 {
			name, value := from.Content[i], from.Content[i+1]
			switch {
			case name.Kind != yaml.ScalarNode:
				r.problems.addf(name.Line, "", "a key is no text")
				continue
			case seen[name.Value]:
				r.problems.addf(name.Line, name.Value, "is there twice")
				continue
			}
			seen[name.Value] = true
			n.members = append(n.members, member{name.Value, name.Line, r.read(value, depth+1)})
		}
	default:
		n.value = r.scalar(from)
	}
	return n
}

func (r *yamlReader) scalar(from *yaml.Node) any {
	switch from.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var value bool
		if from.Decode(&value) == nil {
			return value
		}
	case "!!int", "!!float":
		return r.number(from)
	case "!!str", "!!timestamp":
	default:
		r.problems.addf(from.Line, "", "the tag %s is not known", from.Tag)
	}
	return from.Value
}

// number keeps a number as it is written, if JSON writes it so, too.
func (r *yamlReader) number(from *yaml.Node) any {
	if json.Valid([]byte(from.Value)) {
		return json.Number(from.Value)
	}
	var value float64
	if err := from.Decode(&value); err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		r.problems.addf(from.Line, "", "%q is no number", from.Value)
		return nil
	}
	written, err := json.Marshal(value)
	if err != nil {
		r.problems.addf(from.Line, "", "%q is no number", from.Value)
		return nil
	}
	return json.Number(written)
}

// parseJSON reads one JSON value.
func parseJSON(data []byte) (node, error) {
	if !json.Valid(data) {
		return node{}, jsonProblem(data)
	}
	r := &jsonReader{data: data, line: 1, decoder: json.NewDecoder(bytes.NewReader(data))}
	r.decoder.UseNumber()
	root := r.read(0)
	if err := r.problems.err(); err != nil {
		return node{}, err
	}
	return root, nil
}

// jsonProblem says where a text stops being JSON.
func jsonProblem(data []byte) error {
	problem := Problem{Line: 1, Message: "is no JSON"}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(any)); errors.As(err, &syntax) {
		before := data[:max(0, min(int(syntax.Offset)-1, len(data)))]
		problem.Line += bytes.Count(before, []byte("\n"))
		problem.Message += ": " + syntax.Error()
	}
	return &DefinitionError{[]Problem{problem}}
}

// jsonReader reads a text that is known to be JSON.
type jsonReader struct {
	problems problems
	data     []byte
	decoder  *json.Decoder
	offset   int64 // up to which lines were counted
	line     int
}

// next gives the next token; lines are counted up to its end, where it still is on its own line.
func (r *jsonReader) next() json.Token {
	token, err := r.decoder.Token()
	if err != nil {
		r.problems.addf(r.line, "", "is no JSON: %v", err) // cannot be: it was checked
		return nil
	}
	end := r.decoder.InputOffset()
	r.line += bytes.Count(r.data[r.offset:end], []byte("\n"))
	r.offset = end
	return token
}

func (r *jsonReader) read(depth int) node {
	token := r.next()
	n := node{line: r.line}
	delimiter, nested := token.(json.Delim)
	if !nested {
		n.value = token
		return n
	}
	if depth >= maxDepth {
		if len(r.problems.list) == 0 {
			r.problems.addf(r.line, "", "%v", errTooDeep)
		}
		r.skip()
		return n
	}
	if delimiter == '[' {
		n.kind = list
		for r.decoder.More() {
			n.list = append(n.list, r.read(depth+1))
		}
		r.next()
		return n
	}
	n.kind = object
	seen := map[string]bool{}
	for r.decoder.More() {
		name, _ := r.next().(string)
		line := r.line
		value := r.read(depth + 1)
		if seen[name] {
			r.problems.addf(line, name, "is there twice")
			continue
		}
		seen[name] = true
		n.members = append(n.members, member{name, line, value})
	}
	r.next()
	return n
}

// skip reads on to the end of the list or object that was just begun.
func (r *jsonReader) skip() {
	for open := 1; open > 0; {
		switch r.next() {
		case json.Delim('['), json.Delim('{'):
			open++
		case json.Delim(']'), json.Delim('}'):
			open--
		case nil:
			if len(r.problems.list) > 1 {
				return // the decoder is at odds with json.Valid
			}
		}
	}
}
