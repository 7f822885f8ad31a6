package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

const redacted = "REDACTED"

// Secret is a text that is never shown: printed, logged or marshalled in any way it says REDACTED (nothing, if it is
// empty). The value is behind a pointer, so that even a struct printed with its unexported fields shows an address.
type Secret struct{ value *string }

// NewSecret makes a Secret of a text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal gives the text itself. Its result must not be logged.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String hides the text.
func (s Secret) String() string {
	if s.Reveal() == "" {
		return ""
	}
	return redacted
}

// Format hides the text from every verb of package fmt.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(s.String())) }

// MarshalText hides the text in JSON and wherever else texts are marshalled.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// URL is one URL, or several separated by commas, whose credentials are hidden however it is shown.
type URL struct{ value *string }

// NewURL makes a URL of a text, which need not be valid.
func NewURL(text string) URL { return URL{&text} }

// Empty says that there is no URL.
func (u URL) Empty() bool { return u.Reveal() == "" }

// Reveal gives the URL with its credentials. Its result must not be logged.
func (u URL) Reveal() string {
	if u.value == nil {
		return ""
	}
	return *u.value
}

// String gives the URL with its credentials hidden; what cannot be read as a URL is hidden as a whole.
func (u URL) String() string {
	parts := strings.Split(u.Reveal(), ",")
	for i, part := range parts {
		parts[i] = redactURL(strings.TrimSpace(part))
	}
	return strings.Join(parts, ",")
}

// Format hides the credentials from every verb of package fmt.
func (u URL) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(u.String())) }

// MarshalText hides the credentials in JSON and wherever else texts are marshalled.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalYAML hides the credentials.
func (u URL) MarshalYAML() (any, error) { return u.String(), nil }

// LogValue hides the credentials.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// secretParameter is what a query parameter that holds a secret is called. (Postgres has sslkey, which is a file.)
var secretParameter = regexp.MustCompile(`(?i)pass|pwd|secret|token|signature|credential|api[_-]?key|^(key|sig|auth)$`)

func redactURL(text string) string {
	if text == "" {
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" && parsed.Opaque != "" || parsed.Scheme == "" {
		return redacted
	}
	if parsed.User != nil {
		if _, ok := parsed.User.Password(); ok {
			parsed.User = url.UserPassword(parsed.User.Username(), redacted)
		} else if parsed.Scheme != schemePostgres && parsed.Scheme != schemePostgreSQL {
			// A user without a password is a token to NATS.
			parsed.User = url.User(redacted)
		}
	}
	if parsed.RawQuery != "" {
		query := parsed.Query()
		for name, values := range query {
			if secretParameter.MatchString(name) {
				for i := range values {
					values[i] = redacted
				}
			}
		}
		parsed.RawQuery = query.Encode()
	}
	return parsed.String()
}
