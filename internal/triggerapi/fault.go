package triggerapi

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that the service behind the API returns, and that the API decides on.
var (
	// ErrUnknownName says that a trigger names neither a handler nor a flow.
	ErrUnknownName = errors.New("no such handler or flow")
	// ErrExists says that there is a handler of this name already.
	ErrExists = errors.New("handler exists")
	// ErrOfFile says that the handlers file owns the handler, so that the API must not change it.
	ErrOfFile = errors.New("handler comes from the file")
	// ErrForeign says that what is named belongs to another account than the caller's.
	ErrForeign = errors.New("belongs to another account")
)

// ErrMediaType says that a body is of a sort that cannot be read at all.
var ErrMediaType = errors.New("neither JSON nor a form")

// Fault is one thing that is wrong with a body. Neither part quotes the body.
type Fault struct {
	Field   string `json:"field"` // for example "to[1].subscriberId"; "" for the body as a whole
	Message string `json:"message"`
}

// InvalidError says what is wrong with a body.
type InvalidError struct {
	// Malformed says that the body could not be read to its end, or holds too much; otherwise it was read, and what it
	// says cannot be.
	Malformed bool
	Faults    []Fault // at least one
}

// Error names the faults.
func (e *InvalidError) Error() string { return strings.Join(e.Messages(), "; ") }

// Messages gives each fault as one text.
func (e *InvalidError) Messages() []string {
	texts := make([]string, 0, len(e.Faults))
	for _, fault := range e.Faults {
		text := fault.Message
		if fault.Field != "" {
			text = fault.Field + ": " + text
		}
		texts = append(texts, text)
	}
	return texts
}

func malformed(field, format string, args ...any) error {
	return &InvalidError{Malformed: true, Faults: []Fault{{field, fmt.Sprintf(format, args...)}}}
}
