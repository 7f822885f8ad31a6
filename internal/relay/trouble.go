package relay

import (
	"context"
	"time"
)

// trouble is a failure that may last: how long to wait before the next attempt, and when to tell it again.
type trouble struct {
	relay *Relay
	text  string
	since time.Time // for people
	began time.Time // the same moment by the machine's clock, for durations
	told  time.Time
	wait  time.Duration
	count int // 0: all is well
}

// newTrouble takes the message of the log, which must be a constant.
func (r *Relay) newTrouble(text string) *trouble { return &trouble{relay: r, text: text} }

// failed notes one more failure and gives the time to wait: 50 ms, doubled up to 2 s. A failure that is only the end of
// ctx is none.
func (t *trouble) failed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	now := t.relay.now()
	if t.count == 0 {
		t.since, t.began = now, time.Now()
	}
	t.count++
	t.relay.gauges.fail(err, now)
	if t.count == 1 || time.Since(t.told) >= logEvery {
		t.told = time.Now()
		t.relay.log.Warn(t.text, "error", err, "attempts", t.count, "since", t.since) //nolint:sloglint // see newTrouble
	}
	t.wait = min(max(2*t.wait, backoffFirst), backoffMost)
	return t.wait
}

// lasts says whether it has failed for longer than d.
func (t *trouble) lasts(d time.Duration) bool { return t.count > 0 && time.Since(t.began) > d }

// reset lets the next wait be a short one again.
func (t *trouble) reset() { t.wait = 0 }

// over says that it works.
func (t *trouble) over() {
	if t.count == 0 {
		return
	}
	t.relay.gauges.recover()
	t.relay.log.Info("relay recovered", "from", t.text, "attempts", t.count, "since", t.since)
	*t = trouble{relay: t.relay, text: t.text}
}
