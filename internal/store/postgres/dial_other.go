//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// setUnackedTimeout does nothing here: the system's own limit holds for bytes that were sent and not acknowledged.
func setUnackedTimeout(string, syscall.RawConn, time.Duration) error { return nil }
