package config

import (
	"net/netip"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// option is one key: its names in the file (key), in the environment (WEBHOOKD_KEY) and on the command line (--key),
// its default, its documentation, and how its value is read and shown.
type option struct {
	key      string
	value    string // the form of a value, for people
	fallback string // the default, as it would be written in the environment; "" for a list that is empty
	help     string // one sentence without a full stop, for --help
	more     string // further sentences, for docs/configuration.md only
	named    string // the flag's name where it is not the key's
	list     bool   // may be given several times
	mapping  bool   // a list of name=value, which the file may write as a mapping
	fileOnly bool   // neither a flag nor a variable; read by its own code

	set  func(*Config, []string) error
	read func(*Config, *yaml.Node) error // of what is in the file only
	show func(Config) string             // one line, redacted, as YAML
}

func (o option) env() string { return envPrefix + strings.ToUpper(o.key) }

func (o option) flag() string {
	if o.named != "" {
		return o.named
	}
	return strings.ReplaceAll(o.key, "_", "-")
}

func (o option) defaults() []string {
	if o.list && o.fallback == "" {
		return nil
	}
	return []string{o.fallback}
}

// table is every key there is, in the order in which they are documented, set and complained about.
var table = []option{
	field(option{
		key: "listen", value: formAddress, fallback: "127.0.0.1:8080",
		help: "address of the HTTP API: webhooks in, calls out",
		more: "Port 0 takes any free port. An address that is not on the loopback interface (an empty host is every " +
			"interface, and a host name other than localhost counts as one that is not) is refused unless " +
			"webhooks have to prove where they come from: by a `webhook_secret`, or by a `webhook_auth` of an account (then an " +
			"account without one takes none), or by a token with the scope `webhooks`.",
	}, func(c *Config) *string { return &c.Listen }, parseAddress, quote),
	field(option{
		key: "internal_listen", value: formAddress,
		help: "address for everything but webhooks and the trigger API: calls, pages, metrics, profiles; empty: all is at listen",
		more: "With it, `listen` has only what those outside need: `/v1/webhooks`, `/v1/events`, `/v1/subscribers`, `/v1/topics`, " +
			"`/healthz` and `/readyz`; everything else is answered 404 there. This address has all of it, and Go's profiler at " +
			"`/debug/pprof/` for those who may see every account. An address that is not on the loopback interface is refused " +
			"unless there are `read_tokens`, or a token with the scope `read`.",
	}, func(c *Config) *string { return &c.InternalListen }, parseOptionalAddress, quote),
	field(option{
		key: "tls_cert_file", value: formFile,
		help: "PEM file of the certificate, followed by its issuers', with which listen speaks HTTPS; empty: plain HTTP",
		more: "TLS 1.2 and 1.3. The files are looked at again as connections come, once a second at most, and a new certificate is " +
			"taken without a restart; one that cannot be used is told in the log, and the one before stays. `internal_listen` " +
			"speaks HTTPS too, unless it is on the loopback interface.",
	}, func(c *Config) *string { return &c.TLSCertFile }, parseAny, quote),
	field(option{
		key: "tls_key_file", value: formFile,
		help: "PEM file of the key of tls_cert_file",
	}, func(c *Config) *string { return &c.TLSKeyFile }, parseAny, quote),
	field(option{
		key: "max_connections", value: formNumber, fallback: "4096",
		help: "connections that may be open at once, at each address; one more is answered 503 and closed, or just closed with TLS",
		more: "From 16 to 1000000. Each takes a file descriptor: the limit of the process has to leave room.",
	}, func(c *Config) *int { return &c.MaxConnections }, parseConnections, number),
	field(option{
		key: "max_connections_address", value: formNumber, fallback: "0",
		help: "connections that one source address may hold open at once; 0: any number",
		more: "One more is closed without a word. An IPv6 client counts by its /64, and `trusted_proxies` are not counted. A PBX " +
			"needs one for each webhook that it sends at the same time.",
	}, func(c *Config) *int { return &c.MaxConnectionsAddress }, parseRate, number),
	field(option{
		key: "data_dir", value: "directory", fallback: "./data",
		help: "directory of everything that is kept locally; made if absent",
		more: "The spool lives there, and the embedded database and the embedded NATS server, when they are used. Two " +
			"processes must not share one, also where they share a Postgres.",
	}, func(c *Config) *string { return &c.DataDir }, parseDirectory, quote),
	field(option{
		key: "database_url", value: "URL",
		help: "Postgres, as postgres://user:password@host:port/database; empty: embedded SQLite",
		more: "Special characters in a password must be percent-encoded. For another machine it has to say how the connection " +
			"is protected: `?sslmode=verify-full&sslrootcert=/etc/webhookd/postgres-ca.pem` encrypts it and makes sure that it is " +
			"the right server; `verify-ca` does not look at the host name, `require` at no certificate, and `disable` does " +
			"not encrypt. `sslrootcert=system` takes the system's authorities; `sslcert` and `sslkey` are files of our own. It has " +
			"to be PostgreSQL 13 or newer, the primary, and a database in UTF8; a pooler before it must not hand a session from " +
			"one transaction to the next (PgBouncer: `pool_mode = session`), and doctor cannot see one.",
	}, func(c *Config) *URL { return &c.DatabaseURL }, parseDatabaseURL, URL.String),
	field(option{
		key: "commit_timeout", value: formDuration, fallback: "2s",
		help: "how long a webhook waits for the database before it goes to the spool, from " + minLimit.String() + " to " +
			maxCommitTimeout.String(),
		more: "Only the first webhooks of an outage wait; those that follow go to the spool at once, until the database is " +
			"back.",
	}, func(c *Config) *duration { return (*duration)(&c.CommitTimeout) }, parseCommitTimeout, duration.String),
	field(option{
		key: "spool_dir", value: "directory",
		help: "directory of the spool, which takes webhooks while the database is away; empty: spool in data_dir",
		more: "Made if absent. It must be on a disk that outlives the process, it must not be on a network, and two " +
			"processes must not share one.",
	}, func(c *Config) *string { return &c.SpoolDir }, parseAny, quote),
	field(option{
		key: "spool_limit", value: "size", fallback: "1GiB",
		help: "most that the spool may hold, from 32MiB to 1024GiB; beyond it webhooks are answered 503",
		more: "A webhook takes its body and some 40 bytes. The units are those of `body_limit`, and GiB and GB.",
	}, func(c *Config) *int64 { return &c.SpoolLimit }, parseSpoolLimit, showSize[int64]),
	field(option{
		key: "nats_url", value: "URLs",
		help: "NATS servers, as nats://user:password@host:port,…; empty: embedded server",
		more: "Several servers of one cluster are separated by commas. The schemes are nats, tls, ws and wss.",
	}, func(c *Config) *URL { return &c.NATSURL }, parseNATSURL, URL.String),
	field(option{
		key: "nats_credentials", value: formFile,
		help: "credentials file (.creds) with which this service logs in to the NATS servers; empty: none",
		more: "As `nsc` writes it: a JWT and its seed. It is read again at each connection. Only with `nats_url`; an " +
			"alternative to `nats_nkey`, and to user and password in `nats_url`.",
	}, func(c *Config) *string { return &c.NATSCredentials }, parseAny, quote),
	field(option{
		key: "nats_nkey", value: formFile,
		help: "file with the seed of an nkey with which this service logs in to the NATS servers; empty: none",
		more: "The seed of a user, which begins with `SU`. Only with `nats_url`.",
	}, func(c *Config) *string { return &c.NATSNkey }, parseAny, quote),
	field(option{
		key: "nats_ca_file", value: formFile,
		help: "PEM file of the authorities that the NATS servers' certificates are checked against; empty: the system's",
		more: "With it the connection is always encrypted. Without it, it is where a server asks for it, or its URL begins with " +
			"tls:// or wss://. Only with `nats_url`.",
	}, func(c *Config) *string { return &c.NATSCAFile }, parseAny, quote),
	field(option{
		key: "nats_cert_file", value: formFile,
		help: "PEM file of the certificate that this service shows to the NATS servers; empty: none",
		more: "For servers that verify their clients. It is read again at each connection. Only with `nats_url`.",
	}, func(c *Config) *string { return &c.NATSCertFile }, parseAny, quote),
	field(option{
		key: "nats_key_file", value: formFile,
		help: "PEM file of the key of nats_cert_file",
	}, func(c *Config) *string { return &c.NATSKeyFile }, parseAny, quote),
	field(option{
		key: keyNATSListen, value: formAddress, fallback: "127.0.0.1:4222",
		help: "address of the embedded NATS server",
		more: "Unused when `nats_url` is set. Without `nats_users` the embedded server asks nobody who they are; an address " +
			"that is not on the loopback interface takes `nats_users` and `nats_listen_cert_file`. Port 0 takes any free port.",
	}, func(c *Config) *string { return &c.NATSListen }, parseAddress, quote),
	field(option{
		key: "nats_listen_cert_file", value: formFile,
		help: "PEM file of the certificate of the embedded NATS server, which is then reached over TLS only; empty: none",
		more: "For `nats_websocket_listen`, too. A new certificate is taken without a restart, as with `tls_cert_file`.",
	}, func(c *Config) *string { return &c.NATSListenCertFile }, parseAny, quote),
	field(option{
		key: "nats_listen_key_file", value: formFile,
		help: "PEM file of the key of nats_listen_cert_file",
	}, func(c *Config) *string { return &c.NATSListenKeyFile }, parseAny, quote),
	{
		key: "nats_users", value: "list", fileOnly: true,
		help: "who may connect to the embedded NATS server, and whose events and calls they see; empty: everybody, and all",
		more: "In the file only. Each has a `name`, and either a password, as `secret`, `secret_env` or `secret_file` (as in " +
			"`accounts`), or an `nkey`, the public key of a user (it begins with `U`), with which it logs in without a name. With an " +
			"`account` it hears the events and live calls of that account alone, and asks about its calls; without one it reads " +
			"everything, by JetStream too, and has to be trusted. See [nats-events.md](nats-events.md#who-may-read-what). Unused " +
			"when `nats_url` is set.",
		read: (*Config).readNATSUsers,
		show: showNATSUsers,
	},
	field(option{
		key: keyNATSWebSocketListen, value: formAddress,
		help: "address of the embedded NATS server for clients in browsers (WebSocket); empty: none",
		more: "Unused when `nats_url` is set. Pages may read events and live calls there, and ask; with " +
			"`nats_users` they log in. What an address takes that is not on the loopback interface is as with `nats_listen`. " +
			"Port 0 takes any free port.",
	}, func(c *Config) *string { return &c.NATSWebSocketListen }, parseOptionalAddress, quote),
	list(option{
		key: "nats_websocket_origins", value: "origin",
		help: "origins of the pages that may connect to nats_websocket_listen, as https://board.example.com",
		more: "An origin is scheme, host and port, without a path. Without any, only programs that are no browsers may connect. " +
			"A list in the file; separated by commas or line breaks in the environment; a flag that may be repeated.",
	}, func(c *Config) *[]string { return &c.NATSWebSocketOrigins }, parseOrigin, quoteInside),
	field(option{
		key: "nats_replicas", value: formNumber, fallback: "1",
		help: "copies of the stream and the bucket that the NATS cluster keeps",
		more: "From 1 to 5. Anything but 1 needs `nats_url`: the embedded server is alone.",
	}, func(c *Config) *int { return &c.NATSReplicas }, parseReplicas, number),
	field(option{
		key: "pprof_listen", value: formAddress,
		help: "address of Go's profiler (/debug/pprof/), on the loopback interface only; empty: none",
		more: "For finding out where time and memory go. It asks nobody who they are, and profiles show what is in memory.",
	}, func(c *Config) *string { return &c.PprofListen }, parseDebugAddress, quote),
	field(option{
		key: "webhook_header", value: "name", fallback: "X-Webhook-Secret",
		help: "name of the request header that carries the shared secret",
	}, func(c *Config) *string { return &c.WebhookHeader }, parseHeader, quote),
	list(option{
		key: "webhook_secret", value: "secret",
		help: "shared secret that the PBX sends; several may be valid at once",
		more: "It is asked for where webhooks come in, and on any address but loopback also where calls are read. A list in the " +
			"file; separated by commas or line breaks in the environment; a flag that may be repeated. " +
			"A secret that itself holds a comma cannot be given in the environment. Flags can be seen by everybody who may " +
			"list the machine's processes: the file or the environment is the better place. To change a secret without " +
			"losing a webhook, add the new one, change the PBX, then take the old one away. A secret shorter than 16 " +
			"characters is warned about.",
	}, func(c *Config) *[]Secret { return &c.WebhookSecrets }, parseSecret, Secret.String),
	{
		key: "accounts", value: formMap, fileOnly: true,
		help: "what is set up for single accounts: how their webhooks prove where they come from, and how long theirs is kept",
		more: "In the file only. It maps an account to `webhook_auth`, a list of ways of which any one lets a webhook in, to " +
			"`webhook_sources`, networks that its webhooks may come from, to `pbx_api`, where its PBX is asked for its own " +
			"records, and to `retention_calls`, `retention_journal`, " +
			"`retention_outbox` and `retention_quarantine`, which count in place of the keys of these names (0: for ever); any " +
			"may be left out. A way has a `type`, and its " +
			"secret as `secret`, as `secret_env` (the name of a variable, without the prefix `WEBHOOKD_`) or as `secret_file`:\n\n" +
			"| type | what the sender sends | more keys |\n| --- | --- | --- |\n" +
			"| `header` | the secret in a header | `header`; `webhook_header` unless given |\n" +
			"| `bearer` | `Authorization: Bearer` and the secret | |\n" +
			"| `basic` | `Authorization: Basic` with user and password | `username` |\n" +
			"| `standard_webhooks` | `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks, v1) | |\n\n" +
			"The secret of `standard_webhooks` is `whsec_` and at least 24 bytes in base64; a signature holds for 5 minutes. An " +
			"account with a `webhook_auth` takes webhooks by it alone; every other account takes them with `webhook_secret`, and " +
			"where that is not set, none at all as soon as one account has a `webhook_auth`. To change a secret without losing a " +
			"webhook, add the new one, change the PBX, then take the old one away. A type that there is not is refused at start." +
			"\n\n`pbx_api` has a `url`, what stands before `/cdr_dialog`, the key that is sent as `Authorization`, as `secret`, " +
			"`secret_env` or `secret_file`, and, if one request a second is too few or too many, a `rate` from 1 to 50. " +
			"[reconcile.md](reconcile.md) says what is asked, and when.",
		read: (*Config).readAccounts,
		show: showAccounts,
	},
	networks(option{
		key: "webhook_sources", value: formNetwork,
		help: "networks that webhooks may come from, as 203.0.113.0/24; empty: all",
		more: "It holds for every account, beside what an account has of its own; a webhook from elsewhere is answered 403 and " +
			"not kept. Behind a proxy set `trusted_proxies`, too, or every webhook comes from the proxy. A list in the file; " +
			"separated by commas or line breaks in the environment; a flag that may be repeated.",
	}, func(c *Config) *[]netip.Prefix { return &c.WebhookSources }),
	networks(option{
		key: "trusted_proxies", value: formNetwork,
		help: "networks of the proxies whose X-Forwarded-For is believed; empty: nobody's is",
		more: "A request comes from the last address in `X-Forwarded-For` that is not such a proxy's. From anybody else the header " +
			"means nothing. It counts for `webhook_sources` and `rate_limit_address`. Where there is any, `listen` is not taken " +
			"to be for this machine alone: see `read_tokens`.",
	}, func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }),
	field(option{
		key: "rate_limit_address", value: formNumber, fallback: "0",
		help: "requests a second that one source address may make; 0: any number",
		more: "Twice as many may come at once. What is beyond is answered 429 with `Retry-After`, and not kept: a PBX sends a " +
			"webhook again two or three times at most, so leave several times of what it sends at its busiest. An IPv6 client " +
			"counts by its /64. `/healthz` and `/readyz` are not counted. Each instance counts for itself.",
	}, func(c *Config) *int { return &c.RateLimitAddress }, parseRate, number),
	field(option{
		key: "rate_limit_account", value: formNumber, fallback: "0",
		help: "webhooks, and requests to the trigger API, a second that one account may have; 0: any number",
		more: "As `rate_limit_address`, for what has proved whose it is: a stranger cannot use an account's share up. Of the " +
			"trigger API, what changes something or triggers counts, and what only shows something does not.",
	}, func(c *Config) *int { return &c.RateLimitAccount }, parseRate, number),
	field(option{
		key: "otlp_endpoint", value: "URL",
		help: "OpenTelemetry collector that takes traces (OTLP over HTTP), as http://127.0.0.1:4318; empty: no traces",
		more: "/v1/traces is added to it. What else there is to say to a collector comes from OpenTelemetry's own variables: " +
			"`OTEL_EXPORTER_OTLP_HEADERS` (a token goes there, not into the URL), `OTEL_EXPORTER_OTLP_CERTIFICATE`, " +
			"`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`. See [metrics.md](metrics.md#traces).",
	}, func(c *Config) *string { return &c.OTLPEndpoint }, parseCollector, quote),
	field(option{
		key: "trace_sample", value: formNumber, fallback: "1",
		help: "share of webhooks, and of what else begins a trace, that is traced, from 0 to 1; unused without otlp_endpoint",
		more: "A request that comes with a `traceparent` is traced if that says so, and not if it does not.",
	}, func(c *Config) *float64 { return &c.TraceSample }, parseShare, showShare),
	field(option{
		key: "log_level", value: "level", fallback: "info",
		help: "least level that is logged: debug, info, warn or error",
	}, (*Config).logLevel, parseLevel, showLevel),
	field(option{
		key: "log_format", value: "text|json", fallback: LogText,
		help: "form of the log, which goes to standard error",
	}, func(c *Config) *string { return &c.LogFormat }, parseOneOf(LogText, LogJSON), quote),
	field(option{
		key: "default_region", value: "region", fallback: "PL",
		help: "two-letter region in which numbers without a country code are read",
		more: "An ISO 3166-1 code that the telephone numbering plans know.",
	}, func(c *Config) *string { return &c.DefaultRegion }, parseRegion, quote),
	field(option{
		key: "settle_delay", value: formDuration, fallback: "10s",
		help: "time from the end of a call to its call_settled event",
		more: "Webhooks that come later than that still count; they give a further revision. " + delayBound,
	}, func(c *Config) *duration { return (*duration)(&c.SettleDelay) }, parseDelay, duration.String),
	field(option{
		key: "ring_limit", value: formDuration, fallback: "10m",
		help: "silence after which a call that is not connected counts as over",
		more: limitNote,
	}, func(c *Config) *duration { return (*duration)(&c.RingLimit) }, parseLimit, duration.String),
	field(option{
		key: "call_limit", value: formDuration, fallback: "4h",
		help: "silence after which a connected call counts as over",
		more: limitNote,
	}, func(c *Config) *duration { return (*duration)(&c.CallLimit) }, parseLimit, duration.String),
	field(option{
		key: "reconcile_open_after", value: formDuration, fallback: "1h",
		help: "age from which the PBX is asked, once an hour, about a call that is open",
		more: "Only in accounts with a `pbx_api` (see [`accounts`](#accounts)). Counted from the beginning of the call. " +
			limitBound,
	}, func(c *Config) *duration { return (*duration)(&c.ReconcileOpenAfter) }, parseLimit, duration.String),
	field(option{
		key: "body_limit", value: "size", fallback: "1MiB",
		help: "largest webhook body that is taken, from 1KiB to 16MiB",
		more: "A number of bytes, or one with a unit: B, KiB, MiB, kB, MB.",
	}, func(c *Config) *int { return &c.BodyLimit }, parseSize, showSize[int]),
	field(option{
		key: "stop_timeout", value: formDuration, fallback: "20s",
		help: "how long a graceful stop may take before the process ends by force",
		more: limitBound,
	}, func(c *Config) *duration { return (*duration)(&c.StopTimeout) }, parseLimit, duration.String),
	{
		key: "close_causes", value: formMap, fileOnly: true,
		help: "close causes that the built-in table does not know, or that mean something else here",
		more: "In the file only. It maps a cause (in any case) to its `class` (" + words(classes) + ") and its `vote` (" +
			words(votes) + ": which side hung up, seen from the leg that carries the cause); either may be left out and " +
			"is `none` then.",
		read: (*Config).readCloseCauses,
		show: showCloseCauses,
	},
	field(option{
		key: "retention_calls", value: formKeep, fallback: "0",
		help: "how long calls are kept after their end, from 1d; 0: for ever",
		more: "A number of days, as `90d`, or a duration, as `36h`. A call goes as a whole: record, legs, webhooks, events, " +
			"triggers; whoever became a subscriber by calls goes after the last one. Its figures in statistics stay. " +
			"An account may have a limit of its own. See [retention](retention.md).",
	}, func(c *Config) *keepDuration { return (*keepDuration)(&c.Retention.Calls) }, parseKeep, keepDuration.String),
	field(option{
		key: "retention_journal", value: formKeep, fallback: "0",
		help: "how long webhooks that belong to no call are kept after they came, from 1d; 0: for ever",
		more: "Those of other families, and of calls that are gone already. Webhooks of a call are kept as long as the call.",
	}, func(c *Config) *keepDuration { return (*keepDuration)(&c.Retention.Journal) }, parseKeep, keepDuration.String),
	field(option{
		key: "retention_outbox", value: formKeep, fallback: "0",
		help: "how long the history of what was published is kept, from 1d; 0: for ever",
		more: "A call's goes with the call at the latest. Triggers that belong to no call, and broadcasts, go with it, once they " +
			"have ended. What is gone cannot be sent again by `webhookd republish`.",
	}, func(c *Config) *keepDuration { return (*keepDuration)(&c.Retention.Outbox) }, parseKeep, keepDuration.String),
	field(option{
		key: "retention_quarantine", value: formKeep, fallback: "0",
		help: "how long refused bodies are kept after they came last, from 1d; 0: for ever",
	}, func(c *Config) *keepDuration { return (*keepDuration)(&c.Retention.Quarantine) }, parseKeep, keepDuration.String),
	field(option{
		key: "time_zone", value: "zone", fallback: "UTC",
		help: "time zone of the pages, and by which statistics tell days and hours apart, as Europe/Warsaw",
		more: "A name of the IANA time zone database. A question may name another one. What is stored is UTC, always.",
	}, func(c *Config) **time.Location { return &c.TimeZone }, parseZone, showZone),
	field(option{
		key: "answer_within", value: formDuration, fallback: "20s",
		help: "longest wait of a call that was answered in time, for the service level, from 0s to 24h",
		more: "In whole seconds. A question may give another one; it holds for calls of the past, too.",
	}, func(c *Config) *duration { return (*duration)(&c.AnswerWithin) }, parseThreshold, duration.String),
	field(option{
		key: "abandon_after", value: formDuration, fallback: "5s",
		help: "longest wait of an abandoned call that counts as abandoned too soon, from 0s to 24h",
		more: "In whole seconds. Such calls are left out of service level and abandon rate. A question may give another one.",
	}, func(c *Config) *duration { return (*duration)(&c.AbandonAfter) }, parseThreshold, duration.String),
	field(option{
		key: "handlers_file", named: "handlers", value: formFile,
		help: "YAML file of the handlers that are kept in files; empty: none",
		more: "Read at start and on SIGHUP, as a whole or not at all. `webhookd handlers lint` checks one.",
	}, func(c *Config) *string { return &c.HandlersFile }, parseAny, quote),
	field(option{
		key: "handler_failures", value: formNumber, fallback: "20",
		help: "failures in a row after which a handler is switched off, from 1 to 1000000",
		more: "A `failure` event tells of it. The handler stays off until somebody switches it on.",
	}, func(c *Config) *int { return &c.HandlerFailures }, parseFailures, number),
	list(option{
		key: "api_keys", named: "api-key", value: "key",
		help: "KEY for the account default, or ACCOUNT:KEY, that clients of the trigger API send; several may be valid",
		more: "They send it as `Authorization: ApiKey KEY`. Without any the trigger API is open where reading takes " +
			"nothing (see `read_tokens`), and closed otherwise. A list in the file; separated by commas or line breaks in the " +
			"environment; a flag that may be repeated. As with `webhook_secret`, the file or the environment is the better place, " +
			"and a key shorter than 16 characters is warned about. A key has no blanks, and no colon of its own.",
	}, func(c *Config) *[]APIKey { return &c.APIKeys }, parseAPIKey, APIKey.String),
	list(option{
		key: "read_tokens", named: "read-token", value: "token",
		help: "TOKEN, or ACCOUNT:TOKEN for one account only, with which calls may be read; several may be valid",
		more: "Clients send it as `Authorization: Bearer TOKEN`; people log in with it at `/login`. Who may " +
			"read with and without any is in [http-api.md](http-api.md#reading); without any, nobody can look at the pages at an " +
			"address that others can reach, unless there are `api_keys`. A token that is taken away ends the sessions that began with it. A list in the file; separated by commas or line breaks " +
			"in the environment; a flag that may be repeated. As with `webhook_secret`, the file or the environment is the better " +
			"place, and a token shorter than 16 characters is warned about. A token has no blanks, and no colon of its own.",
	}, func(c *Config) *[]ReadToken { return &c.ReadTokens }, parseReadToken, ReadToken.String),
	{
		key: "tokens", value: "list", fileOnly: true,
		help: "tokens that are let in to what their scopes say, each with a name",
		more: "In the file only. Each has a `name`, an `account`, `scopes`, and its secret as `secret`, `secret_env` or " +
			"`secret_file`, as in `accounts`. Clients send it as `Authorization: Bearer TOKEN`; people log in with it at " +
			"`/login`.\n\n" +
			"| scope | what it is for |\n| --- | --- |\n" +
			"| `webhooks` | handing in webhooks of the account, as a `webhook_auth` of the type `bearer` |\n" +
			"| `read` | looking: calls, events, figures, streams, pages; with it alone, `account` may be left out, for every " +
			"account |\n" +
			"| `triggers` | the trigger API: trigger and cancel, subscribers and topics, trying handlers; also as `ApiKey` |\n" +
			"| `admin` | changing handlers, emptying the quarantine, closing a call by hand; also as `ApiKey` |\n\n" +
			"As soon as there is any, on whatever address, whoever has none with the scope changes nothing, and the webhook secret " +
			"does not do for what one of them is for. " +
			"People can log in only with one that has the scope `read`; the session may what its scopes say. One with the scope " +
			"`read` counts as one of " +
			"`read_tokens`, and one with `triggers` or `admin` as one of `api_keys`, where it matters that there are any. A key of " +
			"`api_keys` has both `triggers` and `admin`.",
		read: (*Config).readTokensOfFile,
		show: showTokens,
	},
	mapping(option{
		key: "flows", value: "name=uuid",
		help: "flows that handlers and the trigger API may name, as name=uuid",
		more: "In the file a mapping of names to UUIDs; in the environment separated by commas or line breaks; a flag that " +
			"may be repeated.",
	}, func(c *Config) *map[string]string { return &c.Flows }, parseFlow),
	{
		key: "resthooks", value: formMap, fileOnly: true,
		help: "resthooks that handlers may name, and the URLs that are called for each",
		more: "In the file only. It maps a name (1 to 64 of `a-z 0-9 . _ -`) to one URL or a list of them. With an empty " +
			"list the event `resthook_called` is published and nothing is called.",
		read: (*Config).readResthooks,
		show: showResthooks,
	},
	field(option{
		key: "callout_timeout", value: formDuration, fallback: "15s",
		help: "how long one attempt of a call-out may take, from " + minLimit.String() + " to " + maxCalloutTimeout.String(),
		more: "Call-outs are what the actions `call_webhook` and `call_resthook` ask for.",
	}, func(c *Config) *duration { return (*duration)(&c.CalloutTimeout) }, parseCalloutTimeout, duration.String),
	allowPrivate(option{
		key: "callout_allow_private", value: formNetwork,
		help: "networks that call-outs may reach although they are not public, as 10.0.0.0/8, or all",
		more: "Without it call-outs go to public addresses only: not to this machine, not to private or link-local networks. " +
			"The address that is really connected to counts, whatever name leads there and after redirects too. " +
			"The addresses at which clouds hand out credentials (169.254.169.254 and others) are allowed by being given " +
			"themselves; neither a network around them nor `all` allows them.",
	}),
}

const (
	formAddress  = "host:port"
	formFile     = "file"
	formDuration = "duration"
	formNumber   = "number"
	formMap      = "map"
	formNetwork  = "network"
	formKeep     = "days"
)

var limitNote = "Counted from the arrival of the call's last webhook. The call then ends with `end_basis` `timeout`, " +
	"until a real close arrives. " + limitBound

func words(list []string) string { return "`" + strings.Join(list, "`, `") + "`" }

// Flag describes the command-line flag of one key.
type Flag struct {
	Key     string
	Name    string
	Form    string // what stands for the value in a help text
	Help    string
	Default string // "" for none
}

// Flags gives every key that has a flag, in order.
func Flags() []Flag {
	var flags []Flag
	for _, opt := range table {
		if opt.fileOnly {
			continue
		}
		flags = append(flags, Flag{
			Key:     opt.key,
			Name:    opt.flag(),
			Form:    opt.value,
			Help:    opt.help,
			Default: opt.fallback,
		})
	}
	return flags
}

func find(key string) (option, bool) {
	for _, opt := range table {
		if opt.key == key {
			return opt, true
		}
	}
	return option{}, false
}
