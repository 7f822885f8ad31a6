package tracing

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// hush has OpenTelemetry's library tell the log what it has to say, where it would tell the standard error, and without
// what it quotes: a header that cannot be read ("Authorization: Bearer …") is a secret all the same.
func hush(log *slog.Logger) {
	otel.SetLogger(logr.FromSlogHandler(library{log}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {
		log.Warn("traces are not sent as they should be; nothing else is affected")
	}))
}

// library is a [slog.Handler] that keeps no more of a record than its message, which is constant.
type library struct{ log *slog.Logger }

// Enabled implements [slog.Handler].
func (l library) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements [slog.Handler].
func (l library) Handle(ctx context.Context, record slog.Record) error {
	l.log.WarnContext(ctx, "set-up of traces in OpenTelemetry's own environment variables (OTEL_…) cannot be used",
		"at", record.Message)
	return nil
}

// WithAttrs implements [slog.Handler].
func (l library) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements [slog.Handler].
func (l library) WithGroup(string) slog.Handler { return l }
