package stats

import (
	"errors"
	"fmt"
	"time"

	"webhookd/internal/dialog"
)

// Interval is how long the intervals are that calls are told apart by.
type Interval string

// The intervals.
const (
	Quarter Interval = "15min"
	Hour    Interval = "hour"
	Day     Interval = "day"
)

// MaxIntervals is how many intervals one answer has at most: 31 days by quarter hour, 124 by hour, eight years by day.
const MaxIntervals = 31 * 24 * 4

// A quarter of an hour and the other intervals, in seconds, but for changes of the clock.
const quarter dialog.Time = 15 * 60

var lengths = map[Interval]dialog.Time{Quarter: quarter, Hour: 4 * quarter, Day: 96 * quarter}

// Errors of [Span.Intervals].
var (
	// ErrTooMany says that a stretch of time has more than MaxIntervals.
	ErrTooMany = errors.New("too many intervals")
	// ErrOffQuarter says that the zone's clock was not a whole number of quarter hours from UTC, as before 1972 in places.
	ErrOffQuarter = errors.New("clock not on quarter hours")
)

// Span is a stretch of time: From is in it, To is not.
type Span struct{ From, To dialog.Time }

// Intervals cuts a span into intervals by the clock of a zone. The first and the last one may be only parts of theirs. A
// day on which the clock is changed has 23 or 25 hours, and an hour that comes twice gives two intervals. It returns
// ErrTooMany and ErrOffQuarter.
func (s Span) Intervals(interval Interval, zone *time.Location) ([]Span, error) {
	if (s.To-s.From)/lengths[interval] > MaxIntervals+2 {
		return nil, ErrTooMany
	}
	var spans []Span
	var last mark
	for at := floorQuarter(s.From); at < s.To; at += quarter {
		local := clock(at, zone)
		if _, offset := local.Zone(); offset%int(quarter) != 0 {
			return nil, fmt.Errorf("%w: %s at %s", ErrOffQuarter, zone, at.Time().Format(time.RFC3339))
		}
		this := markOf(interval, at, local)
		if len(spans) == 0 || this != last {
			if len(spans) > 0 {
				spans[len(spans)-1].To = at
			}
			spans = append(spans, Span{From: max(at, s.From)})
		}
		last = this
	}
	if len(spans) > MaxIntervals {
		return nil, ErrTooMany
	}
	if len(spans) > 0 {
		spans[len(spans)-1].To = s.To
	}
	return spans, nil
}

// mark is the same for all quarter hours of one interval that lie together, and another one for the next interval.
type mark struct {
	year, day, hour, offset int
	at                      dialog.Time
}

func markOf(interval Interval, at dialog.Time, local time.Time) mark {
	m := mark{year: local.Year(), day: local.YearDay()}
	switch interval {
	case Day:
	case Hour:
		m.hour = local.Hour()
		_, m.offset = local.Zone()
	default:
		m.at = at
	}
	return m
}

func floorQuarter(t dialog.Time) dialog.Time {
	return t - ((t%quarter)+quarter)%quarter
}

// clock is what a clock in the zone shows. The zero Time is a moment here, and not an unknown one.
func clock(t dialog.Time, zone *time.Location) time.Time { return time.Unix(int64(t), 0).In(zone) }

// StartOfDay gives the first moment of the day that a moment is in, by the clock of a zone. It is not always midnight:
// some clocks are put forward then.
func StartOfDay(t dialog.Time, zone *time.Location) dialog.Time {
	day := func(t dialog.Time) int { return clock(t, zone).YearDay() }
	today := day(t)
	at := floorQuarter(t)
	for day(at-quarter) == today {
		at -= quarter
	}
	return at
}
