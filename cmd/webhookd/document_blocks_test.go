package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What stands in the documents to be typed is either run by TestEveryCommandOfTheDocumentsRuns, or says why not.
// CONTRIBUTING.md ("… a command in a document") explains the marks.

// codeBlock is a fenced block of a document.
type codeBlock struct {
	document string // its path from the top of the repository
	line     int    // of the fence
	language string
	body     string

	notRun      string         // why it is not run
	first       []string       // commands that are run before it
	file        string         // the name of the file that the block is
	interrupted *regexp.Regexp // its commands go on until they have said this, and are stopped then
	fails       bool           // its last command fails
}

func (b *codeBlock) String() string { return fmt.Sprintf("%s:%d", b.document, b.line) }

// commands says whether the block is to be typed.
func (b *codeBlock) commands() bool { return b.language == "sh" || b.language == "console" }

// whyNot are the reasons for which a block may be left out; what follows a colon is free. "tested by" names a test.
var whyNot = []string{
	"takes long",                   // minutes
	"needs root",                   // changes the machine: packages, services, users
	"needs the network",            // fetches from elsewhere
	"needs servers of your own",    // a Postgres or a NATS cluster as one has in production
	"needs a PBX",                  // or somebody else's system
	"needs docker",                 //
	"needs kubernetes",             //
	"needs a published repository", // a clone, a release, a tag of it
	"tested by",
}

// documents gives every Markdown file of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != top && (strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "bin", "data", "dist"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".md") {
			found = append(found, path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, filepath.Join(top, "README.md"))
	require.Contains(t, found, filepath.Join(top, "docs", "README.md"))
	require.Contains(t, found, filepath.Join(top, "fixtures", "README.md"))
	return found
}

var (
	fence   = regexp.MustCompile("^( *)```(\\S*)\\s*$")
	comment = regexp.MustCompile(`^\s*<!-- (.*) -->\s*$`)
)

// codeBlocks gives the fenced blocks of a document with their marks.
func codeBlocks(t *testing.T, path string) []*codeBlock {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	document, err := filepath.Rel(top, path)
	require.NoError(t, err)
	var (
		blocks []*codeBlock
		open   *codeBlock
		indent string
		marks  []string
	)
	for i, line := range strings.Split(string(data), "\n") {
		switch match := fence.FindStringSubmatch(line); {
		case match != nil && open == nil:
			open, indent = &codeBlock{document: document, line: i + 1, language: match[2]}, match[1]
			open.mark(t, marks)
		case match != nil:
			blocks, open, marks = append(blocks, open), nil, nil
		case open != nil:
			open.body += strings.TrimPrefix(line, indent) + "\n"
		case comment.MatchString(line):
			marks = append(marks, comment.FindStringSubmatch(line)[1])
		case strings.TrimSpace(line) != "":
			for _, mark := range marks {
				assert.Empty(t, markOf(mark), "%s:%d: the mark %q is before no block", document, i+1, mark)
			}
			marks = nil
		}
	}
	require.Nil(t, open, "%s: a block does not end", document)
	return blocks
}

// prose gives a document without its fenced blocks.
func prose(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var text strings.Builder
	inside := false
	for line := range strings.Lines(string(data)) {
		if fence.MatchString(strings.TrimRight(line, "\n")) {
			inside = !inside
		} else if !inside {
			text.WriteString(line)
		}
	}
	return text.String()
}

// markOf gives the name of a mark, "" if a comment is none.
func markOf(text string) string {
	name, _, _ := strings.Cut(text, ":")
	if slices.Contains([]string{"not run", "first", "file", "interrupted after", "fails"}, name) {
		return name
	}
	return ""
}

func (b *codeBlock) mark(t *testing.T, marks []string) {
	t.Helper()
	for _, mark := range marks {
		_, value, _ := strings.Cut(mark, ":")
		value = strings.TrimSpace(value)
		switch markOf(mark) {
		case "not run":
			b.notRun = value
			require.True(t, slices.ContainsFunc(whyNot, func(reason string) bool {
				return value == reason || strings.HasPrefix(value, reason+":") || reason == "tested by" && strings.HasPrefix(value, reason+" ")
			}), "%s is not run because it %q; the reasons are %q", b, value, whyNot)
		case "first":
			b.first = append(b.first, value)
		case "file":
			require.True(t, filepath.IsLocal(strings.TrimPrefix(value, "/")), "%s: %q is no name of a file", b, value)
			b.file = value
		case "interrupted after":
			b.interrupted = regexp.MustCompile(value)
		case "fails":
			b.fails = true
		default:
			require.False(t, b.commands(), "%s: %q is no mark", b, mark)
		}
	}
}

// step is one command of a block, and what is shown of its output.
type step struct {
	command string
	shows   []string // nil in a block that shows none
}

// steps takes a block apart.
func (b *codeBlock) steps(t *testing.T) []step {
	t.Helper()
	if b.language == "sh" {
		return typed(t, b.String(), b.body)
	}
	var all []step
	for line := range strings.Lines(b.body) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "$ "):
			all = append(all, step{command: line[2:], shows: []string{}})
		case len(all) == 0:
			require.Fail(t, "a block of the console begins with a command", "%s: $ webhookd …", b)
		case strings.HasPrefix(line, "> ") && len(all[len(all)-1].shows) == 0:
			all[len(all)-1].command += "\n" + line[2:]
		default:
			all[len(all)-1].shows = append(all[len(all)-1].shows, line)
		}
	}
	return all
}

