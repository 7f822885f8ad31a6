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
	loaded     bool                // they are in the database
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

// loadHandlersNow puts the file's handlers into the database, if that is there.
func (a *App) loadHandlersNow(ctx context.Context) error {
	if a.cfg.HandlersFile == "" || !a.schema.current() {
		return nil
	}
	err := a.handlers.service.LoadFile(ctx, a.handlers.file)
	switch {
	case err == nil:
		a.handlers.loaded = true
		a.log.Info("handlers are loaded from the file", "handlers", len(a.handlers.file))
	case !errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("load handlers: %w", err)
	}
	return nil
}

// keepHandlers loads the file's handlers, if the database was away at the start, and then follows the handlers. No event
// is evaluated before the database is back either; but what is in the spool may be drained before.
func (a *App) keepHandlers(ctx context.Context) error {
	for a.cfg.HandlersFile != "" && !a.handlers.loaded {
		if err := a.loadHandlersNow(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if !a.handlers.loaded && !pause(ctx, fileRetry) {
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
	for _, token := range cfg.ReadTokens {
		all = append(all, token.Token.Reveal())
	}
	for _, token := range cfg.Tokens {
		all = append(all, token.Secret.Reveal())
	}
	for _, user := range cfg.NATSUsers {
		if user.Nkey == "" {
			all = append(all, user.Secret.Reveal())
		}
	}
	for _, account := range cfg.Accounts {
		for _, auth := range account.WebhookAuth {
			all = append(all, auth.Secret.Reveal())
		}
		if account.PBXAPI != nil {
			all = append(all, account.PBXAPI.Key.Reveal())
		}
	}
	return all
}
