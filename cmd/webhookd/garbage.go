package main

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much may be allocated between two garbage collections, in percent of what is in use. What is
// in use is little here (some tens of megabytes) and what is allocated is much; with Go's default of 100 a fifth of the
// processor went into collecting (docs/performance.md).
const garbagePercent = 200

// collectLess sets that, unless the operator has set GOGC.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
