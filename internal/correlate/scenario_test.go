package correlate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

const (
	fixtures = "../../fixtures"
	account  = "default"
)

// update rewrites the goldens from what the program gives. They are worked out by hand: read the diff before you
// believe it.
var update = flag.Bool("update", false, "rewrite call.json, calls.json and events.txt of every scenario")

// scenarioNames gives every scenario: each folder of fixtures/ but openings, which holds beginnings only, and handlers,
// which holds what is to happen on events.
func scenarioNames(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(fixtures)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "openings" && entry.Name() != "handlers" {
			names = append(names, entry.Name())
		}
	}
	require.NotEmpty(t, names)
	return names
}

// readEvidence decodes the webhooks of a scenario, in order of delivery, other families left out.
func readEvidence(t testing.TB, scenario string) []*correlate.Leg {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	var evidence []*correlate.Leg
	for line := range bytes.Lines(data) {
		w, err := dialog.Decode(bytes.TrimRight(line, "\n"))
		require.NoError(t, err)
		if w.Kind != dialog.Other {
			evidence = append(evidence, correlate.NewLeg(&w))
		}
	}
	require.NotEmpty(t, evidence)
	return evidence
}

// outcome is what a sequence of webhooks gives: the records at the end and the steps on the way, by call.
type outcome struct {
	records map[string]string
	steps   map[string][]string
}

// play applies evidence in its order; each piece asks for what it needs, as a batch does.
func play(evidence []*correlate.Leg) outcome {
	set := correlate.NewSet(correlate.DefaultRules(), account)
	o := outcome{records: map[string]string{}, steps: map[string][]string{}}
	for _, e := range evidence {
		for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
			set.Load(missing, nil)
		}
		for _, effect := range set.Apply(e).Effects {
			for _, step := range effect.Steps {
				o.steps[step.CallUUID] = append(o.steps[step.CallUUID], stepLine(step))
			}
		}
	}
	for _, e := range evidence {
		_, link := set.Leg(e.UUID)
		call := set.Call(link.Call)
		if _, seen := o.records[link.Call]; !seen && call.State == correlate.StateEnded {
			o.steps[link.Call] = append(o.steps[link.Call], string(correlate.CallSettled))
		}
		o.records[link.Call] = string(append(call.AppendJSON(nil), '}'))
	}
	return o
}

func stepLine(step correlate.Step) string {
	return strings.TrimSpace(string(step.Kind) + " " + step.DialogUUID)
}

// TestScenarios plays every scenario of fixtures/ in order of delivery and holds the records and the events against
// what was worked out by hand.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, name := range scenarioNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := play(readEvidence(t, name))
			if *update {
				writeGoldens(t, name, got)
			}
			want := readRecords(t, name)
			require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got.records)), "calls")
			for id, record := range want {
				require.Equal(t, indent(t, record), indent(t, got.records[id]), "record of %s", id)
			}
			require.Equal(t, readSteps(t, name, got), got.steps, "events")
		})
	}
}

// A scenario has all of its files and a line in fixtures/README.md, and nothing else lies about.
func TestScenariosAreWhole(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(fixtures, "README.md"))
	require.NoError(t, err)
	for _, name := range scenarioNames(t) {
		entries, err := os.ReadDir(filepath.Join(fixtures, name))
		require.NoError(t, err)
		var files []string
		for _, entry := range entries {
			files = append(files, entry.Name())
		}
		require.Len(t, files, 3, "files of %s", name)
		require.Contains(t, files, "webhooks.ndjson", name)
		require.Contains(t, files, "events.txt", name)
		require.True(t, slices.Contains(files, "call.json") || slices.Contains(files, "calls.json"), name)
		require.Contains(t, string(readme), "| `"+name+"` |", "line of %s in fixtures/README.md", name)
	}
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "| `") {
			name := strings.Split(line, "`")[1]
			require.DirExists(t, filepath.Join(fixtures, name), "fixtures/README.md names it")
		}
	}
}

