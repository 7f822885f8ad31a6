package fsm_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	loop "github.com/looplab/fsm"
	"github.com/stretchr/testify/require"

	"webhookd/internal/fsm"
)

var update = flag.Bool("update", false, "rewrite the picture in docs/dialog-states.md")

const document = "../../docs/dialog-states.md"

// The whole table, worked out from design §3: forward and by jumps, the same again is a duplicate, behind is late, and
// nothing leaves closed.
func TestReport(t *testing.T) {
	t.Parallel()
	order := []fsm.State{fsm.Ringing, fsm.Alerting, fsm.Answered, fsm.Talking, fsm.Closed}
	for i, current := range order {
		for j, reported := range order {
			next, outcome := fsm.Report(current, reported)
			switch {
			case j > i:
				require.Equal(t, reported, next)
				require.Equal(t, fsm.Moved, outcome)
			case j == i:
				require.Equal(t, current, next)
				require.Equal(t, fsm.Duplicate, outcome)
			default:
				require.Equal(t, current, next)
				require.Equal(t, fsm.Late, outcome)
			}
		}
		next, outcome := fsm.Report(current, fsm.None)
		require.Equal(t, current, next)
		require.Equal(t, fsm.Duplicate, outcome)
	}
	for _, reported := range order {
		next, outcome := fsm.Report(fsm.None, reported)
		require.Equal(t, reported, next)
		require.Equal(t, fsm.Moved, outcome)
	}
	next, _ := fsm.Report(fsm.None, fsm.None)
	require.Equal(t, fsm.None, next)
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]fsm.State{
		"": fsm.None, "ringing": fsm.Ringing, "alerting": fsm.Alerting, "answered": fsm.Answered,
		"talking": fsm.Talking, "closed": fsm.Closed,
	} {
		got, ok := fsm.Parse(name)
		require.True(t, ok)
		require.Equal(t, want, got)
		require.Equal(t, name, got.String())
	}
	for _, name := range []string{"held", "Ringing", "closed "} {
		_, ok := fsm.Parse(name)
		require.False(t, ok)
	}
}

// The picture in the documentation is drawn from the machine that runs.
func TestDocumentShowsTheMachine(t *testing.T) {
	t.Parallel()
	picture, err := loop.VisualizeForMermaidWithGraphType(fsm.Machine(), loop.StateDiagram)
	require.NoError(t, err)
	fenced := "```mermaid\n" + strings.TrimSpace(picture) + "\n```\n"
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	if *update {
		before, rest, found := strings.Cut(string(text), "```mermaid\n")
		require.True(t, found)
		_, after, found := strings.Cut(rest, "\n```\n")
		require.True(t, found)
		require.NoError(t, os.WriteFile(document, []byte(before+fenced+after), 0o600))
		return
	}
	require.Contains(t, string(text), fenced, "run go test ./internal/fsm -update, and look at what changed")
}
