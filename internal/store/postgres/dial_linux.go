package postgres

import (
	"strings"
	"syscall"
	"time"
)

const tcpUserTimeout = 18 // TCP_USER_TIMEOUT, which package syscall does not name on every architecture

// setUnackedTimeout bounds how long sent bytes may stay unacknowledged; keep-alives are silent in that time.
func setUnackedTimeout(network string, raw syscall.RawConn, timeout time.Duration) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var setErr error
	err := raw.Control(func(fd uintptr) {
		setErr = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(timeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return setErr
}
