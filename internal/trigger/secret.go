package trigger

import (
	"fmt"
	"log/slog"
)

const redacted = "REDACTED"

// Secret is a text that is never shown: printed, logged or marshalled in any way it says REDACTED (nothing, if it is
// empty).
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

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
