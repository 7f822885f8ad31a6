package httpapi

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"webhookd/internal/ingest"
	"webhookd/internal/stats"
	"webhookd/internal/statsapi"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
)

// DefaultAccount is the account of requests that name none.
const DefaultAccount = "default"

// Defaults of [Config].
const (
	DefaultWebhookHeader  = "X-Webhook-Secret"
	DefaultBodyLimit      = 1 << 20
	DefaultHeaderLimit    = 16 << 10
	DefaultReadTimeout    = 10 * time.Second
	DefaultWriteTimeout   = 10 * time.Second
	DefaultIdleTimeout    = 75 * time.Second
	DefaultRequestTimeout = 20 * time.Second
	DefaultMaxConnections = 4096
	DefaultMaxStreams     = 512
	// DefaultHeartbeat is well below what proxies take for silence (a minute, most of them).
	DefaultHeartbeat = 15 * time.Second
	DefaultRegion    = "PL"
)

// Intake takes webhooks in.
type Intake interface {
	// Submit returns once the webhook is on disk. Errors: *ingest.RefusedError (the body is kept for quarantine),
	// store.ErrUnavailable, ingest.ErrStopping, ingest.ErrBusy. body is the caller's no more.
	Submit(ctx context.Context, account string, body []byte) (ingest.Answer, error)
	// CloseCall closes the open legs of a call by hand. Errors: store.ErrNotFound, store.ErrUnavailable.
	CloseCall(ctx context.Context, call store.Key) (closed int, err error)
}

// Quarantine keeps bodies that the door itself refuses; ingest.Ingest is one, and store.Writer.
type Quarantine interface {
	Quarantine(ctx context.Context, refused store.Refused) error
}

// Reader is the part of store.Reader that the API needs.
type Reader interface {
	Call(ctx context.Context, key store.Key) (store.Call, error)
	Calls(ctx context.Context, filter store.CallFilter) ([]store.Call, error)
	Dialog(ctx context.Context, key store.Key) (store.Leg, error)
	Entries(ctx context.Context, call store.Key) ([]store.Entry, error)
	Changes(ctx context.Context, call store.Key) ([]store.OutboxRow, error)
	statsapi.Reader
}

// Dependency is something that webhookd needs in order to work, as GET /readyz shows it.
type Dependency struct {
	Name    string
	Missing string // what is missing, for people; "" when all is well. Anybody may read it.
	// Optional says that webhooks are taken without it: when only such a one is missing, traffic should go on coming.
	Optional bool
}

// APIKey is a key to the trigger API, and the account that it is for.
type APIKey struct {
	Account string // "" is the default account
	Key     string
}

// ReadToken lets somebody read, and look at the pages.
type ReadToken struct {
	Account string // whose data it shows; "" is every account's
	Token   string
}

