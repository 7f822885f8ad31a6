package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

var update = flag.Bool("update", false, "write docs/commands.md")

const commandsHead = `<!-- Written by "make docs" from the commands themselves (cmd/webhookd, about.go). Do not edit. -->

# Commands

webhookd is one program; what it does is said by the word behind its name. The same text is in the help (` + "`webhookd COMMAND --help`" + `)
and in the manual pages.

**Give every command the set-up of the service.** What works on the database, or asks the service, finds it by the same
[configuration](configuration.md) as the service: the file (` + "`--config`, or `WEBHOOKD_CONFIG`" + `), the environment, flags. What a
service unit is given in an environment file, a shell does not have. With the unit of the packages:

<!-- not run: needs root -->
` + "```sh" + `
sudo systemd-run --pipe --wait --quiet --uid=webhookd --property=EnvironmentFile=-/etc/webhookd/webhookd.env \
    webhookd rebuild --check --config /etc/webhookd/webhookd.yaml
` + "```" + `

A command that works on what is in the database says on standard error which one that was (` + "`database: …`" + `, without
password), and refuses where there is none: it does not make an empty one and call that done. Only ` + "`serve`, `migrate` and `backfill`" + `
make one.

**Exit codes:** 0 done; 1 something failed on the way; 2 it could not begin: the command line, the set-up, an address that is
taken, something out of reach, no database. In the last two cases standard error says why on one line. What differs from that
stands with the command.

| command | what it does | with the embedded database | changes |
| --- | --- | --- | --- |
`

// commandsDocument gives docs/commands.md.
func commandsDocument() string {
	var text, rest strings.Builder
	text.WriteString(commandsHead)
	for _, command := range shownCommands(newRoot(process{})) {
		said, name := described[pathBelow(command)], command.CommandPath()
		stop := "the service may run"
		switch {
		case pathBelow(command) == "serve":
			stop = "is the service"
		case strings.Contains(strings.ToLower(said.service), "has to run"):
			stop = "the service has to run"
		case strings.Contains(said.service, "stop the service first"):
			stop = "stop the service first"
		}
		changes := "yes"
		if strings.HasPrefix(said.changes, "Nothing") {
			changes = "no"
		}
		fmt.Fprintf(&text, "| [`%s`](#%s) | %s | %s | %s |\n", pathBelow(command), strings.ReplaceAll(name, " ", "-"),
			marked(command.Short), stop, changes)
		documentCommand(&rest, command, said)
	}
	return text.String() + rest.String()
}

func documentCommand(text *strings.Builder, command *cobra.Command, said about) {
	long, _, _ := strings.Cut(command.Long, "\n\nWhen: ")
	fmt.Fprintf(text, "\n## %s\n\n`%s`\n", command.CommandPath(), strings.TrimSuffix(command.UseLine(), " [flags]"))
	for paragraph := range strings.SplitSeq(long, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			fmt.Fprintf(text, "\n`%s`\n", strings.TrimSpace(paragraph))
			continue
		}
		fmt.Fprintf(text, "\n%s\n", marked(paragraph))
	}
	fmt.Fprintf(text, "\n- **When:** %s\n- **Service:** %s\n- **Changes:** %s\n- **Exit codes:** %s\n",
		marked(said.when), marked(said.service), marked(said.changes), marked(said.exits))
	documentFlags(text, command)
}

// documentFlags lists a command's own flags; those of the configuration are explained where that is.
func documentFlags(text *strings.Builder, command *cobra.Command) {
	keys := map[string]string{}
	for _, key := range config.Flags() {
		keys[key.Name] = key.Key
	}
	var own, setUp []string
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(flag)
		if _, ok := flag.Value.(*setupFlag); ok {
			setUp = append(setUp, fmt.Sprintf("[`--%s`](configuration.md#%s)", flag.Name, keys[flag.Name]))
			return
		}
		fallback := ""
		if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, flag.DefValue) {
			fallback = "`" + flag.DefValue + "`"
		}
		own = append(own, "| `"+strings.TrimSpace("--"+flag.Name+" "+name)+"` | "+strings.ReplaceAll(marked(usage), "|", `\|`)+
			" | "+fallback+" |")
	})
	if len(own) > 0 {
		text.WriteString("\n| flag | what it says | default |\n| --- | --- | --- |\n" + strings.Join(own, "\n") + "\n")
	}
	switch {
	case len(setUp) == len(config.Flags()):
		text.WriteString("\nEvery key of the [configuration](configuration.md) has its flag, too.\n")
	case len(setUp) > 0:
		text.WriteString("\nOf the configuration: " + strings.Join(setUp, ", ") + ".\n")
	}
}

// standsOut is what stands out in a text: flags, documents, paths of the API, keys and codes.
var standsOut = regexp.MustCompile(`--[a-z][a-z-]*|docs/[a-z-]+\.md|/(?:v1/[a-z/{}]+|readyz|healthz|login)\b\}?|\b[a-z]+(?:_[a-z0-9]+)+\b`)

// marked is a text of the help as Markdown.
func marked(text string) string {
	return standsOut.ReplaceAllStringFunc(text, func(found string) string {
		if name, ok := strings.CutPrefix(found, "docs/"); ok {
			return "[" + name + "](" + name + ")"
		}
		return "`" + found + "`"
	})
}

// shownCommands gives every command that does something and that the help shows.
func shownCommands(command *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, below := range command.Commands() {
		if below.Hidden || below.Name() == "help" {
			continue
		}
		if below.HasSubCommands() {
			found = append(found, shownCommands(below)...)
		} else {
			found = append(found, below)
		}
	}
	return found
}

func TestTheCommandsDocumentIsInStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(top, "docs", "commands.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(commandsDocument()), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, commandsDocument(), string(data), "run make docs")
}

// Whoever asks for help is told when to use a command, whether the service has to be stopped, what is changed, and what the
// exit codes mean; and nothing is said of a command that there is not.
func TestEveryCommandSaysWhatOneWantsToKnowBefore(t *testing.T) {
	t.Parallel()
	commands := shownCommands(newRoot(process{}))
	require.Greater(t, len(commands), 20)
	paths := map[string]bool{}
	for _, command := range commands {
		path := pathBelow(command)
		paths[path] = true
		said, ok := described[path]
		require.True(t, ok, "about.go says nothing of %s", path)
		for _, one := range []string{said.when, said.service, said.changes, said.exits} {
			require.NotEmpty(t, one, path)
		}
		r := start(t, nil, append(strings.Fields(path), "--help")...)
		require.Zero(t, r.wait())
		for _, label := range []string{"\nWhen: ", "\nService: ", "\nChanges: ", "\nExit codes: ", "\nUsage:\n"} {
			require.Equal(t, 1, strings.Count(r.stdout.text(), label), "%s: %s", path, label)
		}
	}
	for path := range described {
		require.True(t, paths[path], "about.go describes %s, which there is not", path)
	}
}
