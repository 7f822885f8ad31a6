package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

// callsDocument gives docs/calls.md, and its sections by heading.
func callsDocument(t *testing.T) (text string, sections map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top, "docs", "calls.md"))
	require.NoError(t, err)
	sections = map[string]string{}
	for _, section := range strings.Split(string(data), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		sections[heading] = body
	}
	return string(data), sections
}

// cells gives the rows of a text's tables, headings and rules left out, each cell trimmed.
func cells(text string) [][]string {
	var rows [][]string
	header := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = true
			continue
		}
		if header || strings.HasPrefix(line, "| ---") {
			header = false
			continue
		}
		row := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// paths gives every field of the record as the document names it: external.number, legs[].holds[].from.
func paths(prefix string, of reflect.Type) []string {
	var all []string
	for field := range of.Fields() {
		if field.Anonymous {
			all = append(all, paths(prefix, field.Type)...)
			continue
		}
		path, kind := prefix+field.Tag.Get("json"), field.Type
		all = append(all, path)
		if kind.Kind() == reflect.Slice {
			path, kind = path+"[]", kind.Elem()
		}
		if kind.Kind() == reflect.Struct && kind.PkgPath() == reflect.TypeFor[correlate.Call]().PkgPath() {
			all = append(all, paths(path+".", kind)...)
		}
	}
	return all
}

// Every field of the record has one row that says what it is, where it comes from and when it is null; no row is about
// a field that does not exist.
func TestEveryFieldOfTheRecordIsDefined(t *testing.T) {
	t.Parallel()
	_, sections := callsDocument(t)
	var explained []string
	for _, row := range cells(sections["The fields"]) {
		require.Len(t, row, 4, "field, meaning, source, null: %v", row)
		require.NotContains(t, row, "", "%v", row)
		explained = append(explained, strings.Trim(row[0], "`"))
	}
	fields := paths("", reflect.TypeFor[flow.Record]())
	require.Contains(t, fields, "legs[].holds[].from")
	require.ElementsMatch(t, fields, explained)
}

// Every word that a record can hold is explained.
func TestEveryWordOfTheRecordIsExplained(t *testing.T) {
	t.Parallel()
	text, _ := callsDocument(t)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, "internal", "correlate", "vocabulary.go"), nil, 0)
	require.NoError(t, err)
	words := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			word, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			require.Contains(t, text, "`"+word+"`")
			words++
		}
		return true
	})
	require.Greater(t, words, 30)
}

// The table of close causes is the one that the program begins with.
func TestTheCloseCausesAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	_, sections := callsDocument(t)
	meaning := func(cell string) correlate.Cause {
		cell = strings.ReplaceAll(cell, "–", "none")
		class, vote, found := strings.Cut(strings.ReplaceAll(cell, "`", ""), ", ")
		require.True(t, found, cell)
		cause, err := correlate.ParseCause(class, vote)
		require.NoError(t, err)
		return cause
	}
	told := correlate.Causes{}
	for _, row := range cells(sections["Close causes"]) {
		if len(row) != 4 {
			continue // another table
		}
		cause := meaning(row[1] + ", " + row[2])
		if row[3] != "the same" {
			onCaller := meaning(row[3])
			cause.OnCaller = &onCaller
		}
		for name := range strings.SplitSeq(row[0], ", ") {
			told[strings.Trim(name, "`")] = cause
		}
	}
	require.Equal(t, correlate.DefaultCauses(), told)
}

// The decision table of who hung up is what the program decides, for every pair of votes.
func TestTheHangUpTableIsWhatTheProgramDecides(t *testing.T) {
	t.Parallel()
	_, sections := callsDocument(t)
	causes := map[string]string{"this side": "HANGUP", "the other side": "DIALOG_LEFT", "nothing": ""}
	seen := map[string]bool{}
	for _, row := range cells(sections["Who hung up"]) {
		if len(row) != 4 {
			continue // another table
		}
		contact, partner := causes[row[0]], causes[row[1]]
		seen[contact+" "+partner] = true
		for _, later := range []int{0, 1} { // how long the partner's close comes after the contact leg's
			call := twoLegs(t, contact, partner, later)
			want := strings.Trim(row[2], "`")
			switch want {
			case "the contact leg":
				want = "external"
			case "the partner":
				want = "consultant"
			case "the one that closed earlier; in the same second `unknown":
				want = map[int]string{0: "unknown", 1: "external"}[later]
			}
			require.Equal(t, want, string(call.HangupBy), "%v", row)
			require.Equal(t, strings.Trim(row[3], "`"), string(call.HangupBasis), "%v", row)
		}
	}
	require.Len(t, seen, 9)
}

