package app

import (
	"context"
	"errors"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/ingest"
	"webhookd/internal/rebuild"
	"webhookd/internal/store"
)

// Rebuild works out every call anew from the journal of the configured database (package rebuild); work says how, its
// Store and Engine are filled in here.
func Rebuild(ctx context.Context, cfg config.Config, work rebuild.Config) (_ rebuild.Result, err error) {
	engine, err := newEngine(cfg)
	if err != nil {
		return rebuild.Result{}, err
	}
	opening := store.Existing
	if work.Check {
		opening = store.Exactly
	}
	opened, err := openStore(ctx, cfg, time.Now, opening)
	if err != nil {
		return rebuild.Result{}, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	work.Store, work.Engine = opened, engine
	return rebuild.Run(ctx, work)
}

// newEngine is the engine as it is configured.
func newEngine(cfg config.Config) (*ingest.Engine, error) {
	rules, err := rules(cfg)
	if err != nil {
		return nil, err
	}
	return &ingest.Engine{
		Rules: rules, SettleDelay: cfg.SettleDelay, RingLimit: cfg.RingLimit, CallLimit: cfg.CallLimit,
	}, nil
}
