package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// figure is a measured value, by where it stands in docs/benchmarks/raw: rows are those of a list in which each key has the
// value given. Where there are several (rounds), it is their median.
type figure struct {
	file, list string
	row        map[string]any // numbers as float64
	field      string         // a.b is b in a
	to         *figure        // what each row is divided by
}

func measured(file, list, field string, row map[string]any) figure {
	return figure{file: file, list: list, row: row, field: field}
}

// in gives the figure as a ratio to another one.
func (f figure) in(to figure) figure {
	f.to = &to
	return f
}

func (f figure) values(t *testing.T) []float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, "docs", "benchmarks", "raw", f.file))
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(text, &all))
	list, ok := all[f.list].([]any)
	if !ok { // of the machine
		list = []any{all[f.list]}
	}
	var found []float64
	for _, one := range list {
		row, ok := one.(map[string]any)
		require.True(t, ok, "%s: %s", f.file, f.list)
		for key, want := range f.row {
			if number, ok := row[key].(float64); ok && number != want || !ok && row[key] != want {
				row = nil
				break
			}
		}
		if row == nil {
			continue
		}
		var value any = row
		for key := range strings.SplitSeq(f.field, ".") {
			row, ok := value.(map[string]any)
			require.True(t, ok, "%s: %s", f.file, f.field)
			value = row[key]
		}
		number, ok := value.(float64)
		require.True(t, ok, "%s: %s has no %s", f.file, f.list, f.field)
		found = append(found, number)
	}
	require.NotEmpty(t, found, "%s: %s has no row %v", f.file, f.list, f.row)
	return found
}

func (f figure) value(t *testing.T) float64 {
	t.Helper()
	values := f.values(t)
	if f.to != nil {
		for i, other := range f.to.values(t) {
			values[i] /= other
		}
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// sized is a value of raw/sizing.tsv, a column after the ones given.
func sized(t *testing.T, columns ...string) float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, "docs", "benchmarks", "raw", "sizing.tsv"))
	require.NoError(t, err)
	begin := strings.Join(columns, "\t") + "\t"
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, begin); ok {
			value, err := strconv.ParseFloat(strings.Split(strings.TrimSpace(rest), "\t")[0], 64)
			require.NoError(t, err)
			return value
		}
	}
	require.Fail(t, "sizing.tsv has no such row", "%q", columns)
	return 0
}