func twoLegs(t *testing.T, contact, partner string, later int) *correlate.Call {
	t.Helper()
	const customer, consultant = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	var webhooks [][]byte
	add := func(format string, values ...any) { webhooks = append(webhooks, fmt.Appendf(nil, format, values...)) }
	add(`{"event_name":"dialog_create","event_time":"2026-01-01 10:00:00","dialog_uuid":%q,"dialog_type":"EXTERNAL",`+
		`"direction":"OUTBOUND","business_direction":"INBOUND","state":"talking"}`, customer)
	add(`{"event_name":"dialog_create","event_time":"2026-01-01 10:00:01","dialog_uuid":%q,"dialog_type":"CONSULTANT",`+
		`"direction":"INBOUND","state":"talking","initial_application_info":{"data":{"caller_dialog_uuid":%q}}}`,
		consultant, customer)
	add(`{"event_name":"dialog_close","event_time":"2026-01-01 10:01:00","dialog_uuid":%q,"close_cause":%q}`,
		customer, contact)
	add(`{"event_name":"dialog_close","event_time":"2026-01-01 10:01:0%d","dialog_uuid":%q,"close_cause":%q}`,
		later, consultant, partner)
	calls := derive(t, webhooks, "")
	require.Len(t, calls, 1)
	return calls[0]
}

// example is a heading of the document under which figures stand.
type example struct {
	heading  string
	scenario string
	first    int    // only so many of its webhooks; 0 for all
	closed   string // "by time-out" or "by hand": then every open leg is closed
	rows     [][]string
}

var exampleHeading = regexp.MustCompile(
	"^#### (?:First (\\d+) webhooks of )?`([a-z_0-9]+)`(?:, then closed (by time-out|by hand))?$")

func examples(t *testing.T) []*example {
	t.Helper()
	text, _ := callsDocument(t)
	var all []*example
	for _, part := range strings.Split(text, "\n#### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n### ")
		body, _, _ = strings.Cut(body, "\n## ")
		match := exampleHeading.FindStringSubmatch("#### " + heading)
		require.NotNil(t, match, "heading %q names no scenario", heading)
		first, _ := strconv.Atoi(match[1])
		all = append(all, &example{heading, match[2], first, match[3], cells(body)})
	}
	return all
}

// Every figure in an example is that of the scenario's record: for a whole scenario the one that was worked out by
// hand, else the one that the program derives from the webhooks that the heading names.
func TestTheExamplesAreTheScenarios(t *testing.T) {
	t.Parallel()
	all := examples(t)
	require.Greater(t, len(all), 40)
	for _, e := range all {
		t.Run(e.heading, func(t *testing.T) {
			t.Parallel()
			require.GreaterOrEqual(t, len(e.rows), 3)
			records := e.records(t)
			for _, row := range e.rows {
				if regexp.MustCompile(`^[A-Z]$`).MatchString(row[0]) {
					require.Len(t, records, 1)
					requireLeg(t, records[0], row)
					continue
				}
				require.Len(t, row, 3, "field, value, reason: %v", row)
				requireField(t, records, strings.Trim(row[0], "`"), strings.Trim(row[1], "`"))
			}
		})
	}
}

// records gives the example's calls, several in the order of calls.json, else of their begin.
func (e *example) records(t *testing.T) []map[string]any {
	t.Helper()
	folder := filepath.Join(top, "fixtures", e.scenario)
	require.DirExists(t, folder)
	if e.first == 0 && e.closed == "" {
		data, err := os.ReadFile(filepath.Join(folder, "calls.json"))
		if err != nil {
			data, err = os.ReadFile(filepath.Join(folder, "call.json"))
			data = fmt.Appendf(nil, "[%s]", data)
		}
		require.NoError(t, err)
		return parseRecords(t, data)
	}
	data, err := os.ReadFile(filepath.Join(folder, "webhooks.ndjson"))
	require.NoError(t, err)
	webhooks := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if e.first > 0 {
		require.Less(t, e.first, len(webhooks))
		webhooks = webhooks[:e.first]
	}
	data, err = json.Marshal(derive(t, webhooks, e.closed))
	require.NoError(t, err)
	return parseRecords(t, data)
}

func parseRecords(t *testing.T, data []byte) []map[string]any {
	t.Helper()
	var records []map[string]any
	require.NoError(t, json.Unmarshal(data, &records))
	return records
}

