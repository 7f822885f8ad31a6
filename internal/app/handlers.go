package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"webhookd/internal/callout"
	"webhookd/internal/config"
	"webhookd/internal/dispatch"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// handlers are the parts that do what handlers say.
type handlers struct {
	file       []*trigger.Compiled // of the handlers file, nil if there is none
	environ    trigger.Environment
	dispatcher *dispatch.Dispatcher
	service    *dispatch.Service
	client     *callout.Client
}

// fileRetry is how long the database is waited for between two tries to write the file's handlers.
const fileRetry = time.Second

// newHandlers reads the handlers file, if there is one, and makes the parts.
func (a *App) newHandlers() error {
	h := &handlers{
		environ: trigger.Environment{Flows: a.cfg.Flows, Resthooks: a.cfg.ResthookURLs()},
		client: callout.New(callout.Config{
			Timeout: a.cfg.CalloutTimeout, AllowPrivate: a.cfg.CalloutAllowPrivate, AllowAllPrivate: a.cfg.CalloutAllowAll,
			Secrets: everySecret(a.cfg), Now: a.now,
		}),
	}
	a.stack.push("call-outs", func(context.Context) error { h.client.Close(); return nil })
	h.dispatcher = &dispatch.Dispatcher{
		Book: dispatch.NewBook(a.store, h.environ, a.log), Failures: a.cfg.HandlerFailures, Logger: a.log,
	}
	h.service = &dispatch.Service{
		Dispatcher: h.dispatcher, Store: a.store, Now: a.now, Committed: func() { a.due.Wake() },
		Options: flow.Options{RingLimit: a.cfg.RingLimit, CallLimit: a.cfg.CallLimit},
	}
	a.handlers = h
	var err error
	h.file, err = a.readHandlersFile()
	return err
}

// readHandlersFile reads and checks the handlers file.
func (a *App) readHandlersFile() ([]*trigger.Compiled, error) {
	if a.cfg.HandlersFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(a.cfg.HandlersFile)
	if err != nil {
		return nil, fmt.Errorf("read handlers: %w", err)
	}
	compiled, err := trigger.LoadFile(data, a.handlers.environ)
	if err != nil {
		return nil, fmt.Errorf("read handlers file %s: %w", a.cfg.HandlersFile, err)
	}
	return compiled, nil
}

// Reload reads the handlers file again. If anything is wrong with it, or the database is away, the handlers stay as they
// are, and the error says so.
func (a *App) Reload(ctx context.Context) error {
	if a.cfg.HandlersFile == "" {
		return errors.New("reload handlers: no handlers file is configured")
	}
	compiled, err := a.readHandlersFile()
	if err != nil {
		return fmt.Errorf("%w; the handlers stay as they are", err)
	}
	if err := a.handlers.service.LoadFile(ctx, compiled); err != nil {
		return fmt.Errorf("reload handlers: %w; they stay as they are", err)
	}
	a.log.Info("handlers are loaded from the file", "handlers", len(compiled))
	return nil
}

// loadHandlers puts the file's handlers into the database at the start. With a database that is away that waits: no
// event is evaluated before it is back either.
func (a *App) loadHandlers(ctx context.Context) error {
	for a.cfg.HandlersFile != "" {
		err := a.handlers.service.LoadFile(ctx, a.handlers.file)
		if err == nil {
			a.log.Info("handlers are loaded from the file", "handlers", len(a.handlers.file))
			break
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the process ends
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		a.log.Warn("handlers of the file wait for the database", "error", err)
		if !pause(ctx, fileRetry) {
			return nil
		}
	}
	return a.handlers.dispatcher.Book.Run(ctx)
}

// everySecret is what must not be seen in what call-outs show.
func everySecret(cfg config.Config) []string {
	all := secrets(cfg)
	for _, key := range cfg.APIKeys {
		all = append(all, key.Key.Reveal())
	}
	return all
}
