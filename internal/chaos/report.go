//go:build unix

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"webhookd/internal/replay/simulate"
)

// Report is what came of a run.
type Report struct {
	Seed     uint64          `json:"seed"`
	Faults   map[string]int  `json:"faults"`
	Restarts int             `json:"starts_that_failed"` // of webhookd, while what it needs was away
	Load     simulate.Result `json:"load"`
	Quiet    bool            `json:"quiet"` // everything came to rest in time
	Checks   []Check         `json:"checks"`
}

// Misses is how often something did not hold.
func (r Report) Misses() int {
	misses := 0
	for _, check := range r.Checks {
		if check.Promised {
			misses += check.Misses
		}
	}
	if !r.Quiet {
		misses++
	}
	return misses
}

// String tells the report to people.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nfaults (seed %d)\n", r.Seed)
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&b, "%8d  %s\n", r.Faults[kind], kind)
	}
	if r.Restarts > 0 {
		fmt.Fprintf(&b, "%8d  starts of webhookd that failed meanwhile\n", r.Restarts)
	}
	b.WriteString("\nload\n")
	for line := range strings.Lines(r.Load.String()) {
		b.WriteString("  " + line)
	}
	b.WriteString("\nchecks\n")
	for _, check := range r.Checks {
		fmt.Fprintf(&b, "%8d  %s", check.Count, check.Name)
		switch {
		case check.Misses > 0 && check.Promised:
			fmt.Fprintf(&b, ": %d MISSES", check.Misses)
		case check.Misses > 0:
			fmt.Fprintf(&b, ": %d not (which is not promised)", check.Misses)
		}
		b.WriteString("\n")
		for _, example := range check.Examples {
			fmt.Fprintf(&b, "            %s\n", example)
		}
	}
	if !r.Quiet {
		b.WriteString("          it did not come to rest: MISS\n")
	}
	if misses := r.Misses(); misses > 0 {
		fmt.Fprintf(&b, "\n%d misses\n", misses)
	} else {
		b.WriteString("\nno miss\n")
	}
	return b.String()
}
