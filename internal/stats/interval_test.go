package stats_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/stats"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}

func at(t *testing.T, text string) dialog.Time {
	t.Helper()
	at, err := dialog.ParseTime(text)
	require.NoError(t, err)
	return at
}

// intervals gives where the intervals of a stretch begin, by the clock of the zone, and their lengths.
func intervals(t *testing.T, from, to string, interval stats.Interval, zone *time.Location) (begins []string, lengths []time.Duration) {
	t.Helper()
	span := stats.Span{From: at(t, from), To: at(t, to)}
	spans, err := span.Intervals(interval, zone)
	require.NoError(t, err)
	require.Equal(t, span.From, spans[0].From)
	require.Equal(t, span.To, spans[len(spans)-1].To)
	for i, s := range spans {
		if i > 0 {
			require.Equal(t, spans[i-1].To, s.From, "there is no gap")
		}
		require.Less(t, s.From, s.To)
		begins = append(begins, s.From.Time().In(zone).Format(time.RFC3339))
		lengths = append(lengths, time.Duration(s.To-s.From)*time.Second)
	}
	return begins, lengths
}

func TestDaysInWarsawHave23And25Hours(t *testing.T) {
	t.Parallel()
	warsaw := zone(t, "Europe/Warsaw")
	begins, lengths := intervals(t, "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z", stats.Day, warsaw)
	require.Equal(t, []string{"2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"}, begins)
	require.Equal(t, []time.Duration{24 * time.Hour, 23 * time.Hour, 24 * time.Hour}, lengths)

	begins, lengths = intervals(t, "2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z", stats.Day, warsaw)
	require.Equal(t, []string{"2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"}, begins)
	require.Equal(t, []time.Duration{24 * time.Hour, 25 * time.Hour, 24 * time.Hour}, lengths)
}

func TestTheHourThatComesTwiceGivesTwoIntervals(t *testing.T) {
	t.Parallel()
	warsaw := zone(t, "Europe/Warsaw")
	begins, lengths := intervals(t, "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z", stats.Hour, warsaw)
	require.Equal(t, []string{
		"2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00",
	}, begins)
	require.Equal(t, []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}, lengths)

	begins, _ = intervals(t, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", stats.Hour, warsaw)
	require.Equal(t, []string{"2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"}, begins, "one hour is left out")
}

func TestIntervalsAreByTheClockOfTheZone(t *testing.T) {
	t.Parallel()
	begins, _ := intervals(t, "2026-05-01T18:00:00Z", "2026-05-01T19:30:00Z", stats.Hour, zone(t, "Asia/Kathmandu")) // +05:45
	require.Equal(t, []string{
		"2026-05-01T23:45:00+05:45", "2026-05-02T00:00:00+05:45", "2026-05-02T01:00:00+05:45",
	}, begins)
	// A clock that is put back by half an hour: half of the hour comes again.
	begins, lengths := intervals(t, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", stats.Hour, zone(t, "Australia/Lord_Howe"))
	require.Equal(t, []string{
		"2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30",
	}, begins)
	require.Equal(t, []time.Duration{time.Hour, 30 * time.Minute, time.Hour}, lengths)
}

func TestTheFirstAndTheLastIntervalMayBeParts(t *testing.T) {
	t.Parallel()
	begins, lengths := intervals(t, "2026-05-01T10:07:30Z", "2026-05-01T10:31:00Z", stats.Quarter, time.UTC)
	require.Equal(t, []string{"2026-05-01T10:07:30Z", "2026-05-01T10:15:00Z", "2026-05-01T10:30:00Z"}, begins)
	require.Equal(t, []time.Duration{7*time.Minute + 30*time.Second, 15 * time.Minute, time.Minute}, lengths)
	begins, _ = intervals(t, "2026-05-01T10:07:30Z", "2026-05-01T10:07:31Z", stats.Day, time.UTC)
	require.Len(t, begins, 1)
}

func TestThereIsAnEndToIntervals(t *testing.T) {
	t.Parallel()
	from := at(t, "2026-01-01T00:00:00Z")
	for _, c := range []struct {
		interval stats.Interval
		seconds  dialog.Time
	}{{stats.Quarter, 900}, {stats.Hour, 3600}, {stats.Day, 86400}} {
		spans, err := stats.Span{From: from, To: from + stats.MaxIntervals*c.seconds}.Intervals(c.interval, time.UTC)
		require.NoError(t, err)
		require.Len(t, spans, stats.MaxIntervals)
		_, err = stats.Span{From: from, To: from + stats.MaxIntervals*c.seconds + 1}.Intervals(c.interval, time.UTC)
		require.ErrorIs(t, err, stats.ErrTooMany)
		_, err = stats.Span{From: 1, To: 253402300799}.Intervals(c.interval, time.UTC)
		require.ErrorIs(t, err, stats.ErrTooMany)
	}
	_, err := stats.Span{From: 1, To: 90000}.Intervals(stats.Day, time.UTC)
	require.NoError(t, err)
	_, err = stats.Span{From: 1, To: 90000}.Intervals(stats.Hour, zone(t, "Africa/Monrovia")) // 44 minutes and 30 seconds
	require.ErrorIs(t, err, stats.ErrOffQuarter)
}

func TestTheStartOfTheDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, moment, want string }{
		{"UTC", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"},
		{"UTC", "2026-05-01T23:59:59Z", "2026-05-01T00:00:00Z"},
		{"Europe/Warsaw", "2026-05-01T21:59:59Z", "2026-04-30T22:00:00Z"},
		{"Europe/Warsaw", "2026-05-01T22:00:00Z", "2026-05-01T22:00:00Z"},
		{"Europe/Warsaw", "2026-10-25T22:30:00Z", "2026-10-24T22:00:00Z"},  // 25 hours
		{"Europe/Warsaw", "2026-03-29T21:30:00Z", "2026-03-28T23:00:00Z"},  // 23 hours
		{"Asia/Beirut", "2026-03-29T10:00:00Z", "2026-03-28T22:00:00Z"},    // it begins at one o'clock
		{"Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-23T22:00:00Z"},   // likewise
		{"America/Havana", "2026-11-01T20:00:00Z", "2026-11-01T04:00:00Z"}, // midnight comes twice
	} {
		require.Equal(t, c.want, stats.StartOfDay(at(t, c.moment), zone(t, c.zone)).String(), "%s %s", c.zone, c.moment)
	}
}
