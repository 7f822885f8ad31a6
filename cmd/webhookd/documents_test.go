package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const top = "../.."

var link = regexp.MustCompile(`\]\(([^)#:\s]*)(#[^)\s]*)?\)`)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	places := 0
	for _, document := range documents(t) {
		data, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, match := range link.FindAllStringSubmatch(string(data), -1) {
			target := document
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(document), match[1])
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s leads to %s", document, match[0])
			if match[2] != "" && strings.HasSuffix(target, ".md") {
				require.Contains(t, anchors(t, target), match[2][1:], "%s leads to %s", document, match[0])
				places++
			}
		}
	}
	require.NotZero(t, places)
}

// anchors gives the names by which a document's headings can be linked to.
func anchors(t *testing.T, document string) []string {
	t.Helper()
	data, err := os.ReadFile(document)
	require.NoError(t, err)
	var names []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(data), -1) {
		text := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(strings.ToLower(heading[1]), "")
		text = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(text, "")
		names = append(names, strings.ReplaceAll(text, " ", "-"))
	}
	return names
}

func TestTheIndexHasEveryDocument(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"docs", "docs/decisions"} {
		index, err := os.ReadFile(filepath.Join(top, folder, "README.md"))
		require.NoError(t, err)
		var linked []string
		for _, match := range link.FindAllStringSubmatch(string(index), -1) {
			linked = append(linked, match[1])
		}
		files, err := filepath.Glob(filepath.Join(top, folder, "*.md"))
		require.NoError(t, err)
		require.Greater(t, len(files), 1)
		for _, file := range files {
			if name := filepath.Base(file); name != "README.md" {
				require.Contains(t, linked, name, "%s/README.md does not lead to it", folder)
			}
		}
	}
}

// The table of packages has them all, but for those that only tests use.
func TestEveryPackageIsExplained(t *testing.T) {
	t.Parallel()
	architecture, err := os.ReadFile(filepath.Join(top, "docs", "architecture.md"))
	require.NoError(t, err)
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `internal/([^`]+)` \\| ").FindAllStringSubmatch(string(architecture), -1) {
		explained = append(explained, row[1])
	}
	folders, err := os.ReadDir(filepath.Join(top, "internal"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		if name := folder.Name(); folder.IsDir() && !strings.HasSuffix(name, "test") {
			require.Contains(t, explained, name, "docs/architecture.md has no row for it")
		}
	}
}

func TestEveryDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile(filepath.Join(top, "go.mod"))
	require.NoError(t, err)
	reasons, err := os.ReadFile(filepath.Join(top, "docs", "dependencies.md"))
	require.NoError(t, err)
	direct := 0
	for line := range strings.Lines(string(module)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") {
			direct++
			require.Contains(t, string(reasons), "| `"+fields[0]+"` |")
		}
	}
	require.NotZero(t, direct)
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(reasons), -1) {
		require.Contains(t, string(module), "\t"+match[1]+" v", "a reason for what is not there")
	}
}

// Every make target, every command and every flag that a document names exists, also where it is not run.
func TestDocumentsNameWhatExists(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	require.NoError(t, err)
	named := regexp.MustCompile("(?m)(?:`|^|\\$ |[ /(])webhookd ([a-z-]+(?: [^`|;&#)\n]*)?)")
	flag := regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
	flags := 0
	for _, document := range documents(t) {
		var typed strings.Builder
		for _, block := range codeBlocks(t, document) {
			if block.commands() {
				typed.WriteString(block.body)
			}
		}
		for _, span := range regexp.MustCompile("(?s)`[^`]+`").FindAllString(prose(t, document), -1) {
			typed.WriteString(strings.ReplaceAll(strings.Trim(span, "`"), "\n", " ") + "\n")
		}
		code := strings.ReplaceAll(typed.String(), "\\\n", " ")
		code = regexp.MustCompile(`(?m)(?:^|\s)#.*$`).ReplaceAllString(code, "")
		for _, match := range regexp.MustCompile(`(?m)^(?:\$ )?make ([a-z0-9-]+)`).FindAllStringSubmatch(code, -1) {
			require.Contains(t, string(makefile), "\n"+match[1]+": ", "%s names make %s", document, match[1])
		}
		for _, match := range named.FindAllStringSubmatch(code, -1) {
			root := newRoot(process{})
			command, _, err := root.Find(strings.Fields(match[1]))
			require.NoError(t, err, "%s names webhookd %s", document, match[1])
			require.True(t, command.HasParent(), "%s names webhookd %s", document, match[1])
			command.InitDefaultHelpFlag()
			for _, given := range flag.FindAllStringSubmatch(match[1], -1) {
				require.NotNil(t, command.Flag(given[1]), "%s names webhookd %s", document, match[1])
				flags++
			}
		}
	}
	require.Greater(t, flags, 20)
}

// Every field of the recorded call's record is explained, and every type of its events.
func TestTheRecordAndTheEventsAreExplained(t *testing.T) {
	t.Parallel()
	fields, err := os.ReadFile(filepath.Join(top, "docs", "calls.md"))
	require.NoError(t, err)
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, "call.json")), &record))
	for name := range record {
		require.Contains(t, string(fields), "\n| `"+name+"` | ")
	}
	types, err := os.ReadFile(filepath.Join(top, "docs", "nats-events.md"))
	require.NoError(t, err)
	for _, event := range wantedEvents(t) {
		name, _, _ := strings.Cut(event, " ")
		require.Contains(t, string(types), "\n| `"+name+"` | ")
	}
}
