package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"
)

// language is what expressions are besides expr-lang's own: what depends on a clock, on chance or on the machine is not
// there, and what makes much out of little is metered.
var language = func() []expr.Option {
	options := []expr.Option{
		expr.DisableBuiltin("now"),     // a variable of that name is the occasion's time
		expr.DisableBuiltin("values"),  // in no order
		expr.DisableBuiltin("toPairs"), // likewise
		expr.Function("keys", sortedKeys, new(func(map[string]any) []any), new(func(any) []any)),
		expr.Function("date", date, new(func(string) time.Time), new(func(string, string) time.Time),
			new(func(string, string, string) time.Time)),
		expr.Function("timezone", timezone, new(func(string) *time.Location)),
		expr.Patch(&meterer{}),
		expr.Function(functionStep, step, new(func(*meter) bool)),
		expr.Function(functionAdd, add, new(func(*meter, string, string) string), new(func(*meter, any, any) any)),
	}
	functions := make([]expr.Option, 0, len(metered))
	for _, name := range metered {
		functions = append(functions, meteredFunction(name))
	}
	return append(functions, options...)
}()

// Names that nobody can write.
const (
	variableMeter = "(meter)"
	functionStep  = "(step)"
	functionAdd   = "(add)"
)

// metered are expr's functions whose texts can be much longer than what they are made of.
var metered = []string{"repeat", "replace", "join", "toJSON", "toBase64"}

// meter bounds what one evaluation may do. expr itself bounds the lists that are made, but neither texts nor how often
// lists are gone through.
type meter struct {
	steps int
	bytes int
}

const (
	maxSteps = 50_000
	maxBytes = 1 << 20
)

var (
	errSteps     = errors.New("goes through its lists too often")
	errBytes     = errors.New("makes too long a text")
	errZone      = errors.New("the time zone of the machine is not the same everywhere: name one, such as Europe/Warsaw")
	errArguments = errors.New("wrong arguments")
)

func (m *meter) charge(bytes int) error {
	m.bytes += bytes
	if bytes < 0 || m.bytes > maxBytes {
		return errBytes
	}
	return nil
}

// meterer puts the meter into an expression: into every predicate, every sum that may be one of texts, and the metered
// functions.
type meterer struct{}

// Visit is ast.Visitor's; it is called for the inner nodes first.
func (*meterer) Visit(at *ast.Node) { //nolint:gocritic // the interface has it so
	switch n := (*at).(type) {
	case *ast.PredicateNode:
		n.Node = &ast.SequenceNode{Nodes: []ast.Node{call(functionStep), n.Node}}
	case *ast.BinaryNode:
		if n.Operator == "+" && mayBeText(n.Left) && mayBeText(n.Right) {
			ast.Patch(at, call(functionAdd, n.Left, n.Right))
		}
	case *ast.BuiltinNode:
		if slices.Contains(metered, n.Name) {
			ast.Patch(at, call("("+n.Name+")", n.Arguments...))
		}
	}
}

func call(name string, arguments ...ast.Node) *ast.CallNode {
	meter := ast.Node(&ast.IdentifierNode{Value: variableMeter})
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: append([]ast.Node{meter}, arguments...)}
}

func mayBeText(n ast.Node) bool {
	kind := n.Type().Kind()
	return kind == reflect.String || kind == reflect.Interface
}

func step(args ...any) (any, error) {
	m, ok := args[0].(*meter)
	if !ok {
		return nil, errArguments
	}
	m.steps++
	if m.steps > maxSteps {
		return nil, errSteps
	}
	return true, nil
}

func add(args ...any) (any, error) {
	m, ok := args[0].(*meter)
	if !ok {
		return nil, errArguments
	}
	left, isText := args[1].(string)
	right, areTexts := args[2].(string)
	if !isText || !areTexts {
		return runtime.Add(args[1], args[2]), nil
	}
	if err := m.charge(len(left) + len(right)); err != nil {
		return nil, err
	}
	return left + right, nil
}

