package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/erase"
	"webhookd/internal/ingest"
)

// persons exports and erases persons in the running service.
func (a *App) persons(engine *ingest.Engine, now func() time.Time) *erase.Service {
	return &erase.Service{Store: a.store, Engine: engine, Region: a.cfg.DefaultRegion, Now: now, Logger: a.log}
}

// Persons gives work what exports and erases persons in the configured database.
func Persons(ctx context.Context, cfg config.Config, log *slog.Logger, work func(*erase.Service) error) (err error) {
	engine, err := newEngine(cfg)
	if err != nil {
		return err
	}
	opened, err := openStore(ctx, cfg, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	return work(&erase.Service{Store: opened, Engine: engine, Region: cfg.DefaultRegion, Now: time.Now, Logger: log})
}
