package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"webhookd/internal/trigger"
)

func newHandlersLint(proc process) *cobra.Command {
	command := &cobra.Command{
		Use:   "lint FILE…",
		Short: "Check files of handlers",
		Long: "lint reads and compiles files of handlers as serve would, with the flows and resthooks of the set-up, and prints\n" +
			"what is wrong with each, as file:line: field: problem. It asks no server. - is standard input.",
		Args: cobra.MinimumNArgs(1),
	}
	set := addSetupFlags(command, proc, "flows")
	command.RunE = func(_ *cobra.Command, files []string) error {
		cfg, err := set.load()
		if err != nil {
			return err
		}
		return lintHandlers(proc, trigger.Environment{Flows: cfg.Flows, Resthooks: cfg.ResthookURLs()}, files)
	}
	return command
}

func lintHandlers(proc process, env trigger.Environment, files []string) error {
	wrong := false
	for _, file := range files {
		data, err := readInput(proc, file)
		if err != nil {
			return err
		}
		handlers, err := trigger.LoadFile(data, env)
		lines := []string{fmt.Sprintf("%s: nothing wrong, handlers: %d", file, len(handlers))}
		if err != nil {
			wrong = true
			lines = problemLines(file, err)
		}
		if _, err := fmt.Fprintln(proc.out, strings.Join(lines, "\n")); err != nil {
			return fmt.Errorf("print problems: %w", err)
		}
	}
	if wrong {
		return &saidError{}
	}
	return nil
}

// problemLines says what is wrong with a file, in the form that editors jump to.
func problemLines(file string, err error) []string {
	definition := (*trigger.DefinitionError)(nil)
	if !errors.As(err, &definition) {
		return []string{file + ": " + oneLine(err.Error())}
	}
	lines := make([]string, 0, len(definition.Problems))
	for _, problem := range definition.Problems {
		line := file
		if problem.Line > 0 {
			line += fmt.Sprintf(":%d", problem.Line)
		}
		if problem.Field != "" {
			line += ": " + problem.Field
		}
		lines = append(lines, line+": "+oneLine(problem.Message))
	}
	return lines
}
