package stats_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/stats"
)

// table gives the rows of the table with this header in docs/statistics.md.
func table(t *testing.T, header string) [][]string {
	t.Helper()
	document, err := os.ReadFile("../../docs/statistics.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(document), header+"\n")
	require.True(t, found, header)
	var rows [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "| ---") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		rows = append(rows, cells)
	}
	require.NotEmpty(t, rows)
	return rows
}

func ms(t *testing.T, cell string) *int64 {
	t.Helper()
	if cell == "–" {
		return nil
	}
	seconds, err := strconv.ParseInt(strings.TrimSuffix(cell, " s"), 10, 64)
	require.NoError(t, err)
	seconds *= 1000
	return &seconds
}

// The example was worked out by hand; what is written there is what the program gives.
func TestTheExampleInTheDocumentation(t *testing.T) {
	t.Parallel()
	question := stats.Question{AnswerWithin: 20, AbandonAfter: 5}
	var tallies []stats.Tally
	for _, row := range table(t, "| call | direction | ended as | wait | talk | hold | hung up by |") {
		by, side, _ := strings.Cut(row[6], ", ")
		facts := stats.FactsOf(&correlate.Call{
			State: correlate.StateEnded, Direction: row[1], Disposition: correlate.Word(row[2]),
			HangupBy: correlate.Word(by), HangupSide: correlate.Word(side),
			WaitMS: ms(t, row[3]), TalkMS: ms(t, row[4]), HoldMS: ms(t, row[5]),
		})
		require.Len(t, facts, 1)
		tally := stats.Tally{Class: facts[0].Class}
		tally.Add(&question, facts[0])
		tallies = append(tallies, tally)
	}
	require.Len(t, tallies, 9)
	text, err := json.Marshal(stats.NewFigures(tallies))
	require.NoError(t, err)
	var figures map[string]any
	require.NoError(t, json.Unmarshal(text, &figures))
	for _, row := range table(t, "| figure | value | worked out |") {
		var value any = figures
		for step := range strings.SplitSeq(row[0], ".") {
			require.Contains(t, value, step, row[0])
			value = value.(map[string]any)[step]
		}
		var want any
		require.NoError(t, json.Unmarshal([]byte(row[1]), &want))
		require.Equal(t, want, value, row[0])
	}
}

// Every figure that there is has its line in the documentation, and every formula its figure.
func TestEveryFigureIsDocumented(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	name := regexp.MustCompile("`?([a-z_]+)`?")
	for _, row := range table(t, "| figure | what it is |") {
		for cell := range strings.SplitSeq(row[0], ",") {
			described[name.FindStringSubmatch(strings.TrimSpace(cell))[1]] = true
		}
	}
	text, err := json.Marshal(stats.InboundFigures{})
	require.NoError(t, err)
	var figures map[string]any
	require.NoError(t, json.Unmarshal(text, &figures))
	for figure := range figures {
		require.True(t, described[figure], figure)
	}
	for figure := range described {
		require.Contains(t, figures, figure)
	}
	for figure := range stats.FormulasOf(stats.DefaultThresholds()) {
		require.Contains(t, figures, figure)
	}
}
