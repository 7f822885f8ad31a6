//go:build unix

package chaos

import "fmt"

// Check is one thing that must hold, and how often it was looked at.
type Check struct {
	Name     string   `json:"name"`
	Count    int      `json:"count"`
	Misses   int      `json:"misses"`
	Examples []string `json:"examples,omitempty"` // of misses
	// Promised says that a miss is a fault. What is not promised is only told.
	Promised bool `json:"promised"`
}

const mostExamples = 10

// thatf counts one look.
func (c *Check) thatf(holds bool, format string, args ...any) {
	c.Count++
	if holds {
		return
	}
	c.Misses++
	if len(c.Examples) < mostExamples {
		c.Examples = append(c.Examples, fmt.Sprintf(format, args...))
	}
}

// examine makes all checks. It is a pure function of what the sender knows and of what was written.
func examine(sent *sent, f *facts) []Check {
	checks := checkJournal(sent, f)
	checks = append(checks, checkCalls(f)...)
	checks = append(checks, checkStream(f)...)
	for i := range checks {
		checks[i].Promised = true
	}
	return append(checks, checkBucket(f))
}
