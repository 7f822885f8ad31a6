package main

import "github.com/spf13/cobra"

func newHandlers(proc process) *cobra.Command {
	command := &cobra.Command{
		Use:   "handlers",
		Short: "Check a file of handlers, list those in force, try one",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newHandlersLint(proc), newHandlersList(proc), newHandlersTest(proc))
	return command
}
