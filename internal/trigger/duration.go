package trigger

import (
	"errors"
	"strings"
	"time"
)

// Duration is a length of time that is written as Go writes it: "90s", "5m", "24h".
type Duration time.Duration

var errDuration = errors.New(`is no duration, such as "90s", "5m" or "24h"`)

// ParseDuration reads a duration.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errDuration
	}
	return Duration(d), nil
}

// String is the shortest form that ParseDuration reads: "5m", not "5m0s".
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	read, err := ParseDuration(string(text))
	*d = read
	return err
}