var hereDocument = regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)

// typed takes lines apart into commands: one ends where the shell takes it to end.
func typed(t *testing.T, where, text string) []step {
	t.Helper()
	var all []step
	command := ""
	for line := range strings.Lines(text) {
		if command == "" && (strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#")) {
			continue
		}
		command += line
		if whole(command) {
			all, command = append(all, step{command: strings.TrimSpace(command)}), ""
		}
	}
	require.Empty(t, command, "%s: the shell does not understand it", where)
	return all
}

func whole(command string) bool {
	if match := hereDocument.FindStringSubmatch(command); len(match) > 1 && !strings.Contains(command, "\n"+match[1]+"\n") {
		return false
	}
	end := strings.TrimSpace(command)
	for _, more := range []string{`\`, "|", "&&"} {
		if strings.HasSuffix(end, more) {
			return false
		}
	}
	return exec.Command("sh", "-n", "-c", command).Run() == nil
}

// No block is passed over: what is to be typed says so by its language, and is run or says why not.
func TestNoCommandOfTheDocumentsIsPassedOver(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(
		`(?m)^\s*(?:\$ |(?:[A-Z_]+=\S+ )?(?:\./)?(?:bin/)?(?:webhookd|curl|nats|make|psql|sqlite3|go|npm|sudo|apt|docker|kubectl|systemctl) )`)
	indented := regexp.MustCompile(`(?m)^(?: {4,}|\t)\s*(?:\$ |(?:[A-Z_]+=\S+ )?(?:\./)?(?:bin/)?(?:webhookd|curl|psql|select) ).*`)
	tests := testNames(t)
	run, left := 0, []string{}
	for _, document := range documents(t) {
		require.Empty(t, indented.FindString(prose(t, document)), "%s: what is to be typed is in a fence, with its language", document)
		for _, block := range codeBlocks(t, document) {
			require.NotContains(t, []string{"bash", "shell", "zsh", "shell-session"}, block.language, "%s: say sh, or console", block)
			if !block.commands() {
				require.False(t, (block.language == "" || block.language == "text") && command.MatchString(block.body),
					"%s: what is to be typed is a block of sh or of console", block)
				continue
			}
			if block.notRun == "" {
				run++
				continue
			}
			left = append(left, block.String()+": "+block.notRun)
			if name, ok := strings.CutPrefix(block.notRun, "tested by "); ok {
				require.Contains(t, tests, name, "%s says that it is tested", block)
			}
		}
	}
	t.Logf("%d blocks are run, %d are not:\n%s", run, len(left), strings.Join(left, "\n"))
	require.Greater(t, run, len(left), "most of the documents' commands are run")
}

// testNames gives the names of the tests of the repository.
func testNames(t *testing.T) []string {
	t.Helper()
	var names []string
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, pattern := range []string{"cmd/*/*_test.go", "internal/*/*_test.go", "internal/*/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(top, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range declared.FindAllStringSubmatch(string(data), -1) {
				names = append(names, match[1])
			}
		}
	}
	return names
}

// The rules by which documents are read.
func TestBlocksAreTakenApartAsTheShellDoes(t *testing.T) {
	t.Parallel()
	block := &codeBlock{language: "sh", body: "# first\nmake build\ncurl a \\\n  -d '{\n}'\necho 1 |\n  sort\ncat >a <<'EOF'\nb\n\nEOF\nc=1; d\n"}
	var commands []string
	for _, s := range block.steps(t) {
		require.Nil(t, s.shows)
		commands = append(commands, s.command)
	}
	require.Equal(t, []string{
		"make build", "curl a \\\n  -d '{\n}'", "echo 1 |\n  sort", "cat >a <<'EOF'\nb\n\nEOF", "c=1; d",
	}, commands)
	block = &codeBlock{language: "console", body: "$ a\n> b\n1\n> 2\n$ c\n"}
	require.Equal(t, []step{{"a\nb", []string{"1", "> 2"}}, {"c", []string{}}}, block.steps(t))
}

func TestWhatIsShownIsCompared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shows, says string
		same        bool
	}{
		{"a\nb", "a\nb", true},
		{"a\nb", "a\nb\nc", false},
		{"a\nb", "b", false},
		{"a\n…", "a\nb\nc", true},
		{"a\n…", "a", true},
		{"a\n…", "b\na", false},
		{"…\nb\n…", "a\nb\nc", true},
		{"…\nb\n…", "b", true},
		{"…\nb\n…", "a\nxb\nc", false},
		{"a … c", "a b c", true},
		{"a … c", "a b\nc", false},
		{"1.5 (x)", "1.5 (x)", true},
		{"1.5 (x)", "125 (x)", false},
		{"", "", true},
		{"", "a", false},
	} {
		require.Equal(t, c.same, shown(strings.Split(c.shows, "\n"), c.says), "%q, shown as %q", c.says, c.shows)
	}
}
