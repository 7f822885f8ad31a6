package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/erase"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// reachNATS is how long a command waits for NATS.
const reachNATS = 5 * time.Second

// persons exports and erases persons in the running service.
func (a *App) persons(engine *ingest.Engine, now func() time.Time) *erase.Service {
	return &erase.Service{Store: a.store, Engine: engine, Region: a.cfg.DefaultRegion, Now: now, Logger: a.log, Stream: a.bus}
}

// PersonWork is what is to be done about persons: an export, if it is no erasure.
type PersonWork struct {
	Erases bool
	DryRun bool // it only says what it would erase
}

// Persons gives work what exports and erases persons in the configured database and, for erasing, on the stream.
func Persons(
	ctx context.Context, cfg config.Config, log *slog.Logger, what PersonWork, work func(*erase.Service) error,
) (err error) {
	engine, err := newEngine(cfg)
	if err != nil {
		return err
	}
	opened, err := openStore(ctx, cfg, time.Now, store.Existing.Dry(what.DryRun || !what.Erases))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	service := &erase.Service{Store: opened, Engine: engine, Region: cfg.DefaultRegion, Now: time.Now, Logger: log}
	if what.Erases && reachesStream(cfg) {
		cfg.NATSListen, cfg.NATSWebSocketListen = "127.0.0.1:0", "" // of an embedded server: nobody else needs it now
		bus, err := openBus(ctx, cfg, log, time.Now)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bus.Close()) }()
		select {
		case <-bus.Up():
		case <-time.After(reachNATS): // the certificate says that it was not reached
		case <-ctx.Done():
		}
		service.Stream = bus
	}
	return work(service)
}

// reachesStream says whether a command can look at the stream: on servers of its own, or in the files of the embedded one if
// nobody else has them. With the embedded database nobody has; with Postgres a running service may.
func reachesStream(cfg config.Config) bool {
	if !cfg.NATSURL.Empty() {
		return true
	}
	return cfg.DatabaseURL.Empty() && hasStream(cfg)
}

// hasStream says whether an embedded server has been in the configured directory.
func hasStream(cfg config.Config) bool {
	_, err := os.Stat(filepath.Join(cfg.DataDir, natsDir))
	return err == nil
}
