// Package app puts the parts together and takes them apart again: New opens and binds, Start serves, Stop takes down
// what is up, last in first out. The command line and the end-to-end tests use it in the same way. It decides nothing.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"webhookd/internal/backlog"
	"webhookd/internal/config"
	"webhookd/internal/due"
	"webhookd/internal/flow"
	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/live"
	"webhookd/internal/metrics"
	"webhookd/internal/natsbus"
	"webhookd/internal/reconcile"
	"webhookd/internal/relay"
	"webhookd/internal/retention"
	"webhookd/internal/store"
)

// Options are what is not configuration.
type Options struct {
	Logger *slog.Logger     // nil: no log
	Now    func() time.Time // the clock; nil: time.Now
	// Version is what the API says of the program.
	Version string
}

// App is one webhookd.
type App struct {
	cfg     config.Config
	log     *slog.Logger
	now     func() time.Time
	version string
	stack   stack
	failed  chan error

	listener net.Listener
	internal net.Listener // nil where everything is at listener
	profiles net.Listener // nil unless it is asked for
	spool    *spool.Spool
	checking chan struct{} // holds a token while the spool's disk is asked
	store    store.Store
	schema   *schema
	bus      *natsbus.Bus
	ingest   *ingest.Ingest
	due      *due.Runner
	relay    *relay.Relay
	live     *live.Board
	backlog  *backlog.Runner
	http     *httpapi.Server // at listener
	inside   *httpapi.Server // at internal
	// reconciler asks PBXs for their records; nil if there is none to ask.
	reconciler *reconcile.Reconciler
	handlers   *handlers
}

// New opens and binds everything: the HTTP address first, so that one that is taken is told at once, then the spool, the
// database (bringing its schema up to date) and NATS. Nothing is served yet. After an error nothing is left open. A
// Postgres or NATS servers that are away are no error: webhooks can be taken without them.
func New(ctx context.Context, cfg config.Config, options Options) (_ *App, err error) {
	a := &App{cfg: cfg, log: options.Logger, failed: make(chan error, 1), checking: make(chan struct{}, 1)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	a.now, a.version = options.Now, options.Version
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stack.unwind(context.WithoutCancel(ctx)))
		}
	}()
	if a.listener, err = listen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	a.stack.push("http listener", func(context.Context) error { return closeListener(a.listener) })
	if cfg.InternalListen != "" {
		if a.internal, err = listen(ctx, cfg.InternalListen); err != nil {
			return nil, err
		}
		a.stack.push("internal http listener", func(context.Context) error { return closeListener(a.internal) })
	}
	if cfg.PprofListen != "" {
		if a.profiles, err = listen(ctx, cfg.PprofListen); err != nil {
			return nil, err
		}
		a.stack.push("pprof listener", func(context.Context) error { return closeListener(a.profiles) })
	}
	if a.spool, err = openSpool(cfg, a.log); err != nil {
		return nil, err
	}
	a.stack.push("spool", func(context.Context) error { return a.spool.Close() })
	if a.store, a.schema, err = openStoreOrWait(ctx, cfg, a.log, options.Now); err != nil {
		return nil, err
	}
	a.stack.push("database", func(context.Context) error { return a.store.Close() })
	if a.bus, err = openBus(ctx, cfg, a.log, options.Now); err != nil {
		return nil, err
	}
	a.stack.push("nats", func(context.Context) error { return a.bus.Close() })
	if err := a.build(options); err != nil {
		return nil, err
	}
	return a, nil
}