// Config is what a [Server] needs. Intake and Reader must be given; every other zero value has a default.
type Config struct {
	Intake     Intake
	Reader     Reader
	Quarantine Quarantine // nil: bodies that the door itself refuses are not kept
	Refusals   Refusals   // shows quarantine and empties it; nil: there are no such routes
	Persons    Persons    // exports and erases persons; nil: there are no such routes
	// Ready names the dependencies and what each lacks; nil means that there are none. It should return when its
	// context ends.
	Ready func(ctx context.Context) []Dependency

	// Live is where GET /v1/stream and GET /v1/stream/calls come from; nil: there are no such routes.
	Live Live

	// Metrics answers GET /metrics; nil: there is no such route.
	Metrics http.Handler
	// Profiles answers what is under /debug/pprof/, to whoever may see figures of all accounts; nil: there is no such route.
	Profiles http.Handler

	// Public leaves everything out but what those outside need: handing in webhooks, the trigger API (without its handlers),
	// and whether the server is there. It is for a listener that the internet reaches, beside another one for the rest.
	Public bool
	// TLS is how connections are encrypted; nil: they are not.
	TLS *tls.Config
	// Answered, if not nil, is told of every request that brought, or would have brought, a webhook: for which account,
	// what became of it (one of WebhookResults), and how long that took. The account is what the sender wrote. It must not
	// take time itself.
	Answered func(account, result string, took time.Duration)
	// Tracer tells of requests with webhooks; nil: of none.
	Tracer *tracing.Tracer

	// Triggers, Directory, Handlers and TriggerReader are what the trigger API works on; with nil Triggers there is no such
	// API, and otherwise the others must be given, too.
	Triggers      Triggers
	Directory     Directory
	Handlers      Handlers
	TriggerReader TriggerReader
	// APIKeys let in to the trigger API, each to its account; all are valid at once. With none, the API is open where
	// GuardReads is false, to requests that a browser cannot have been tricked into, and closed otherwise. An empty key
	// is never valid.
	APIKeys []APIKey

	// ReadTokens let in to the routes and pages that show something, each to its account; all are valid at once. With none,
	// reading is as GuardReads says. An empty token is never valid.
	ReadTokens []ReadToken

	// Tokens are both, by their scopes: sent as Bearer, or as an API key where they trigger or change something.
	Tokens []Token

	// WebhookHeader is the header that carries the secret.
	WebhookHeader string
	// WebhookSecrets are all valid at once. With none, the door is open, but only to requests that a browser cannot
	// have been tricked into (see local.go); an empty text is never a valid secret.
	WebhookSecrets []string
	// WebhookAccounts is what holds for the webhooks of single accounts. As soon as one has verifiers, the door is closed to
	// the accounts that have none and for which there is no secret either.
	WebhookAccounts map[string]WebhookAccount
	WebhookSources  []netip.Prefix // where webhooks may come from; none: everywhere
	TrustedProxies  []netip.Prefix // whose X-Forwarded-For is believed
	// RateLimitAddress is how many requests a second one address may make, and RateLimitAccount how many webhooks and
	// requests to the trigger API one account may have; 0: any number.
	RateLimitAddress int
	RateLimitAccount int
	// GuardReads asks for the secret on the routes that show calls, too, unless there are read tokens, and closes the trigger
	// API where no API key is configured. It is for a server that others than this machine can reach, if only by a proxy:
	// calls hold numbers and names. Without it, and without read tokens, web pages in browsers of this machine are kept out.
	GuardReads bool
	// PlainCookies leaves cookies without Secure although reads are guarded: for a listener on loopback, to which this
	// machine's browsers come without encryption.
	PlainCookies bool

	BodyLimit      int           // bytes of a webhook
	HeaderLimit    int           // bytes of a request's line and headers
	ReadTimeout    time.Duration // for a whole request to arrive
	WriteTimeout   time.Duration // for a whole answer to be taken, or each event of a stream
	IdleTimeout    time.Duration // between two requests of one connection
	RequestTimeout time.Duration // for intake or store to answer
	MaxConnections int           // open at once; more are answered 503
	// MaxConnectionsAddress is how many of those one address may hold open; more are closed without a word. 0: any number.
	MaxConnectionsAddress int
	MaxStreams            int           // of those; more are answered 503
	Heartbeat             time.Duration // between two signs of life of a stream that has nothing to say

	// DefaultRegion is where a number without a country code is taken to be (ISO 3166-1 alpha-2). It must be the
	// region that calls are derived with, or national numbers are not found.
	DefaultRegion string
	// Zone is where the pages show times; nil is UTC.
	Zone *time.Location
	// Statistics is what a question about statistics means that says nothing else. The zero Statistics has the defaults of
	// stats.
	Statistics statsapi.Defaults
	Version    string
	Logger     *slog.Logger
	Now        func() time.Time
}

func (c Config) withDefaults() Config {
	c.WebhookHeader = orDefault(c.WebhookHeader, DefaultWebhookHeader)
	c.BodyLimit = orDefault(c.BodyLimit, DefaultBodyLimit)
	c.HeaderLimit = orDefault(c.HeaderLimit, DefaultHeaderLimit)
	c.ReadTimeout = orDefault(c.ReadTimeout, DefaultReadTimeout)
	c.WriteTimeout = orDefault(c.WriteTimeout, DefaultWriteTimeout)
	c.IdleTimeout = orDefault(c.IdleTimeout, DefaultIdleTimeout)
	c.RequestTimeout = orDefault(c.RequestTimeout, DefaultRequestTimeout)
	c.MaxConnections = orDefault(c.MaxConnections, DefaultMaxConnections)
	c.MaxStreams = orDefault(c.MaxStreams, DefaultMaxStreams)
	c.Heartbeat = orDefault(c.Heartbeat, DefaultHeartbeat)
	c.DefaultRegion = orDefault(c.DefaultRegion, DefaultRegion)
	c.Statistics = orDefault(c.Statistics, statsapi.Defaults{Thresholds: stats.DefaultThresholds()})
	c.Version = orDefault(c.Version, "unknown")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
