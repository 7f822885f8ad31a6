package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/pbxapi"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

func newBackfill(proc process) *cobra.Command {
	var from, to string
	work := reconcile.History{Account: httpapi.DefaultAccount}
	command := &cobra.Command{
		Use:   "backfill --from TIME --to TIME",
		Short: "Import history from the PBX's own records",
		Long: "backfill asks the PBX for its records of all dialogs that began in a stretch of time and imports them: into the\n" +
			"journal, the calls and the statistics. Calls that webhookd did not know are imported without events, unless\n" +
			"--publish is given. It remembers how far it is: the same command again goes on where it was cut off, and one that\n" +
			"is through can be given again without doubling anything. docs/reconcile.md says what is left out.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, repairKeys...)
	command.Flags().StringVar(&from, "from", "", "dialogs that began at this `time` (RFC 3339, or a day in UTC) or later")
	command.Flags().StringVar(&to, "to", "", "and before this `time`")
	command.Flags().StringVar(&work.Account, "account", work.Account, "the `account` whose PBX is asked")
	command.Flags().BoolVar(&work.Publish, "publish", false, "publish the events of what is imported, as if it happened now")
	command.Flags().BoolVar(&work.DryRun, "dry-run", false, "ask, say what would be, and change nothing")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if err := askable(cfg, work.Account); err != nil {
			return err
		}
		if work.From, err = parseStart("--from", from); err != nil {
			return err
		}
		if work.To, err = parseStart("--to", to); err != nil {
			return err
		}
		switch now := dialog.TimeOf(time.Now()); {
		case work.From >= work.To:
			return &usageError{"--from is not before --to"}
		case work.To > now:
			return &usageError{"--to is in the future; an import is of what has been"}
		}
		return runBackfill(command.Context(), proc, cfg, work)
	}
	return command
}

// parseStart reads a time, or the beginning of a day in UTC.
func parseStart(flag, text string) (dialog.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Unix() > 0 {
			return dialog.TimeOf(at), nil
		}
	}
	return 0, &usageError{fmt.Sprintf("%s: %q is neither a time like 2026-01-15T10:00:00Z nor a day like 2026-01-15", flag, text)}
}

func runBackfill(ctx context.Context, proc process, cfg config.Config, work reconcile.History) error {
	bar := &workBar{err: proc.err, shown: isTerminal(proc.err)}
	work.Progress = func(reached dialog.Time, _ reconcile.HistorySum) {
		bar.show("seconds of history", int64(reached-work.From), int64(work.To-work.From))
	}
	var sum reconcile.HistorySum
	begun := false
	err := app.Reconcile(ctx, cfg, newLogger(cfg, proc.err), store.Make.Dry(work.DryRun),
		func(ctx context.Context, r *reconcile.Reconciler) (err error) {
			begun = true
			sayDatabase(proc, cfg) // before: history may come before the first webhook, into a database that is made for it
			sum, err = r.Backfill(ctx, work)
			return err //nolint:wrapcheck // it is told as it is
		})
	bar.clear()
	if !begun {
		return cannotWork(cfg, err, besideReconcile)
	}
	words := "imported"
	if work.DryRun {
		words = "would be imported"
	}
	_, printed := fmt.Fprintf(proc.out, "%d records: %d %s (%d of dialogs that were not known), %d known already, "+
		"%d that nothing links to a call, %d of dialogs that go on, %d of dialogs that retention removed, "+
		"%d that cannot be read\n",
		sum.Records, sum.Taken, words, sum.New, sum.Known, sum.Unplaced, sum.Open, sum.Removed, sum.Unreadable)
	if err != nil {
		if _, ok := errors.AsType[*pbxapi.Error](err); ok {
			return fmt.Errorf("%w; what was imported stays, and the same command goes on from there", err)
		}
		return cannotWork(cfg, err, besideReconcile)
	}
	if printed != nil {
		return fmt.Errorf("print result: %w", printed)
	}
	if sum.Unreadable > 0 {
		return errors.New("records that cannot be read are left out; the log says which, and why")
	}
	return nil
}
