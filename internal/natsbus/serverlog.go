package natsbus

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// serverLog carries the embedded server's log into ours. What the server calls a notice is of interest to people who
// run NATS servers, so it is a debug line here. A fatal error does not end the process: it is kept for whoever started
// the server.
type serverLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string]
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats server", "text", fmt.Sprintf(format, v...))
}

func (l *serverLog) Warnf(format string, v ...any) {
	for _, usual := range unwarned {
		if strings.HasPrefix(format, usual) {
			l.Noticef(format, v...)
			return
		}
	}
	l.log.Warn("nats server", "text", fmt.Sprintf(format, v...))
}

func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Error("nats server", "text", fmt.Sprintf(format, v...))
}

func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.CompareAndSwap(nil, &text)
}

// unwarned is what the server warns of where it has a WebSocket, and we know better (see websocket.go).
var unwarned = []string{
	"Websocket not configured with TLS",    // it is on loopback only
	"Plaintext passwords detected, use nk", // they are drawn at each start, and nobody has them
}

// Debugf and Tracef are never asked for: a trace would show bodies.
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
