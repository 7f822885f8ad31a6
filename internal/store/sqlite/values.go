package sqlite

import "time"

// Moments are kept as whole microseconds since 1970 (finer parts are cut off), event times as whole seconds, and
// absent texts as null.

func moment(t time.Time) int64 { return t.UnixMicro() }

func momentOf(micro int64) time.Time { return time.UnixMicro(micro).UTC() }

func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// blob never gives nil: going in that would be null, and an empty value comes out as one.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
