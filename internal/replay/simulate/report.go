package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// String tells the figures to people.
func (r Result) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("calls", "%d begun, %d finished%s", r.Calls, r.Finished, some(", %d cut off at the end", r.Left))
	line("webhooks", "%d, in %d requests, in %s", r.Happened, r.Requests, round(r.Took))
	statuses := make([]string, 0, len(r.Statuses))
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		name := status
		if status == "0" {
			name = "no answer"
		}
		statuses = append(statuses, fmt.Sprintf("%s: %d", name, r.Statuses[status]))
	}
	words := make([]string, 0, len(r.OtherWords)+1)
	words = append(words, strings.TrimPrefix(some(", %d accepted", r.Accepted)+some(" (%d spooled)", r.Spooled)+
		some(", %d duplicate", r.Duplicate)+some(", %d ignored", r.Ignored), ", "))
	for _, word := range slices.Sorted(maps.Keys(r.OtherWords)) {
		words = append(words, fmt.Sprintf("%d %q", r.OtherWords[word], word))
	}
	line("answers", "%s; %s", strings.Join(statuses, ", "), strings.Join(words, ", "))
	faults := some(", %d lost on the way", r.Lost) + some(", %d of them for good", r.Forgotten) +
		some(", %d sent again", r.Unheard) + some(", %d overtaken", r.Late)
	if faults != "" {
		line("faults", "%s", strings.TrimPrefix(faults, ", "))
	}
	if r.GivenUp > 0 || r.Pending > 0 {
		line("not taken", "%d%s", r.GivenUp, some(", and %d whose next try the end cut off", r.Pending))
	}
	line("throughput", "%.1f answers/s over %s", r.Throughput, round(r.Window))
	line("latency", "%s", r.Latency)
	if r.Behind != nil {
		line("behind", "%s", *r.Behind)
	}
	line("again with", "--seed %d --run %d", r.Seed, r.Run)
	return b.String()
}

// Line is what to show while the run goes on; before is what the line before was made of.
func (r Result) Line(before Result) string {
	rate := float64(r.Requests-before.Requests) / max(r.Took-before.Took, time.Millisecond).Seconds()
	refused := r.Requests - r.Accepted - r.Duplicate - r.Ignored
	for _, count := range r.OtherWords {
		refused -= count
	}
	return fmt.Sprintf("%5.0fs  %7.0f/s  %d webhooks, %d calls begun, %d not taken  p50 %s  p99 %s  max %s",
		r.Took.Seconds(), rate, r.Requests, r.Calls, refused, round(r.Latency.P50), round(r.Latency.P99), round(r.Latency.Max))
}

// String shows the percentiles on one line.
func (p Percentiles) String() string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s",
		round(p.P50), round(p.P90), round(p.P99), round(p.P999), round(p.Max))
}

func some(format string, count int64) string {
	if count == 0 {
		return ""
	}
	return fmt.Sprintf(format, count)
}

// round leaves three figures.
func round(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
