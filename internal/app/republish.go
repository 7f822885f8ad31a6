package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/flow"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

// ErrNoStream says that a command would publish where nobody is: no servers are configured, and the database is one that a
// service elsewhere uses, whose embedded server's files are not here.
var ErrNoStream = errors.New("no NATS of the service was found")

// Republish sends outbox history of the configured database to the configured NATS again; work says what, its Store,
// Bus and Options are filled in here. It returns ErrNoStream, too.
func Republish(ctx context.Context, cfg config.Config, log *slog.Logger, work relay.Republish) (
	_ relay.Republished, err error,
) {
	opened, err := openStore(ctx, cfg, time.Now, store.Existing)
	if err != nil {
		return relay.Republished{}, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if cfg.NATSURL.Empty() && !cfg.DatabaseURL.Empty() && !hasStream(cfg) {
		return relay.Republished{}, ErrNoStream
	}
	bus, err := openBus(ctx, cfg, log, time.Now)
	if err != nil {
		return relay.Republished{}, err
	}
	defer func() { err = errors.Join(err, bus.Close()) }()
	if err := bus.Prepare(ctx); err != nil {
		return relay.Republished{}, fmt.Errorf("prepare nats: %w", err)
	}
	work.Store, work.Bus = opened, bus
	work.Options = flow.Options{RingLimit: cfg.RingLimit, CallLimit: cfg.CallLimit}
	return work.Run(ctx)
}
