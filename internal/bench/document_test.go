package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rounds makes one round of each system at the busiest number of connections.
func rounds(number int, postgres, limit, plain float64) []round {
	return []round{
		{System: systemPostgres, Connections: busiest, Round: number, Rate: postgres},
		{System: systemLimit, Connections: busiest, Round: number, Rate: limit},
		{System: systemPlain, Connections: busiest, Round: number, Rate: plain},
	}
}

// What is compared was measured side by side: in a round in which everything was slow, the ratio is what it is.
func TestRatiosAreOfRoundsSideBySide(t *testing.T) {
	t.Parallel()
	r := &result{Part: partThroughput}
	r.Rounds = append(r.Rounds, rounds(1, 500, 1000, 50)...)
	r.Rounds = append(r.Rounds, rounds(2, 50, 100, 5)...)
	r.Rounds = append(r.Rounds, rounds(3, 40, 100, 5)...)
	limit, plain := r.at(systemLimit, busiest), r.at(systemPlain, busiest)
	g := r.at(systemPostgres, busiest)
	require.InDelta(t, 0.5, g.ratio(limit, rateOf), 1e-9)
	require.InDelta(t, 10, g.ratio(plain, rateOf), 1e-9)
	require.InDelta(t, 50, g.median(rateOf), 1e-9)
	verdicts := r.verdicts()
	require.Len(t, verdicts, 2)
	require.True(t, verdicts[0].met, "50 % of the limit")
	require.True(t, verdicts[1].met, "10 times the plain reference")
}

func TestAFailedRoundIsShownAndDoesNotCount(t *testing.T) {
	t.Parallel()
	r := &result{Part: partThroughput, Rounds: rounds(1, 500, 1000, 50)}
	r.Rounds[0].Failed = "3 of 500 webhooks were not taken at once"
	r.Failures = []string{r.Rounds[0].Failed}
	require.True(t, r.verdicts()[0].unknown)
	text := render([]*result{r})
	require.Contains(t, text, "| **failed** |")
	require.Contains(t, text, "- 3 of 500 webhooks were not taken at once")
	require.NotContains(t, text, "NaN")

	r.Rounds = append(r.Rounds, rounds(2, 500, 1000, 50)...)
	require.Contains(t, render([]*result{r}), "| 500 (1 of 2 failed) |")
	require.True(t, r.verdicts()[0].met)
}

func TestAMissedTargetIsSaidPlainly(t *testing.T) {
	t.Parallel()
	r := &result{Part: partLatency, Latencies: []latencyRound{{
		round: round{Round: 1, Rate: 500, Answer: percentiles{P50: 1, P99: 9.5}}, Target: 500, Events: 100,
		Subscriber: percentiles{P50: 2, P99: 31},
	}}}
	text := render([]*result{r})
	require.Contains(t, text, "| p99 at 500 webhooks/s, answer (ms) | ≤ 10.0 | 9.50 | met |")
	require.Contains(t, text, "| p99 at 500 webhooks/s, subscriber (ms) | ≤ 25.0 | 31.0 | **missed** |")
}

