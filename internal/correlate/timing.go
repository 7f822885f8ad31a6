package correlate

import (
	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// times fills in the record's times (design §5). They come from event_time, never from arrival.
func (v *view) times(c *Call) {
	for _, m := range v.legs {
		c.StartedAt = earliest(c.StartedAt, m.First)
		if v.counts(m) {
			c.TalkingAt = earliest(c.TalkingAt, m.Reached[fsm.Talking])
		}
		if v.ended {
			c.EndedAt = max(c.EndedAt, m.closed)
		}
	}
	if v.campaign {
		if v.contact != nil {
			c.AlertingAt = v.contact.Reached[fsm.Alerting]
			c.AnsweredAt = earliest(v.contact.Reached[fsm.Answered], v.contact.Reached[fsm.Talking])
		}
		return
	}
	if v.way == DirectionInbound && v.contact != nil {
		c.SystemAnsweredAt = v.contact.Reached[fsm.Answered]
	}
	for _, m := range v.legs {
		if m.callee && !m.machine() {
			c.AlertingAt = earliest(c.AlertingAt, m.Reached[fsm.Alerting])
			c.AnsweredAt = earliest(c.AnsweredAt, earliest(m.Reached[fsm.Answered], m.Reached[fsm.Talking]))
		}
	}
	if c.AnsweredAt == 0 {
		c.AnsweredAt = c.TalkingAt
	}
}

// durations fills in the record's durations (design §5); it needs the times. Each stays null until it is known for
// good.
func (v *view) durations(c *Call) {
	c.RingMS = v.ring(c)
	c.WaitMS = v.wait(c)
	if !v.ended {
		return
	}
	c.TotalMS = between(c.StartedAt, c.EndedAt)
	if !v.connected {
		return
	}
	from, to := v.talk(c)
	c.TalkMS = between(from, to)
	if c.TalkMS != nil {
		held := v.held(from, to)
		c.HoldMS = &held
	}
}

func (v *view) ring(c *Call) *int64 {
	from := c.AlertingAt
	if from == 0 {
		from = v.rangFrom()
	}
	to := c.AnsweredAt
	if to == 0 {
		to = c.EndedAt
	}
	return between(from, to)
}

// rangFrom stands in for alerting_at: the creation of the first callee leg, in a campaign call of the contact leg.
func (v *view) rangFrom() dialog.Time {
	if v.campaign {
		if v.contact == nil {
			return 0
		}
		return v.contact.since()
	}
	for _, m := range v.legs {
		if m.callee && !m.machine() {
			return m.since()
		}
	}
	return 0
}

func (v *view) wait(c *Call) *int64 {
	switch {
	case c.TalkingAt != 0:
		return between(c.StartedAt, c.TalkingAt)
	case !v.ended:
		return nil
	case v.connected:
		return between(c.StartedAt, v.since(c))
	}
	return between(c.StartedAt, c.EndedAt)
}

// talk gives the time in which the parties spoke.
func (v *view) talk(c *Call) (from, to dialog.Time) {
	to = c.EndedAt
	if v.contact != nil {
		to = v.contact.closed
	}
	return v.since(c), to
}

// since is the moment from which the call counts as connected: talking_at; else, inferred, answered_at, in a campaign
// call the later of the two answers.
func (v *view) since(c *Call) dialog.Time {
	switch {
	case c.TalkingAt != 0:
		return c.TalkingAt
	case v.campaign || v.engaged:
		return v.moment
	}
	return c.AnsweredAt
}

// between is the time from one second to another in milliseconds, 0 if it would be negative, null if one is not known.
func between(from, to dialog.Time) *int64 {
	if from == 0 || to == 0 {
		return nil
	}
	ms := max(0, int64(to-from)) * 1000
	return &ms
}