// grouped writes a whole number as documents do: 2,716.
func grouped(value float64) string {
	digits := fmt.Sprintf("%.0f", value)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// What documents say of measurements by hand is what was measured last. After make bench or make sizing this test says which
// sentences are to be written anew; benchmarks.md is made from the same files.
func TestTheFiguresOfTheDocumentsWereMeasured(t *testing.T) {
	t.Parallel()
	type row = map[string]any
	stored := func(calls int) figure {
		return measured("scale.json", "stored", "webhooks_per_second", row{"stored_calls": float64(calls)})
	}
	latency := func(rate int, field string) float64 {
		return measured("latency.json", "latencies", field, row{"rate": float64(rate)}).value(t)
	}
	throughput := func(system string, connections int, field string) figure {
		return measured("throughput.json", "rounds", field, row{"system": system, "connections": float64(connections)})
	}
	cpu := func(process string) float64 {
		return throughput("postgres", 256, "cpu_us_per_webhook."+process).value(t)
	}
	faster := func(connections int) float64 {
		return throughput("postgres", connections, "webhooks_per_second").in(throughput("plain", connections, "webhooks_per_second")).value(t)
	}
	few := measured("scale.json", "open", "webhooks_per_second", row{"open": 256.0})
	many := func(field string) float64 {
		return measured("scale.json", "open", field, row{"open": 110_000.0}).value(t)
	}
	rebuild := func(system string) string {
		return grouped(measured("rebuild.json", "rebuilds", "entries_per_second", row{"system": system}).value(t))
	}
	percent := func(f figure) float64 { return 100 * f.value(t) }
	kilobytes := func(store string, columns ...string) float64 {
		return sized(t, append([]string{store}, columns...)...) / sized(t, store, "calls") / 1000
	}
	table := func(store, name string) float64 { return kilobytes(store, "table with its indexes", name, "bytes") }
	rest := func(store string) float64 {
		return kilobytes(store, "database", "bytes") - table(store, "outbox") - table(store, "journal") - table(store, "calls") - table(store, "legs")
	}
	both := func(of func(store, name string) float64, name string) string {
		return fmt.Sprintf("%.1f | %.1f |", of("postgres", name), of("sqlite", name))
	}
	size := func(store, name string) float64 { return kilobytes(store, name, "bytes") }
	memory := func(store string) string {
		return fmt.Sprintf("| %.0f | %.0f |", sized(t, store, "memory", "just started", "MiB"), sized(t, store, "memory", "after the load", "MiB"))
	}
	for document, sentences := range map[string][]string{
		"docs/sizing.md": {
			fmt.Sprintf("took %s webhooks a second", grouped(stored(1_000_000).value(t))),
			fmt.Sprintf("the median answer took %.2f ms, and 99 %% took %.1f ms or less", latency(500, "answer_ms.p50"), latency(500, "answer_ms.p99")),
			fmt.Sprintf("from 100 to %.0f and %.0f %%", percent(stored(100_000).in(stored(0))), percent(stored(1_000_000).in(stored(0)))),
			fmt.Sprintf("webhookd held %.0f MiB at the end and %.0f MiB at most", many("resident_mib"), many("resident_most")),
			"| SQLite and embedded NATS " + memory("sqlite"),
			"| Postgres and embedded NATS " + memory("postgres"),
			fmt.Sprintf("%s made-up calls of every kind (%s webhooks, %s events)", grouped(sized(t, "postgres", "calls")),
				grouped(sized(t, "postgres", "webhooks")), grouped(sized(t, "postgres", "events"))),
			"| outbox | " + both(table, "outbox"),
			"| journal | " + both(table, "journal"),
			"| calls | " + both(table, "calls"),
			"| legs | " + both(table, "legs"),
			fmt.Sprintf("| search keys, facts for statistics, the rest | %.1f | %.1f |", rest("postgres"), rest("sqlite")),
			fmt.Sprintf("| **the database** | **%.1f** | **%.1f** |", size("postgres", "database"), size("sqlite", "database")),
			"| NATS: stream and bucket | " + both(size, "NATS store"),
			fmt.Sprintf("| WAL written | %.1f |", size("postgres", "WAL")),
			fmt.Sprintf("| `pg_dump -Fc` | %.1f |", size("postgres", "pg_dump -Fc")),
			fmt.Sprintf("instead of %.0f.", throughput("postgres", 1, "webhooks_per_second").value(t)),
			fmt.Sprintf("%.2f ms was measured on the machine", measured("throughput.json", "machine", "sync_us", nil).value(t)/1000),
		},
		"docs/performance.md": {
			fmt.Sprintf("about %.0f µs of processor in webhookd, %.0f in Postgres, %.0f in NATS and %.0f in the generator",
				cpu("service"), cpu("postgres"), cpu("nats"), cpu("generator")),
			fmt.Sprintf("(found: %.1f at 256 connections, %.1f at 1,024)", faster(256), faster(1024)),
			fmt.Sprintf("p99 at 2,000/s** (%.1f ms, target 25)", latency(2000, "answer_ms.p99")),
			fmt.Sprintf("(%.0f %% of empty, target 85 %%)", percent(stored(1_000_000).in(stored(0)))),
			fmt.Sprintf("was %.0f MiB (%.0f MB, target 200)", many("resident_mib"), many("resident_mib")*1.048576),
			fmt.Sprintf("**Rebuild** (%s/s on Postgres, %s on SQLite, target 20,000)", rebuild("postgres"), rebuild("sqlite")),
			fmt.Sprintf("(%.0f %% of few)", 100*many("webhooks_per_second")/few.value(t)),
		},
		"docs/decisions/0002-group-commit.md": {
			fmt.Sprintf("Measured: %.1f times one transaction each at 256 connections", faster(256)),
		},
	} {
		text, err := os.ReadFile(filepath.Join(top, document))
		require.NoError(t, err)
		said := strings.Join(strings.Fields(string(text)), " ")
		for _, sentence := range sentences {
			require.Contains(t, said, strings.Join(strings.Fields(sentence), " "), "%s does not say what was measured", document)
		}
	}
}
