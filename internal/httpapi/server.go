package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"webhookd/internal/verify"
)

// Server answers HTTP requests on one listener.
type Server struct {
	cfg     Config
	app     *fiber.App
	secrets []verify.Verifier // of accounts that have no verifiers of their own
	barred  map[string]bool   // accounts to which these secrets are nothing: they have verifiers of their own
	open    bool              // there are neither for anybody
	keys    keys              // those that trigger or change something
	admins  keys              // those of them that change something
	tokens  keys              // those that read

	perAddress, perAccount *rates

	credentials []credential // what somebody can log in with

	// base ends when a stop has run out of patience; requests end with it, not with the beginning of the stop.
	base   context.Context //nolint:containedctx // it is the life of the server, which no caller has
	cancel context.CancelFunc
	// streaming ends when a stop begins: a stream has no end of its own that could be waited for.
	streaming  context.Context //nolint:containedctx // as base
	endStreams context.CancelFunc
	streams    streamed

	mu      sync.Mutex
	conns   *connections // set by Serve
	stopped atomic.Bool  // set under mu
}

// New makes a server; it opens nothing and starts nothing.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg.withDefaults()}
	s.secrets = newSecrets(s.cfg.WebhookHeader, s.cfg.WebhookSecrets)
	s.barred = guarded(s.cfg.WebhookAccounts)
	s.open = len(s.secrets) == 0 && len(s.barred) == 0
	s.perAddress, s.perAccount = newRates(s.cfg.RateLimitAddress), newRates(s.cfg.RateLimitAccount)
	tokens := s.cfg.everyToken()
	s.keys, s.admins = newKeys(tokens, ScopeTriggers|ScopeAdmin), newKeys(tokens, ScopeAdmin)
	s.tokens = newKeys(tokens, ScopeRead)
	s.credentials = newCredentials(tokens)
	s.base, s.cancel = context.WithCancel(context.Background())
	s.streaming, s.endStreams = context.WithCancel(s.base)
	s.streams = make(streamed, s.cfg.MaxStreams)
	s.app = fiber.New(fiber.Config{
		CaseSensitive:                true,
		StrictRouting:                true,
		Immutable:                    true, // bodies, params and headers are copies; see TestBodiesDoNotAlias
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // JSON labelled as a form stays JSON
		DisableDefaultContentType:    true,
		BodyLimit:                    s.cfg.BodyLimit,
		ReadBufferSize:               s.cfg.HeaderLimit,
		ReadTimeout:                  s.cfg.ReadTimeout,
		WriteTimeout:                 s.cfg.WriteTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		Concurrency:                  s.cfg.MaxConnections,
		ErrorHandler:                 s.answerServerError,
	})
	s.route()

	engine := s.app.Server()
	handle := s.app.Handler()
	engine.Handler = func(ctx *fasthttp.RequestCtx) {
		if err := dropTrailers(&ctx.Request.Header); err != nil {
			ctx.Error("", fiber.StatusBadRequest) // it cannot be: the same headers were read before
			return
		}
		// Fiber answers a method it has never heard of by itself, in plain text. TRACE has no route here either, so it
		// gets the same 404 or 405 as any other method.
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(fiber.MethodTrace)
		}
		handle(ctx)
	}
	engine.HeaderReceived = s.allowBody
	engine.SecureErrorLogMessage = true // its messages would quote headers, and so the secret
	return s
}

// Serve answers requests on ln until Shutdown, and then returns nil. It takes ln over and closes it. It may be called
// once.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.stopped.Load() || s.conns != nil {
		served := s.conns != nil
		s.mu.Unlock()
		_ = ln.Close() // the caller is told something more useful
		if served {
			return errors.New("serve http: server was used before")
		}
		return nil
	}
	s.conns = newConnections(ln, s.cfg)
	s.mu.Unlock()

	if err := s.app.Server().Serve(s.conns); err != nil {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}

// Shutdown closes the listener, ends the streams, answers the requests that have begun, and then returns nil. When ctx
// ends first, what is left is cut off and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped.Store(true)
	conns := s.conns
	s.mu.Unlock()
	defer s.cancel()
	s.endStreams()
	if conns == nil {
		return nil
	}
	if err := conns.stopAccepting(); err != nil {
		return fmt.Errorf("stop http: %w", err)
	}
	if err := s.app.Server().ShutdownWithContext(ctx); err != nil {
		s.cancel()
		conns.cut()
		return fmt.Errorf("stop http: %w", err)
	}
	return nil
}

// requestContext bounds how long a request may wait for intake or store. It is deliberately not fiber's own context,
// which ends as soon as a stop begins: requests that have begun are answered.
func (s *Server) requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.base, s.cfg.RequestTimeout)
}