func TestEveryPartIsRendered(t *testing.T) {
	t.Parallel()
	r := &result{
		Part: partScale, Short: true,
		Stored: []storedRound{
			{round: round{Round: 1, Rate: 1000, Answer: percentiles{P99: 10}}},
			{round: round{Round: 1, Rate: 900, Answer: percentiles{P99: 12}}, Stored: 1_000_000},
		},
		Loads: []loadedCalls{{Calls: 1_000_000, Entries: 8_980_000, MiB: 22_000}},
		Open: []openRound{
			{round: round{Round: 1, Rate: 1000, Answer: percentiles{P99: 10}}, Open: 256},
			{round: round{Round: 2, Rate: 800, Answer: percentiles{P99: 10}}, Open: 100_000, OpenSeen: 98_765, Resident: 150, Highest: 160},
			{round: round{Round: 3, Rate: 1000, Answer: percentiles{P99: 10}}, Open: 256},
		},
		Reads: []readFigures{
			{Kind: oneCall, Stored: 1_000_000, Requests: 400, Answer: percentiles{P99: 1}, Found: 1},
			{Kind: "number", Stored: 1_000_000, Requests: 400, Answer: percentiles{P99: 21}, Found: 5},
			{Kind: "missed", Stored: 1_000_000, Failed: "503"},
		},
	}
	text := render([]*result{r})
	for _, want := range []string{
		"| with 1,000,000 calls stored, webhooks/s of empty | ≥ 85.0 % | 90.0 % | met |",
		"| with 1,000,000 calls stored, answer p99 of empty | ≤ 115.0 % | 120.0 % | **missed** |",
		"| with 98,765 calls open, webhooks/s of few | ≥ 85.0 % | 80.0 % | **missed** |",
		"| with 98,765 calls open, resident memory (MB) | ≤ 200 | 157 | met |",
		"the slowest filter of GET /v1/calls (ms): missed | ≤ 20.0 | – | **failed** |",
		"| missed | **failed** |",
		"| 1,000,000 | 8,980,000 | 22,000 | 900 | 90.0 % | 12.0 | 120.0 % |",
		"The short form",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "NaN")
	require.Contains(t, render([]*result{{Part: partRebuild, Rebuilds: []rebuildRound{
		{System: systemSQLite, Entries: 9, Rate: 20_001},
	}}}), "| rebuild on sqlite, webhooks/s | ≥ 20,000 | 20,001 | met |")
	require.Contains(t, render([]*result{{Part: partStart, Starts: []startRound{
		{System: systemPostgres, First: true, ReadyMS: 500}, {System: systemPostgres, ReadyMS: 1200},
	}}}), "| the longest start to ready on postgres (ms) | ≤ 1,000 | 1,200 | **missed** |")
}

// A part that is measured again replaces its own figures, and what people wrote stays.
func TestTheDocumentKeepsWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	path := filepath.Join(out, documentName)
	written := "# Benchmarks\n\nWhat people wrote.\n\n" + beginMark + "\nold\n" + endMark + "\n\nMore of it.\n"
	require.NoError(t, os.WriteFile(path, []byte(written), 0o600))
	r := &result{Part: partStart, Date: time.Unix(0, 0).UTC(), Starts: []startRound{{System: systemSQLite, ReadyMS: 77}}}
	require.NoError(t, r.write(out))
	require.NoError(t, writeDocument(out))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "What people wrote.\n\n"+beginMark+"\n\n## Targets")
	require.Contains(t, string(text), endMark+"\n\nMore of it.\n")
	require.NotContains(t, string(text), "\nold\n")

	r.Starts[0].ReadyMS = 88
	require.NoError(t, r.write(out))
	require.NoError(t, writeDocument(out))
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(text), "77.0", "88.0"), string(again))

	_, err = replaceGenerated("no marks", "text")
	require.Error(t, err)
}

// The kept document is what the kept results give.
func TestTheKeptDocumentIsInStep(t *testing.T) {
	t.Parallel()
	const docs = "../../docs"
	text, err := os.ReadFile(filepath.Join(docs, documentName))
	require.NoError(t, err)
	var results []*result
	for _, name := range partNames {
		r, err := readResult(docs, name)
		require.NoError(t, err)
		if r != nil {
			results = append(results, r)
		}
	}
	whole, err := replaceGenerated(string(text), render(results))
	require.NoError(t, err)
	require.Equal(t, whole, string(text), "write it with make bench, or with bench -document")
}

func TestFiguresAreReadable(t *testing.T) {
	t.Parallel()
	for figure, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.6: "1,234,568", -1500: "-1,500"} {
		require.Equal(t, want, count(figure))
	}
	for figure, want := range map[float64]string{0.123: "0.12", 12.34: "12.3", 123.4: "123", 12345: "12,345"} {
		require.Equal(t, want, ms(figure))
	}
	require.Equal(t, "–", ms(math.NaN()))
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 1e-9)
	require.InDelta(t, 3, median([]float64{9, 1, 3}), 1e-9)
	require.True(t, math.IsNaN(median(nil)))
}
