package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/trigger"
)

// triggersDocument gives docs/triggers.md, and its sections by heading.
func triggersDocument(t *testing.T) (text string, sections map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top, "docs", "triggers.md"))
	require.NoError(t, err)
	sections = map[string]string{}
	for _, section := range strings.Split(string(data), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		sections[heading] = body
	}
	return string(data), sections
}

// fenced gives the blocks of a language in a text, as they stand.
func fenced(text, language string) []string {
	var blocks []string
	for _, block := range strings.Split(text, "\n```"+language+"\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```\n")
		blocks = append(blocks, block+"\n")
	}
	return blocks
}

// compiles says what is wrong with a handler whose condition, and whose actions, are these.
func compiles(when string, do ...trigger.Action) error {
	if len(do) == 0 {
		do = []trigger.Action{{"type": "send_msg", "text": "a"}}
	}
	_, err := trigger.Compile(trigger.Handler{Name: "a", On: []string{"call_missed"}, When: when, Do: do},
		trigger.Environment{Flows: map[string]string{"callback": "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"}})
	return err
}

// Every example is one that the program takes.
func TestTheExamplesOfHandlersAreRight(t *testing.T) {
	t.Parallel()
	text, _ := triggersDocument(t)
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	require.NoError(t, err)
	env := trigger.Environment{Flows: map[string]string{"callback": "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"}}
	tried := 0
	for _, block := range append(fenced(text, "yaml"), fenced(string(readme), "yaml")...) {
		if strings.HasPrefix(block, "do:") {
			block = "handlers:\n- name: a\n  on: call_settled\n  " + strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n  ")
		}
		if !strings.HasPrefix(block, "handlers:\n") {
			continue // the set-up of the service
		}
		_, err := trigger.LoadFile([]byte(block), env)
		require.NoError(t, err, block)
		tried++
	}
	require.Equal(t, 8, tried)
}

// Every key of a handler has its row, and no row is about a key that there is not.
func TestEveryKeyOfAHandlerIsExplained(t *testing.T) {
	t.Parallel()
	_, sections := triggersDocument(t)
	var explained, keys []string
	for _, row := range cells(sections["A handler"]) {
		explained = append(explained, strings.Trim(row[0], "`"))
	}
	for field := range reflect.TypeFor[trigger.Handler]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			keys = append(keys, name)
		}
	}
	require.ElementsMatch(t, keys, explained)
}

// Whatever the document says that expressions see, they see; and they see the whole of a record.
func TestExpressionsSeeWhatIsSaid(t *testing.T) {
	t.Parallel()
	_, sections := triggersDocument(t)
	tried, stated := 0, 0
	for _, row := range cells(sections["Expressions"]) {
		for _, match := range regexp.MustCompile("`([a-z_0-9.[\\]]+)`").FindAllStringSubmatch(strings.Join(row, " "), -1) {
			switch path := match[1]; path {
			case "legs[]", "api", "webhook_called", "updated_at": // these are named, but are no paths
			default:
				require.NoError(t, compiles("["+path+"] != nil"), path)
				tried++
			}
		}
	}
	require.Greater(t, tried, 25)
	for _, path := range paths("", reflect.TypeFor[flow.Record]()) {
		expression := "call." + path
		for strings.Contains(expression, "[].") {
			list, field, _ := strings.Cut(expression, "[].")
			expression = list + "[0]." + field
		}
		err := compiles("[" + strings.TrimSuffix(expression, "[]") + "] != nil")
		if path == "updated_at" {
			require.ErrorContains(t, err, "has no field")
			continue
		}
		require.NoError(t, err, path)
	}
	// What stands in the text.
	prose := regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(
		sections["Expressions"]+sections["Chains"]+sections["The trigger API"]+sections["Recipes"], "")
	for _, match := range regexp.MustCompile("`([^`]*(?: > | < | == | != )[^`]*)`").FindAllStringSubmatch(
		strings.ReplaceAll(prose, "\n", " "), -1) {
		expression := strings.TrimPrefix(match[1], "when: ")
		require.NoError(t, compiles(expression), expression)
		stated++
	}
	require.Equal(t, 5, stated)
	for _, path := range []string{"now()", "call.talk_ms == nil || call.talk_ms == ''", "call.project.id == 7", "date(call.started_at).Local()"} {
		require.Error(t, compiles(path+" == 1 || true"), path)
	}
}

// Every action has its row, with the keys that it takes and the events that it makes.
func TestEveryActionIsExplained(t *testing.T) {
	t.Parallel()
	_, sections := triggersDocument(t)
	code := regexp.MustCompile("`([a-z_]+)`")
	var explained []string
	events := map[string]bool{}
	for _, row := range cells(sections["Actions"]) {
		require.Len(t, row, 3)
		action := strings.Trim(row[0], "`")
		explained = append(explained, action)
		for _, match := range code.FindAllStringSubmatch(row[1], -1) {
			err := compiles("", trigger.Action{"type": action, match[1]: json.Number("1")})
			if err != nil {
				require.NotContains(t, err.Error(), match[1]+": is no key of", "%s takes no %s", action, match[1])
			}
		}
		for _, match := range code.FindAllStringSubmatch(row[2], -1) {
			if match[1] != "result_name" {
				events[match[1]] = true
			}
		}
	}
	require.ElementsMatch(t, trigger.ActionTypes(), explained)
	for _, kind := range trigger.EventTypes() {
		ofCall := regexp.MustCompile("^(call|dial|dialog)_").MatchString(kind)
		require.Equal(t, !ofCall && kind != "error" && kind != "failure", events[kind], kind)
	}
	types, err := os.ReadFile(filepath.Join(top, "docs", "nats-events.md"))
	require.NoError(t, err)
	var listed []string
	for _, row := range cells(string(types)) {
		listed = append(listed, strings.Trim(row[0], "`"))
	}
	require.Subset(t, listed, trigger.EventTypes())
}