// derive works out the calls of webhooks that came in this order, and closes them as the service would.
func derive(t *testing.T, webhooks [][]byte, closed string) []*correlate.Call {
	t.Helper()
	set := correlate.NewSet(correlate.DefaultRules(), "default")
	last, seen := dialog.Time(0), map[string]bool{}
	apply := func(evidence *correlate.Leg) {
		for missing := set.Missing(evidence); len(missing) > 0; missing = set.Missing(evidence) {
			set.Load(missing, nil)
		}
		set.Apply(evidence)
		seen[evidence.UUID] = true
	}
	for _, body := range webhooks {
		w, err := dialog.Decode(body)
		require.NoError(t, err)
		require.NotEqual(t, dialog.Other, w.Kind)
		last = max(last, w.EventTime)
		apply(correlate.NewLeg(&w))
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		_, link := set.Leg(id)
		if !set.Call(link.Call).Leg(id).ClosedAt.IsZero() {
			continue
		}
		switch closed {
		case "by time-out":
			apply(correlate.NewMadeClose(id, last, correlate.BasisTimeout, "TIMEOUT"))
		case "by hand":
			apply(correlate.NewMadeClose(id, last, correlate.BasisManual, "MANUAL"))
		}
	}
	calls := map[string]*correlate.Call{}
	for id := range seen {
		_, link := set.Leg(id)
		calls[link.Call] = set.Call(link.Call)
	}
	return slices.SortedFunc(maps.Values(calls), func(a, b *correlate.Call) int { return int(a.StartedAt - b.StartedAt) })
}

func requireField(t *testing.T, records []map[string]any, path, want string) {
	t.Helper()
	record, rest := records[0], path
	if strings.HasPrefix(path, "[") {
		index, after, _ := strings.Cut(path[1:], "].")
		n, err := strconv.Atoi(index)
		require.NoError(t, err)
		require.Less(t, n, len(records), path)
		record, rest = records[n], after
	} else {
		require.Len(t, records, 1, "of which call is %s?", path)
	}
	value := any(record)
	for step := range strings.SplitSeq(strings.ReplaceAll(rest, "[", ".["), ".") {
		if index, isIndex := strings.CutPrefix(step, "["); isIndex {
			n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			require.NoError(t, err)
			list, isList := value.([]any)
			require.True(t, isList && n < len(list), path)
			value = list[n]
			continue
		}
		object, isObject := value.(map[string]any)
		require.True(t, isObject, path)
		require.Contains(t, object, step, path)
		value = object[step]
	}
	require.Equal(t, want, show(record, value), path)
}

// show is a value as the document writes it: a leg by its letter in leg order, a time by its clock.
func show(record map[string]any, value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatInt(int64(v), 10)
	case []any:
		if len(v) == 0 {
			return "[]"
		}
	case string:
		legs, _ := record["legs"].([]any)
		for i, leg := range legs {
			if leg, _ := leg.(map[string]any); leg["dialog_uuid"] == v {
				return string(rune('A' + i))
			}
		}
		if at, err := dialog.ParseTime(v); err == nil {
			return at.Time().Format("15:04:05")
		}
		return v
	}
	return fmt.Sprint(value)
}

// requireLeg holds a row of a table of legs: letter, who, created, alerting, answered, talking, closed, cause.
func requireLeg(t *testing.T, record map[string]any, row []string) {
	t.Helper()
	require.Len(t, row, 8, "%v", row)
	legs, _ := record["legs"].([]any)
	n := int(row[0][0] - 'A')
	require.Less(t, n, len(legs), "%v", row)
	leg, _ := legs[n].(map[string]any)
	for i, field := range []string{"created_at", "alerting_at", "answered_at", "talking_at", "closed_at", "close_cause"} {
		want := strings.Trim(row[2+i], "`")
		if want == "–" {
			want = "null"
		}
		require.Equal(t, want, show(map[string]any{}, leg[field]), "leg %s: %s", row[0], field)
	}
}

// Every scenario that the text points to is the one that it names.
func TestTheTextPointsToTheScenariosThatItNames(t *testing.T) {
	t.Parallel()
	text, _ := callsDocument(t)
	found := regexp.MustCompile("\\[`([^`]+)`\\]\\(\\.\\./fixtures/([^/]+)/(calls?)\\.json\\)").FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, found)
	for _, match := range found {
		require.Equal(t, match[1], match[2])
		require.FileExists(t, filepath.Join(top, "fixtures", match[2], match[3]+".json"))
	}
}