// TestEveryOrderGivesTheSameRecords: all orders up to eight webhooks, and many random ones above, with some of the
// webhooks doubled.
func TestEveryOrderGivesTheSameRecords(t *testing.T) {
	t.Parallel()
	for _, name := range scenarioNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evidence := readEvidence(t, name)
			want := play(evidence).records
			random := rand.New(rand.NewPCG(uint64(len(evidence)), 7))
			check := func(order []*correlate.Leg) {
				if random.IntN(4) == 0 {
					order = slices.Insert(slices.Clone(order), random.IntN(len(order)), order[random.IntN(len(order))])
				}
				if got := play(order).records; !maps.Equal(want, got) {
					require.Equal(t, want, got)
				}
			}
			if len(evidence) <= exhaustive {
				orders := 0
				permute(evidence, func(order []*correlate.Leg) { orders++; check(order) })
				require.Equal(t, factorial(len(evidence)), orders)
				return
			}
			order := slices.Clone(evidence)
			for range randomOrders {
				random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
				check(order)
			}
		})
	}
}

func factorial(n int) int {
	if n < 2 {
		return 1
	}
	return n * factorial(n-1)
}

// permute calls each with every order (Heap's algorithm); the slice is only valid during the call.
func permute(list []*correlate.Leg, each func([]*correlate.Leg)) {
	order := slices.Clone(list)
	var generate func(int)
	generate = func(k int) {
		if k <= 1 {
			each(order)
			return
		}
		for i := range k {
			generate(k - 1)
			if k%2 == 0 {
				order[i], order[k-1] = order[k-1], order[i]
			} else {
				order[0], order[k-1] = order[k-1], order[0]
			}
		}
	}
	generate(len(order))
}

// readRecords gives the expected records by call, as compact JSON.
func readRecords(t *testing.T, name string) map[string]string {
	t.Helper()
	var list []json.RawMessage
	if data, err := os.ReadFile(filepath.Join(fixtures, name, "calls.json")); err == nil {
		require.NoError(t, json.Unmarshal(data, &list))
		require.NotEmpty(t, list)
	} else {
		data, err := os.ReadFile(filepath.Join(fixtures, name, "call.json"))
		require.NoError(t, err)
		list = append(list, data)
	}
	records := map[string]string{}
	for _, raw := range list {
		var call struct {
			UUID string `json:"call_uuid"`
		}
		require.NoError(t, json.Unmarshal(raw, &call))
		require.NotContains(t, records, call.UUID)
		records[call.UUID] = string(raw)
	}
	return records
}

// indent brings JSON into one form, so that a difference shows as a line. Keys keep their order.
func indent(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, []byte(text), "", "  "))
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, out.Bytes()))
	out.Reset()
	require.NoError(t, json.Indent(&out, compact.Bytes(), "", "  "))
	return out.String()
}

// readSteps gives the expected events by call. In a scenario of one call there are no headings.
func readSteps(t *testing.T, name string, got outcome) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, name, "events.txt"))
	require.NoError(t, err)
	steps := map[string][]string{}
	call := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch heading, found := strings.CutPrefix(line, "# "); {
		case line == "":
		case found:
			call = heading
		default:
			if call == "" {
				require.Len(t, got.records, 1, "a scenario of several calls needs headings in events.txt")
				call = slices.Collect(maps.Keys(got.records))[0]
			}
			steps[call] = append(steps[call], line)
		}
	}
	return steps
}

func writeGoldens(t *testing.T, name string, got outcome) {
	t.Helper()
	dir := filepath.Join(fixtures, name)
	write := func(file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	ids := slices.Sorted(maps.Keys(got.records))
	if len(ids) == 1 {
		write("call.json", indent(t, got.records[ids[0]])+"\n")
	} else {
		var all []string
		for _, id := range ids {
			all = append(all, got.records[id])
		}
		write("calls.json", indent(t, "["+strings.Join(all, ",")+"]")+"\n")
	}
	var text strings.Builder
	for _, id := range slices.Sorted(maps.Keys(got.steps)) {
		if len(got.steps) > 1 {
			fmt.Fprintf(&text, "# %s\n", id)
		}
		for _, line := range got.steps[id] {
			fmt.Fprintln(&text, line)
		}
	}
	write("events.txt", text.String())
}
