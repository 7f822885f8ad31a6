package replay

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that end a replay early.
var (
	// ErrUnreachable says that nothing answers at the URL.
	ErrUnreachable = errors.New("nothing answers there")
	// ErrNotAllowed says that the service does not take webhooks from us: a wrong secret or account.
	ErrNotAllowed = errors.New("not let in")
)

// Result is what became of a webhook, as the sender sees it.
type Result string

// The results. The first three are the service's own words.
const (
	Accepted  Result = "accepted"
	Duplicate Result = "duplicate"
	Ignored   Result = "ignored"
	Refused   Result = "refused" // the service says that it can never be taken
	Failed    Result = "failed"  // no answer, or none that means anything, after all tries
)

// Outcome is what became of one webhook.
type Outcome struct {
	Where  string
	Result Result
	Detail string // for Refused and Failed: why, on one line
}

// Counts is the number of webhooks with each result.
type Counts struct {
	Accepted, Duplicate, Ignored, Refused, Failed int
}

func (c *Counts) add(result Result) {
	switch result {
	case Accepted:
		c.Accepted++
	case Duplicate:
		c.Duplicate++
	case Ignored:
		c.Ignored++
	case Refused:
		c.Refused++
	case Failed:
		c.Failed++
	}
}

// Total is the number of webhooks that are done with.
func (c Counts) Total() int { return c.Accepted + c.Duplicate + c.Ignored + c.Refused + c.Failed }

// String is one line that names every result that occurred.
func (c Counts) String() string {
	var parts []string
	for _, row := range []struct {
		count int
		name  Result
	}{{c.Accepted, Accepted}, {c.Duplicate, Duplicate}, {c.Ignored, Ignored}, {c.Refused, Refused}, {c.Failed, Failed}} {
		if row.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", row.count, row.name))
		}
	}
	if len(parts) == 0 {
		return "nothing sent"
	}
	return strings.Join(parts, ", ")
}
