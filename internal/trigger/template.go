package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// template is a text with expressions in it: ${ … }. $${ stands for ${ itself.
type template struct {
	parts []part
	// escape changes what an expression gives, but for one at the beginning; nil changes nothing.
	escape func(string) string
	// check says what is wrong with the text that comes out; nil takes every text.
	check func(string) error
}

// part is a piece of text, or an expression.
type part struct {
	text    string
	program *program
}

var (
	errUnclosed = errors.New("a ${ is not closed by a }")
	errNothing  = errors.New("a ${ } is empty")
	errTemplate = fmt.Errorf("is longer than %d bytes", maxTemplate)
)

// parseTemplate checks a text and the expressions in it.
func parseTemplate(text string) (*template, error) {
	if len(text) > maxTemplate {
		return nil, errTemplate
	}
	t := &template{}
	plain := ""
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			if plain += rest; plain != "" {
				t.parts = append(t.parts, part{text: plain})
			}
			return t, nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			plain += escaped + "${"
			rest = after
			continue
		}
		if plain += before; plain != "" {
			t.parts = append(t.parts, part{text: plain})
			plain = ""
		}
		length := expressionLength(after)
		if length < 0 {
			return nil, errUnclosed
		}
		expression := strings.TrimSpace(after[:length])
		if expression == "" {
			return nil, errNothing
		}
		program, err := compileProgram(expression)
		if err != nil {
			return nil, fmt.Errorf("${ %s }: %w", expression, err)
		}
		t.parts = append(t.parts, part{program: program})
		rest = after[length+1:]
	}
}

// expressionLength finds the } that ends an expression: one that is in no text and closes no { of the expression's own;
// -1 if there is none.
func expressionLength(text string) int {
	open := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{':
			open++
		case '}':
			if open == 0 {
				return i
			}
			open--
		case '"', '\'', '`':
			end := quotedLength(text[i+1:], c)
			if end < 0 {
				return -1
			}
			i += end + 1
		}
	}
	return -1
}

// quotedLength finds the end of a text that began with a quotation mark.
func quotedLength(text string, mark byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == mark:
			return i
		case text[i] == '\\' && mark != '`':
			i++
		}
	}
	return -1
}

// constant says whether the text holds no expression, and what it is then.
func (t *template) constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].program == nil:
		return t.parts[0].text, true
	}
	return "", false
}

// fill evaluates the template over an occasion. No template gives no text.
func (t *template) fill(o *Occasion) (string, error) {
	if t == nil {
		return "", nil
	}
	if text, ok := t.constant(); ok {
		return text, nil // it was checked when it was read
	}
	text, err := t.evaluate(o)
	if err == nil && t.check != nil {
		if wrong := t.check(text); wrong != nil {
			err = fmt.Errorf("%q %w", text, wrong)
		}
	}
	return text, err
}

func (t *template) evaluate(o *Occasion) (string, error) {
	var out strings.Builder
	for i, p := range t.parts {
		if p.program == nil {
			out.WriteString(p.text)
			continue
		}
		value, err := p.program.run(o)
		if err != nil {
			return "", fmt.Errorf("${ %s }: %w", p.program.text, err)
		}
		text, err := format(value)
		if err != nil {
			return "", fmt.Errorf("${ %s }: %w", p.program.text, err)
		}
		if i > 0 && t.escape != nil {
			text = t.escape(text)
		}
		out.WriteString(text)
		if out.Len() > maxBytes {
			return "", errBytes
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD"), nil // events are JSON, which is UTF-8
}

var errNoNumber = errors.New("the result is no number")

// format makes a text of what an expression gave: a text is itself, nothing is "", whole numbers have no decimals, a time
// is RFC 3339, and what has parts is JSON.
func format(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return formatFloat(v)
	case time.Time:
		return v.Format(time.RFC3339), nil
	case time.Duration:
		return Duration(v).String(), nil
	case *time.Location:
		return v.String(), nil
	case time.Month:
		return strconv.Itoa(int(v)), nil
	case time.Weekday:
		return v.String(), nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("the result cannot be written: %w", err)
	}
	return string(data), nil
}

// maxPlain is the greatest number that is written without an exponent.
const maxPlain = 1e15

func formatFloat(v float64) (string, error) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "", errNoNumber
	case v == 0:
		return "0", nil
	case math.Abs(v) < maxPlain && math.Abs(v) >= 1e-6:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return strconv.FormatFloat(v, 'g', -1, 64), nil
}
