package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Config says where the database is.
type Config struct {
	// URL is postgres://user:password@host:port/database?parameters, or with ?host=/directory for a Unix socket.
	// Parameters are those of lib/pq and any run-time parameter of the server; search_path chooses the schema. The
	// PG* environment variables fill in what it does not say.
	//
	// Without an sslmode, one of this machine's own addresses gets "prefer", every other "require": what crosses a
	// network is encrypted unless the URL says sslmode=disable in so many words. "require" checks no certificate;
	// sslmode=verify-full does, and is what a database on another machine should have.
	URL string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// MaxConns bounds the pool; 0 means 8. A lease and each Wake have one connection more.
	MaxConns int
}

const defaultMaxConns = 8

// answerTimeout is how long a connection waits for the server's next bytes, whatever the context says. It is longer
// than statement_timeout, so it passes only when the server or the network is gone.
const answerTimeout = 20 * time.Second

// sessionDefaults are given to every session, unless the URL sets them.
var sessionDefaults = map[string]string{
	"application_name": "webhookd",
	"connect_timeout":  "5", // seconds, for dialling and logging in
	"TimeZone":         "UTC",
	// One round trip for a statement instead of two.
	"binary_parameters": "yes",
	// A Write lasts milliseconds. One that stalls lets go of the writer lock before long, and one that waits for the
	// lock gives up before its caller does: the spool is the better place.
	"idle_in_transaction_session_timeout": "10s",
	"lock_timeout":                        "8s",
	"statement_timeout":                   "15s",
	// The server notices that an instance is gone without a word, and drops its locks.
	"tcp_user_timeout":        "10s",
	"tcp_keepalives_idle":     "5s",
	"tcp_keepalives_interval": "2s",
	"tcp_keepalives_count":    "3",
}

// dsn completes the URL; overrides win over what the URL says. Errors do not repeat the URL, which holds the password.
func (c Config) dsn(overrides ...string) (string, error) {
	parsed, err := url.Parse(c.URL)
	if err != nil || (parsed.Scheme != "postgres" && parsed.Scheme != "postgresql") {
		return "", errors.New("read database url: not of the form postgres://user:password@host:port/database")
	}
	config, err := pq.NewConfig(c.URL)
	if err != nil {
		return "", fmt.Errorf("read database url: %w", err)
	}
	query := parsed.Query()
	if config.SSLMode == "" {
		query.Set("sslmode", string(sslMode(config)))
	}
	for name, value := range sessionDefaults {
		if !has(query, name) {
			query.Set(name, value)
		}
	}
	for i := 0; i+1 < len(overrides); i += 2 {
		query.Set(overrides[i], overrides[i+1])
	}
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}

// sslMode is for a URL that does not say.
func sslMode(config pq.Config) pq.SSLMode {
	for _, other := range append([]pq.ConfigMultihost{{Host: config.Host, Hostaddr: config.Hostaddr}}, config.Multi...) {
		if !isLoopback(other.Host, other.Hostaddr) {
			return pq.SSLModeRequire
		}
	}
	return pq.SSLModePrefer
}

func isLoopback(host string, addr netip.Addr) bool {
	if addr.IsValid() {
		return addr.IsLoopback()
	}
	ip := net.ParseIP(host)
	return host == "" || strings.EqualFold(host, "localhost") || strings.HasPrefix(host, "/") || ip.IsLoopback()
}

// has says whether the parameter is set; the server does not distinguish the case of names.
func has(query url.Values, name string) bool {
	for set := range query {
		if strings.EqualFold(set, name) {
			return true
		}
	}
	return false
}
