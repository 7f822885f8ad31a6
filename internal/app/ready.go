package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest/spool"
)

// readyTimeout bounds the question to each dependency.
const readyTimeout = 2 * time.Second

// ready asks what webhookd needs whether it is there, for GET /readyz. Webhooks are taken as long as there is the
// database or the spool, so each of the two is optional while the other one is there.
func (a *App) ready(ctx context.Context) []httpapi.Dependency {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var (
		all      sync.WaitGroup
		database = httpapi.Dependency{Name: "database"}
		spooling = httpapi.Dependency{Name: "spool"}
		nats     = httpapi.Dependency{Name: "nats", Optional: true}
	)
	all.Go(func() {
		if err := a.databaseReady(ctx); err != nil {
			database.Missing = "the database cannot be used: nothing can be read, and webhooks wait in the spool until it can"
			a.log.Warn("database is not ready", "error", err)
		}
	})
	all.Go(func() { spooling.Missing = a.spoolReady(ctx) })
	all.Go(func() {
		if err := a.bus.Ready(ctx); err != nil {
			nats.Missing = "nats does not take events: they wait in the outbox, webhooks are taken all the same"
			a.log.Warn("nats is not ready", "error", err)
		}
	})
	all.Wait()
	usable := spooling.Missing == ""
	if usable {
		spooling.Missing = a.spoolInUse()
	}
	spooling.Optional = usable || database.Missing == ""
	database.Optional = usable
	if database.Missing != "" && !usable {
		database.Missing = "the database cannot be used, nor can the spool: webhooks are refused with 503"
	}
	return []httpapi.Dependency{database, spooling, nats}
}

// spoolReady says why the spool could not take webhooks. A disk that does not answer is asked once, however many want to
// know.
func (a *App) spoolReady(ctx context.Context) string {
	checked := make(chan error, 1)
	select {
	case a.checking <- struct{}{}:
		go func() {
			defer func() { <-a.checking }()
			checked <- a.spool.Check()
		}()
	case <-ctx.Done():
	}
	var err error
	select {
	case err = <-checked:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, spool.ErrFull):
		return "the spool is full: " + a.spoolHolds()
	default:
		a.log.Warn("spool is not ready", "error", err)
		return "the spool cannot be written to; see the log"
	}
}

// spoolInUse says what there is to know of a spool that works.
func (a *App) spoolInUse() string {
	stats := a.spool.Stats()
	switch {
	case stats.Records > 0:
		return "in use: " + a.spoolHolds()
	case stats.Damaged > 0:
		return fmt.Sprintf("%d damaged files were set aside in the spool directory; see the log", stats.Damaged)
	default:
		return ""
	}
}

func (a *App) spoolHolds() string {
	stats := a.spool.Stats()
	text := fmt.Sprintf("%d webhooks in %d bytes", stats.Records, stats.Bytes)
	if !stats.Oldest.IsZero() {
		age := max(0, a.now().Sub(stats.Oldest)).Truncate(time.Second)
		text += fmt.Sprintf(", the oldest came %s ago", age)
	}
	return text
}
