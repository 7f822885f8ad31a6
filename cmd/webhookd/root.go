package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// run runs one command line and gives its exit code. What went wrong is one line on standard error.
func run(ctx context.Context, args []string, proc process) int {
	started := false
	root := newRoot(proc)
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetIn(proc.in)
	root.SetOut(proc.out)
	root.SetErr(proc.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	if !started {
		// The library found fault with the command line itself.
		code = exitUsage
	}
	if said := (*saidError)(nil); !errors.As(err, &said) {
		_, _ = fmt.Fprintln(proc.err, "webhookd: "+oneLine(err.Error()))
	}
	return code
}

func newRoot(proc process) *cobra.Command {
	root := &cobra.Command{
		Use:   "webhookd",
		Short: "A PBX's webhooks in, its calls out on NATS",
		Long: "webhookd takes the webhooks that a PBX posts for every party of every call, keeps each one, works out the\n" +
			"calls behind them, and publishes every step on NATS.",
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		RunE:              func(command *cobra.Command, _ []string) error { return command.Help() },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(
		newServe(proc),
		newMigrate(proc),
		newReplay(proc),
		newRecord(proc),
		newScrub(proc),
		newExport(proc),
		newErase(proc),
		newSimulate(proc),
		newTail(proc),
		newClose(proc),
		newHandlers(proc),
		newRebuild(proc),
		newReconcile(proc),
		newBackfill(proc),
		newPurge(proc),
		newRepublish(proc),
		newCheckConfig(proc),
		newDoctor(proc),
		newHealthcheck(proc),
		newMan(),
		newVersion(proc),
	)
	describe(root)
	return root
}

// oneLine takes line breaks out of a message: logs and people expect one line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
