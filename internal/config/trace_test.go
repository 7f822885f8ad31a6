package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

func TestTracesAreOffUnlessACollectorIsGiven(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{})
	require.NoError(t, err)
	require.Empty(t, cfg.OTLPEndpoint)
	require.InDelta(t, 1.0, cfg.TraceSample, 0)
	cfg, err = config.Load(config.Sources{Flags: map[string][]string{
		"otlp_endpoint": {"https://collector.example.com/otlp/"}, "trace_sample": {"0.25"},
	}})
	require.NoError(t, err)
	require.Equal(t, "https://collector.example.com/otlp", cfg.OTLPEndpoint)
	require.InDelta(t, 0.25, cfg.TraceSample, 0)
}

func TestACollectorThatCannotBeOneIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, says string }{
		{"otlp_endpoint", "127.0.0.1:4318", "no URL of a collector"},
		{"otlp_endpoint", "grpc://collector:4317", "no URL of a collector"},
		{"otlp_endpoint", "https://me:geheim@collector", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"otlp_endpoint", "https://collector?token=geheim", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"otlp_endpoint", "http://127.0.0.1:4318/v1/traces", "without /v1/traces"},
		{"trace_sample", "-0.1", "from 0 to 1"},
		{"trace_sample", "1.1", "from 0 to 1"},
		{"trace_sample", "NaN", "from 0 to 1"},
		{"trace_sample", "10%", "from 0 to 1"},
	} {
		_, err := config.Load(config.Sources{Flags: map[string][]string{c.key: {c.value}}})
		require.ErrorContains(t, err, c.says, c.value)
		require.ErrorContains(t, err, c.key)
		require.NotContains(t, err.Error(), "geheim")
	}
}
