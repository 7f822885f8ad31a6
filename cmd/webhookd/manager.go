package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellManager tells the service manager that started the process (systemd, where the unit has Type=notify) how far it
// is. Where nobody asked to be told, it does nothing.
func tellManager(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager cannot be told", "error", err)
	}
}

// stopTakes says that the process is stopping, and may take so long: how long is stop_timeout's to say, and the unit need
// not say it again.
func stopTakes(timeout time.Duration) string {
	return fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (timeout + 2*grace).Microseconds())
}
