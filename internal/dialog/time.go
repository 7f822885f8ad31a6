package dialog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Time is one second in UTC, as the PBX reports it: the number of seconds since 1970-01-01T00:00:00Z. The zero Time
// means "not reported" and is null in JSON; every other is RFC 3339 with a Z ("2020-08-25T16:24:41Z").
//
// The PBX's clock has a resolution of one second (PBX documentation, "event_time"), so nothing finer is kept.
type Time int64

// Limits of what [ParseTime] takes. The first second of 1970 is what a sender writes that has no time at all, and
// beyond the year 9999 RFC 3339 has no notation.
const (
	minTime Time = 1
	maxTime Time = 253402300799 // 9999-12-31T23:59:59Z
)

// ErrTime says that a text is no time the PBX can mean: neither "YYYY-MM-DD HH:mm:ss" nor RFC 3339, a date that the
// calendar does not have, or one outside the years 1970 to 9999.
var ErrTime = errors.New("not a time")

// ParseTime reads an event_time: "YYYY-MM-DD HH:mm:ss", which is UTC, or RFC 3339 with any zone. Fractions of a
// second are cut off (design §3). It returns ErrTime for anything else.
func ParseTime(text string) (Time, error) {
	parsed, err := time.Parse(time.DateTime, text)
	if err != nil || len(text) != len(time.DateTime) {
		// RFC 3339 allows a lower-case t and z; Go's parser does not.
		parsed, err = time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	}
	if err != nil {
		return 0, ErrTime
	}
	t := Time(parsed.Unix())
	if t < minTime || t > maxTime {
		return 0, ErrTime
	}
	return t, nil
}

// IsZero says that the time was not reported.
func (t Time) IsZero() bool { return t == 0 }

// Time gives the same second as a time.Time in UTC; the zero Time gives the zero time.Time.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

// TimeOf cuts a time.Time to the second; the zero time.Time gives the zero Time.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.Unix())
}

// String is RFC 3339 in UTC, or "" for a time that was not reported.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Time().Format(time.RFC3339)
}

// AppendJSON appends the time as a JSON value: a string in RFC 3339, or null.
func (t Time) AppendJSON(dst []byte) []byte {
	if t == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = t.Time().AppendFormat(dst, time.RFC3339)
	return append(dst, '"')
}

// MarshalJSON gives a string in RFC 3339, or null.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.AppendJSON(make([]byte, 0, len(time.RFC3339)+2)), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = 0
		return nil
	}
	text, err := strconv.Unquote(string(data))
	if err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	*t, err = ParseTime(text)
	if err != nil {
		return fmt.Errorf("read time %q: %w", text, err)
	}
	return nil
}