// meteredFunction is one of expr's functions with a meter in front of its arguments.
func meteredFunction(name string) expr.Option {
	f := builtin.Builtins[builtin.Index[name]]
	run := plainFunction(f)
	if name == "toJSON" {
		run = toJSON
	}
	types := make([]any, 0, len(f.Types))
	for _, t := range f.Types {
		in := []reflect.Type{reflect.TypeFor[*meter]()}
		in = slices.AppendSeq(in, t.Ins())
		out := slices.Collect(t.Outs())
		types = append(types, reflect.New(reflect.FuncOf(in, out, t.IsVariadic())).Interface())
	}
	return expr.Function("("+name+")", func(args ...any) (any, error) {
		m, ok := args[0].(*meter)
		if !ok {
			return nil, errArguments
		}
		if err := m.charge(estimate(name, args[1:])); err != nil {
			return nil, err
		}
		return run(args[1:]...)
	}, types...)
}

// plainFunction gives the one form that every function of expr can be called by.
func plainFunction(f *builtin.Function) func(args ...any) (any, error) {
	switch {
	case f.Func != nil:
		return f.Func
	case f.Safe != nil:
		return func(args ...any) (any, error) {
			result, _, err := f.Safe(args...)
			return result, err
		}
	default:
		return func(args ...any) (any, error) { return f.Fast(args[0]), nil }
	}
}

// estimate is how long a function's text can become at most; -1 if it is too long to be counted.
func estimate(name string, args []any) int {
	text, _ := first(args, 0).(string)
	switch name {
	case "repeat":
		times := whole(first(args, 1))
		if times < 0 || times > maxBytes || len(text) > maxBytes {
			return -1
		}
		return len(text) * times
	case "replace":
		old, _ := first(args, 1).(string)
		replacement, _ := first(args, 2).(string)
		if len(text) > maxBytes || len(replacement) > maxBytes {
			return -1
		}
		return len(text) + (len(text)/max(1, len(old))+1)*len(replacement)
	case "join":
		return joined(args)
	case "toBase64":
		return 2 * len(text)
	default: // toJSON: of what is there already, so it is counted afterwards
		return 0
	}
}

func joined(args []any) int {
	separator, _ := first(args, 1).(string)
	length := 0
	switch texts := first(args, 0).(type) {
	case []string:
		for _, text := range texts {
			length += len(text) + len(separator)
		}
	case []any:
		for _, value := range texts {
			text, _ := value.(string)
			length += len(text) + len(separator)
		}
	}
	return length
}

func first(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func whole(value any) int {
	n, ok := value.(int)
	if !ok {
		return -1
	}
	return n
}

// toJSON is compact, where expr's is indented.
func toJSON(args ...any) (any, error) {
	data, err := json.Marshal(args[0])
	if err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	if len(data) > maxBytes {
		return nil, errBytes
	}
	return string(data), nil
}

func sortedKeys(args ...any) (any, error) {
	object, ok := args[0].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("cannot get keys from %T", args[0])
	}
	keys := make([]any, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		keys = append(keys, name)
	}
	return keys, nil
}

// layouts are the ways in which date reads a time; without a zone it is UTC.
var layouts = []string{time.RFC3339, time.DateTime, time.DateOnly}

// date reads a time: date(text), date(text, layout) or date(text, layout, zone).
func date(args ...any) (any, error) {
	texts := make([]string, 0, len(args))
	for _, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return nil, errArguments
		}
		texts = append(texts, text)
	}
	switch len(texts) {
	case 1:
		for _, layout := range layouts {
			if at, err := time.Parse(layout, texts[0]); err == nil {
				return at.UTC(), nil
			}
		}
		return nil, fmt.Errorf("%q is no time, such as 2006-01-02T15:04:05Z", texts[0])
	case 2:
		return time.Parse(texts[1], texts[0])
	default:
		zone, err := location(texts[2])
		if err != nil {
			return nil, err
		}
		return time.ParseInLocation(texts[1], texts[0], zone)
	}
}

func timezone(args ...any) (any, error) {
	name, ok := args[0].(string)
	if !ok {
		return nil, errArguments
	}
	return location(name)
}

func location(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone, such as Europe/Warsaw", name)
	}
	return zone, nil
}
