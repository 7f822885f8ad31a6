package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

// readyTimeout bounds the question to each dependency.
const readyTimeout = 2 * time.Second

// ready asks what webhookd needs whether it is there, for GET /readyz.
func (a *App) ready(ctx context.Context) []httpapi.Dependency {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var (
		both     sync.WaitGroup
		database = httpapi.Dependency{Name: "database"}
		nats     = httpapi.Dependency{Name: "nats", Optional: true}
	)
	both.Go(func() {
		if err := a.store.Ping(ctx); err != nil {
			database.Missing = "the database does not answer: webhooks are refused with 503 until it does"
			if !errors.Is(err, store.ErrUnavailable) {
				database.Missing = "the database's schema is not the one of this program: run webhookd migrate"
			}
			a.log.Warn("database is not ready", "error", err)
		}
	})
	both.Go(func() {
		if err := a.bus.Ready(ctx); err != nil {
			nats.Missing = "nats does not take events: they wait in the outbox, webhooks are taken all the same"
			a.log.Warn("nats is not ready", "error", err)
		}
	})
	both.Wait()
	return []httpapi.Dependency{database, nats}
}
