package tracing_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/tracing"
)

// A header that was written with a colon is told of, and not shown: it is a secret.
func TestHeadersThatCannotBeReadAreNotShown(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer Hunter2")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "Hunter3")
	var log bytes.Buffer
	tracer, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: "http://127.0.0.1:1", Sample: 1, Version: "v1", Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	require.NoError(t, err)
	require.NoError(t, tracer.Stop(context.Background()))
	require.NotContains(t, log.String(), "Hunter")
	require.Contains(t, log.String(), `"at":"parse headers"`)
	require.Contains(t, log.String(), `"at":"parse duration"`)
}
