package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// program is an expression that was checked, ready to be evaluated.
type program struct {
	code *vm.Program
	text string
}

// maxNodesOf is how many parts an expression may have, and memoryOf how many elements the lists may have together that
// its evaluation makes; what texts it makes and how often it goes round is for the meter.
const (
	maxNodesOf = 1000
	memoryOf   = 100_000
)

var errLong = fmt.Errorf("is longer than %d bytes", maxExpression)

// compileProgram checks an expression and the types in it against the variables.
func compileProgram(text string, options ...expr.Option) (*program, error) {
	if len(text) > maxExpression {
		return nil, errLong
	}
	options = append(options, expr.Env(variables{}), expr.MaxNodes(maxNodesOf))
	code, err := expr.Compile(text, append(options, language...)...)
	if err != nil {
		return nil, errors.New(complaint(err))
	}
	return &program{code: code, text: text}, nil
}

// run evaluates the program over an occasion.
func (p *program) run(o *Occasion) (any, error) {
	v := o.variables()
	*v.Meter = meter{}
	if o.machine == nil {
		o.machine = &vm.VM{MemoryBudget: memoryOf}
	}
	result, err := o.machine.Run(p.code, v)
	if err != nil {
		return nil, errors.New(complaint(err))
	}
	return result, nil
}

// complaint is what the expression language has to say, in one line and without a drawing.
func complaint(err error) string {
	var told *file.Error
	if !errors.As(err, &told) {
		return oneLine(err.Error())
	}
	text := fieldOf.ReplaceAllString(oneLine(told.Message), "$1 has no field $2")
	if told.Line == 1 || told.Line == 0 {
		return fmt.Sprintf("%s (at character %d)", text, told.Column+1)
	}
	return fmt.Sprintf("%s (at character %d of its line %d)", text, told.Column+1, told.Line)
}

// fieldOf is how expr tells of a field that is not there; the types of Go are nothing to people.
var fieldOf = regexp.MustCompile(`type trigger\.(\w+)Vars has no field (\w+)`)

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
