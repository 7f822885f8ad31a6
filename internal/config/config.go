// Package config says how webhookd is set up: one struct, filled from defaults, then a YAML file, then the environment,
// then flags, each going over the ones before it. One table (see table.go) is behind all four, and behind the
// reference in docs/configuration.md, so none of them can know a key that the others do not.
//
// It is strict: an unknown key, an unknown WEBHOOKD_ variable or a value that cannot be meant is an [Error] that names
// the key and says where the value came from. Values that are secret redact themselves however they are printed.
//
// It opens nothing but the configuration file and the files of secrets that it names: whether a port is free or a
// database answers is not its business.
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is the whole set-up of one process. [Load] fills and checks it; [Default] gives the defaults.
type Config struct {
	Listen string // host:port of the HTTP API; port 0 takes any free one
	// InternalListen is the host:port of what is not for those outside; empty: it is at Listen, too.
	InternalListen        string
	TLSCertFile           string        // PEM; empty: plain HTTP
	TLSKeyFile            string        // PEM
	MaxConnections        int           // open at once, at each address
	MaxConnectionsAddress int           // of them, held by one source address; 0: any number
	DataDir               string        // directory of everything that is kept locally
	DatabaseURL           URL           // Postgres; empty: embedded SQLite under DataDir
	CommitTimeout         time.Duration // how long a webhook waits for the database before it goes to the spool
	SpoolDir              string        // directory of the spool; empty: one under DataDir
	SpoolLimit            int64         // most that the spool may hold, in bytes
	NATSURL               URL           // NATS servers, separated by commas; empty: embedded server under DataDir
	NATSListen            string        // host:port of the embedded NATS server; port 0 takes any free one
	// NATSWebSocketListen is the host:port of the embedded NATS server's WebSocket; empty: none.
	NATSWebSocketListen string
	// How this service logs in to the servers of NATSURL: files, each of which may be empty.
	NATSCredentials, NATSNkey, NATSCAFile, NATSCertFile, NATSKeyFile string
	// How others come in to the embedded server: its certificate, empty for none, and who they are; no users: everybody.
	NATSListenCertFile, NATSListenKeyFile string
	NATSUsers                             []NATSUser

	NATSWebSocketOrigins []string              // origins of the pages that may connect there
	NATSReplicas         int                   // copies of the stream and of the bucket in the NATS cluster
	PprofListen          string                // host:port of the profiler, loopback only; empty: none
	WebhookHeader        string                // name of the header that carries the shared secret
	WebhookSecrets       []Secret              // shared secrets, any of which opens the door; none: loopback only
	Accounts             map[string]Account    // what is set up for single accounts, by name
	WebhookSources       []netip.Prefix        // networks that webhooks may come from; none: all
	TrustedProxies       []netip.Prefix        // proxies whose X-Forwarded-For is believed
	RateLimitAddress     int                   // requests a second that one address may make; 0: any number
	RateLimitAccount     int                   // webhooks and triggers a second that one account may have; 0: any number
	OTLPEndpoint         string                // base URL of the collector that takes traces; empty: no traces
	TraceSample          float64               // share of webhooks that are traced, from 0 to 1
	LogLevel             slog.Level            // least level that is logged
	LogFormat            string                // LogText or LogJSON
	DefaultRegion        string                // ISO 3166-1 region, upper case, in which national numbers are read
	SettleDelay          time.Duration         // from the end of a call to its call_settled event
	RingLimit            time.Duration         // silence after which a call that is not connected counts as over
	CallLimit            time.Duration         // silence after which a connected call counts as over
	ReconcileOpenAfter   time.Duration         // age from which the PBX is asked about a call that is open
	BodyLimit            int                   // largest webhook body taken, in bytes
	StopTimeout          time.Duration         // how long a graceful stop may take
	CloseCauses          map[string]CloseCause // additions to the table of close causes, by cause in upper case

	Retention Retention // how long things are kept, of accounts that say nothing else (RetentionOf)

	TimeZone     *time.Location // by which statistics tell days and hours apart
	AnswerWithin time.Duration  // longest wait of a call that was answered in time, whole seconds
	AbandonAfter time.Duration  // longest wait of a call that was abandoned too soon to count, whole seconds

	HandlersFile    string            // YAML file of handlers; empty: none
	HandlerFailures int               // failures in a row after which a handler is switched off
	APIKeys         []APIKey          // keys of the trigger API; none: it is open on loopback, closed elsewhere
	ReadTokens      []ReadToken       // let in to what only shows something; none: loopback needs none
	Tokens          []Token           // for what their scopes say
	Flows           map[string]string // UUIDs (in lower case) of the flows that may be named, by name
	Resthooks       map[string][]URL  // whom each resthook calls, by its name; some call nobody
	CalloutTimeout  time.Duration     // how long one attempt of a call-out may take
	// CalloutAllowPrivate are the networks that call-outs may reach although they are not public.
	CalloutAllowPrivate []netip.Prefix
	CalloutAllowAll     bool // call-outs may reach every address

	origins map[string]string // where each key's value came from, by key
	environ []string          // what secret_env refers to

	file        string          // the configuration file; empty: none
	secretFiles map[string]bool // every secret_file that was read
}

// The values of Config.LogFormat.
const (
	LogText = "text"
	LogJSON = "json"
)

// Default gives the set-up of a process that nobody configured.
func Default() Config {
	cfg := Config{origins: map[string]string{}}
	for _, opt := range table {
		if opt.set == nil {
			continue
		}
		if err := opt.set(&cfg, opt.defaults()); err != nil {
			// The table is part of the program, and a test reads it: this cannot happen in a released build.
			panic("default of " + opt.key + ": " + err.Error())
		}
		cfg.origins[opt.key] = originDefault
	}
	return cfg
}

// Origin says where the value of a key came from, in words: "default", "file webhookd.yaml:3", "WEBHOOKD_LISTEN" or
// "--listen". It is "" for a key that does not exist and in a Config that was made by hand.
func (c Config) Origin(key string) string { return c.origins[key] }

const originDefault = "default"
