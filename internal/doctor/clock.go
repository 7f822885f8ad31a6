package doctor

import "time"

const (
	// clockOff is what may pass between well-kept clocks.
	clockOff = 2 * time.Second
	// clockWrong makes signatures and due times wrong: a signed webhook holds for five minutes.
	clockWrong = time.Minute
)

// written is when this was: no clock that is right shows an earlier time.
var written = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *report) clock(now time.Time, others []Clock) {
	if now.Before(written) {
		r.addf("clock_unset", "This machine's clock shows %s, which is past: the times at which webhooks come in are wrong, "+
			"and signed webhooks are refused.", now.UTC().Format(time.RFC3339))
	}
	before := len(r.findings)
	for _, other := range others {
		apart := max(0, other.Ahead.Abs()-other.Blur)
		way := "ahead of"
		if other.Ahead < 0 {
			way = "behind"
		}
		switch {
		case apart >= clockWrong:
			r.addf("clock_wrong", "%s's clock is %s %s this machine's: calls are closed and settled at the wrong time, and "+
				"signed webhooks may be refused.", other.Whose, rounded(other.Ahead.Abs()), way)
		case apart >= clockOff:
			r.addf("clock_off", "%s's clock is %s %s this machine's: delays and ages are off by as much.", other.Whose,
				rounded(other.Ahead.Abs()), way)
		default:
			r.addf("clock_ok", "%s's clock agrees with this machine's within %s.", other.Whose,
				rounded(other.Ahead.Abs()+other.Blur))
		}
	}
	if len(r.findings) == before && !now.Before(written) {
		r.addf("clock_alone", "There is no other clock to compare this machine's with; it shows %s.",
			now.UTC().Format(time.RFC3339))
	}
}

func rounded(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return max(d.Round(time.Millisecond), time.Millisecond)
}
