package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Speed is how many times faster than it happened a recording is sent; Max is without waiting at all.
type Speed float64

// Max sends as fast as the service answers.
const Max Speed = 0

// ParseSpeed reads "1x", "10x", "0.5x" or "max".
func ParseSpeed(text string) (Speed, error) {
	if text == "max" {
		return Max, nil
	}
	digits, ok := strings.CutSuffix(text, "x")
	factor, err := strconv.ParseFloat(digits, 64)
	const slowest, fastest = 0.001, 1e6
	if !ok || err != nil || !(factor >= slowest && factor <= fastest) {
		return 0, fmt.Errorf("%q is no speed; write 1x, 10x or max", text)
	}
	return Speed(factor), nil
}

// pacer says when each webhook is to be sent. What was recorded before the webhook ahead of it is sent at once, for the
// order of the file is the order of delivery.
type pacer struct {
	speed Speed
	first time.Time
	last  time.Duration
}

// offset gives the time from the start of the replay to the sending of a webhook.
func (p *pacer) offset(at time.Time) time.Duration {
	if p.speed == Max || at.IsZero() {
		return p.last
	}
	if p.first.IsZero() {
		p.first = at
	}
	p.last = max(p.last, time.Duration(float64(at.Sub(p.first))/float64(p.speed)))
	return p.last
}
