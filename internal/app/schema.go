package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
)

const (
	firstMigration = 5 * time.Second // for the try that a start waits for
	lastMigration  = time.Hour       // what the longest of the later tries may take
	schemaRetry    = time.Second     // between them
)

// schema brings a database up to date that may be away at the start. What asks the database waits for it; the spool
// takes webhooks meanwhile.
type schema struct {
	migrate func(context.Context) error
	log     *slog.Logger
	done    chan struct{}         // closed when the schema is up to date
	last    atomic.Pointer[error] // of the latest try
}

// openStoreOrWait opens the database. A Postgres that cannot be reached is no error: the schema says that it is not
// current then, and goes on trying once it runs.
func openStoreOrWait(ctx context.Context, cfg config.Config, log *slog.Logger, now func() time.Time,
) (store.Store, *schema, error) {
	s := &schema{log: log, done: make(chan struct{})}
	if cfg.DatabaseURL.Empty() {
		opened, err := openStore(ctx, cfg, now, store.Make)
		close(s.done)
		return opened, s, err
	}
	url := cfg.DatabaseURL.Reveal()
	s.migrate = func(ctx context.Context) error { return postgres.Migrate(ctx, url) }
	opened, err := postgres.Open(ctx, postgres.Config{URL: url, Now: now})
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	err = s.try(ctx, firstMigration)
	switch {
	case err == nil:
		close(s.done)
	case ctx.Err() == nil && errors.Is(err, store.ErrUnavailable):
		log.Error("the database is away: webhooks are taken all the same and go to the spool, nothing else is done until it "+
			"is there", "error", err)
	default:
		return nil, nil, errors.Join(fmt.Errorf("bring database up to date: %w", err), opened.Close())
	}
	return opened, s, nil
}

// current says whether the schema is up to date.
func (s *schema) current() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// run tries until the schema is up to date or ctx ends. Every try may take twice as long as the one before: a network
// that swallows everything is given up soon, and a long migration gets its time.
func (s *schema) run(ctx context.Context) error {
	for timeout := 2 * firstMigration; !s.current(); timeout = min(2*timeout, lastMigration) {
		if !pause(ctx, schemaRetry) {
			return nil
		}
		err := s.try(ctx, timeout)
		switch {
		case err == nil:
			s.log.Info("the database is there and its schema is up to date")
			close(s.done)
		case ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable):
			s.log.Error("the database cannot be brought up to date", "error", err)
		}
		if errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			timeout = firstMigration // nothing took long
		}
	}
	return nil
}

func (s *schema) try(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.migrate(ctx)
	s.last.Store(&err)
	return err
}

// before lets a part begin its work when the schema is up to date.
func (s *schema) before(work func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-s.done:
			return work(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// pause says whether the time passed before ctx ended.
func pause(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// databaseReady says why the database cannot be used yet, if it cannot.
func (a *App) databaseReady(ctx context.Context) error {
	if !a.schema.current() {
		return fmt.Errorf("%w: its schema is not known to be up to date: %w", store.ErrUnavailable, *a.schema.last.Load())
	}
	return a.store.Ping(ctx)
}