// build makes the parts that work on what was opened.
func (a *App) build(options Options) error {
	engine, err := newEngine(a.cfg)
	if err != nil {
		return err
	}
	if err := a.newHandlers(); err != nil {
		return err
	}
	engine.Dispatcher = a.handlers.dispatcher
	tracer, err := a.newTracer(options.Version)
	if err != nil {
		return err
	}
	engine.Tracer, a.handlers.dispatcher.Tracer = tracer, tracer
	meter, err := metrics.New(metrics.Options{
		Version: options.Version, Accounts: accountNames(a.cfg), Results: httpapi.WebhookResults(),
	})
	if err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	engine.Reaped = meter.Reaped
	a.ingest = ingest.New(ingest.Config{
		Store: a.store, Engine: engine, Logger: a.log, Now: options.Now, Committed: func() { a.due.Wake() },
		Spool: a.spool, CommitTimeout: a.cfg.CommitTimeout, Ready: a.databaseReady, Away: !a.schema.current(),
		Batch: meter.Batch, Tracer: tracer,
	})
	work := due.Config{
		Store: a.store, Engine: engine, CatchingUp: a.ingest.CatchingUp, Logger: a.log, Now: options.Now,
		Dispatcher: a.handlers.dispatcher, Client: a.handlers.client, Retention: retention.New(policy(a.cfg), a.log),
	}
	if a.reconciler = a.newReconciler(engine); a.reconciler != nil {
		work.Repairer = a.reconciler
	}
	a.due = due.New(work)
	a.relay = relay.New(relay.Config{
		Store: a.store, Bus: a.bus, Logger: a.log, Now: options.Now,
		Options:   flow.Options{RingLimit: a.cfg.RingLimit, CallLimit: a.cfg.CallLimit},
		Published: meter.Published, Tracer: tracer,
	})
	a.live = live.New(a.bus)
	a.stack.push("live calls", func(context.Context) error { a.live.Stop(); return nil })
	a.backlog = backlog.New(backlog.Config{Store: a.store, Logger: a.log})
	scrapes, err := meter.Handler(a.sources(options.Now))
	if err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	accounts, err := webhookAccounts(a.cfg)
	if err != nil {
		return err
	}
	return a.newServers(httpapi.Config{
		Metrics: scrapes, Answered: meter.Answered, Tracer: tracer, Live: a.live,
		Intake: a.ingest, Reader: a.store, Quarantine: a.ingest, Refusals: a.store, Ready: a.ready,
		Persons:       a.persons(engine, options.Now),
		WebhookHeader: a.cfg.WebhookHeader, WebhookSecrets: secrets(a.cfg), BodyLimit: a.cfg.BodyLimit,
		WebhookAccounts: accounts, WebhookSources: a.cfg.WebhookSources, TrustedProxies: a.cfg.TrustedProxies,
		RateLimitAddress: a.cfg.RateLimitAddress, RateLimitAccount: a.cfg.RateLimitAccount,
		MaxConnections: a.cfg.MaxConnections, MaxConnectionsAddress: a.cfg.MaxConnectionsAddress,
		Triggers: a.handlers.service, Directory: a.handlers.service, Handlers: a.handlers.service,
		TriggerReader: a.store, APIKeys: apiKeys(a.cfg), ReadTokens: readTokens(a.cfg), Tokens: tokens(a.cfg),
		DefaultRegion: a.cfg.DefaultRegion, Version: options.Version, Logger: a.log, Now: options.Now,
		Statistics: statistics(a.cfg), Zone: a.cfg.TimeZone,
	})
}

// Start begins to serve, and returns. What fails later is told by Failed.
func (a *App) Start(ctx context.Context) error {
	// Before the first webhook, or its events would meet the handlers of the last time.
	if err := a.loadHandlersNow(ctx); err != nil {
		return err
	}
	if a.profiles != nil {
		p := newProfiler()
		a.run("pprof", func(context.Context) error { return p.serve(a.profiles) }, p.stop)
	}
	a.run("schema", a.schema.run, nil)
	a.run("relay", a.schema.before(a.relay.Run), nil)
	a.run("handlers", a.schema.before(a.keepHandlers), nil)
	a.run("due rows", a.schema.before(a.due.Run), nil)
	a.run("nats service", a.answerOnNATS, nil)
	a.run("statistics", a.schema.before(a.backlog.Run), nil)
	a.run("ingest", a.ingest.Run, func(context.Context) error { a.ingest.Stop(); return nil })
	a.serveHTTP()
	return nil
}

// run lets a part work in a goroutine of its own. The clean-up asks it to end (nil: by ending its context) and waits; a
// part that takes too long has its context ended.
func (a *App) run(name string, work, end func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	if end == nil {
		end = func(context.Context) error { cancel(); return nil } //nolint:unparam // the others' ends may fail
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := work(ctx); err != nil {
			select {
			case a.failed <- fmt.Errorf("%s: %w", name, err):
			default: // somebody else failed first
			}
		}
	}()
	a.stack.push(name, func(stop context.Context) error {
		defer cancel()
		err := end(stop)
		select {
		case <-ended:
			return err
		case <-stop.Done():
			return errors.Join(err, context.Cause(stop))
		}
	})
}

// Stop takes nothing more, answers what has begun, finishes what was taken, and closes everything. It is bounded by
// ctx; what had to be cut off is in the error. It may be called after a Start that failed, and again.
func (a *App) Stop(ctx context.Context) error { return a.stack.unwind(ctx) }

// Failed gets an error when a part has ended that should not have; the service is to be stopped then.
func (a *App) Failed() <-chan error { return a.failed }

// NATSURL is where NATS clients find the events, without credentials.
func (a *App) NATSURL() string {
	if a.cfg.NATSURL.Empty() {
		return a.bus.URL()
	}
	return a.cfg.NATSURL.String()
}

// WebSocketURL is where clients in browsers find the embedded NATS server; "" if it has no WebSocket.
func (a *App) WebSocketURL() string { return a.bus.WebSocketURL() }

// Empty says whether no webhook was ever received.
func (a *App) Empty(ctx context.Context) (bool, error) { return a.store.Empty(ctx) }
