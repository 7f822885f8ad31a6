package app

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/tracing"
)

// tracesWait is for the last traces when webhookd stops: a collector that is away should not hold it up.
const tracesWait = 3 * time.Second

// newTracer makes what tells a collector of webhooks; nil if no collector is configured.
func (a *App) newTracer(version string) (*tracing.Tracer, error) {
	tracer, err := tracing.New(context.Background(), tracing.Config{
		Endpoint: a.cfg.OTLPEndpoint, Sample: a.cfg.TraceSample, Version: version, Logger: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	if tracer == nil {
		return nil, nil //nolint:nilnil // nil is a Tracer that is off
	}
	a.stack.push("traces", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tracesWait)
		defer cancel()
		if err := tracer.Stop(ctx); err != nil {
			a.log.Warn("the last traces could not be sent", "error", err)
		}
		return nil
	})
	return tracer, nil
}
