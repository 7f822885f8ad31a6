package trigger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem says what is wrong with a definition, for people.
type Problem struct {
	Line    int    `json:"line,omitempty"` // in the text that was read, from 1; 0 if it was read from none
	Field   string `json:"field"`          // "do[0].text", "handlers[2].when"; "" if it is the definition as a whole
	Message string `json:"message"`
}

func (p Problem) String() string {
	text := p.Message
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	if p.Line > 0 {
		text = "line " + strconv.Itoa(p.Line) + ": " + text
	}
	return text
}

// DefinitionError is the error of a definition that is not right. It holds all that is wrong with it, by line, and no
// secret.
type DefinitionError struct{ Problems []Problem }

func (e *DefinitionError) Error() string {
	texts := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, "; ")
}

// problems collects what is wrong.
type problems struct{ list []Problem }

func (p *problems) addf(line int, field, format string, args ...any) {
	p.list = append(p.list, Problem{Line: line, Field: field, Message: fmt.Sprintf(format, args...)})
}

// err gives the problems as an error, nil if there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &DefinitionError{Problems: p.list}
}

// problemsOf gives the problems that an error tells of.
func problemsOf(err error) *problems {
	if definition := (*DefinitionError)(nil); errors.As(err, &definition) {
		return &problems{list: definition.Problems}
	}
	return &problems{list: []Problem{{Message: err.Error()}}}
}

// key and place extend the path of a field.
func key(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func place(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parentPath takes the last part from a path.
func parentPath(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// nearest gives ", did you mean NAME?" for the known name that is most like a given one, or "" if none is.
func nearest(given string, known []string) string {
	best, distance := "", len(given)/3+1
	for _, name := range known {
		if d := editDistance(given, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
