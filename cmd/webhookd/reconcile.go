package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

func newReconcile(proc process) *cobra.Command {
	var since string
	var work reconcile.Repair
	command := &cobra.Command{
		Use:   "reconcile",
		Short: "Repair calls from the PBX's own records, now",
		Long: "reconcile asks the PBX about every call that was closed for its silence, that lacks something, or that has been\n" +
			"open for longer than reconcile_open_after, and takes in what the PBX's records tell: what a running webhookd does\n" +
			"by itself, at once, and also for calls that it has given up. Events of what changed are put into the outbox;\n" +
			"handlers are not asked about them.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, repairKeys...)
	command.Flags().StringVar(&since, "since", "24h",
		"only calls that began since this `time` (RFC 3339), or for this long; empty: all")
	command.Flags().StringVar(&work.Account, "account", "", "only this `account`")
	command.Flags().BoolVar(&work.DryRun, "dry-run", false, "ask, say what would be, and change nothing")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if work.Since, err = parseSince(since, time.Now()); err != nil {
			return err
		}
		if err := askable(cfg, work.Account); err != nil {
			return err
		}
		return runReconcile(command.Context(), proc, cfg, work)
	}
	return command
}

// repairKeys are what of the set-up has to do with the PBX's records.
var repairKeys = []string{
	"data_dir", "database_url", "default_region", "settle_delay", "ring_limit", "call_limit", "reconcile_open_after",
}

// askable says what is wrong if the PBX of an account cannot be asked; "" is any account.
func askable(cfg config.Config, account string) error {
	for name, has := range cfg.Accounts {
		if has.PBXAPI != nil && (account == "" || account == name) {
			return nil
		}
	}
	if account == "" {
		return &usageError{"no account has a pbx_api in the configuration file; docs/reconcile.md says how to set one up"}
	}
	return &usageError{fmt.Sprintf("the account %s has no pbx_api in the configuration file", account)}
}

// besideReconcile is what there is to do instead of stopping the service.
const besideReconcile = "use Postgres to do this while it runs"

func runReconcile(ctx context.Context, proc process, cfg config.Config, work reconcile.Repair) error {
	bar := &workBar{err: proc.err, shown: isTerminal(proc.err)}
	work.Progress = func(so reconcile.Outcome) { bar.show("calls", int64(so.Asked), 0) }
	var problem error
	work.Waiting = func(account string, until time.Time, so reconcile.Outcome) {
		bar.clear()
		_, err := fmt.Fprintf(proc.err, "The PBX of account %s wants to be left alone until %s; %d calls have been asked about. "+
			"This goes on then by itself; interrupt it to leave it at that.\n", account, until.Format(time.RFC3339), so.Asked)
		problem = errors.Join(problem, err)
	}
	var outcome reconcile.Outcome
	err := app.Reconcile(ctx, cfg, newLogger(cfg, proc.err), store.Existing.Dry(work.DryRun),
		func(ctx context.Context, r *reconcile.Reconciler) (err error) {
			outcome, err = r.Repair(ctx, work)
			return err //nolint:wrapcheck // it is told as it is
		})
	bar.clear()
	if err != nil && outcome.Asked == 0 {
		return cannotWork(cfg, err, besideReconcile)
	}
	sayDatabase(proc, cfg)
	_, printed := fmt.Fprintf(proc.out, "%d calls asked about: %d %s, %d unchanged, %d without a record that helps, %d failed; "+
		"%d records taken, %d of dialogs that retention removed\n", outcome.Asked, outcome.Changed, changed(work.DryRun),
		outcome.Unchanged, outcome.Missing, outcome.Failed, outcome.Records, outcome.Removed)
	switch problem = errors.Join(problem, printed); {
	case err != nil:
		return cannotWork(cfg, err, besideReconcile)
	case problem != nil:
		return fmt.Errorf("print result: %w", problem)
	case outcome.Stopped > 0:
		return errors.New("a PBX did not give its records, and was not asked about the other calls; the log says why")
	case outcome.Failed > 0:
		return errors.New("the PBX did not give its records; the log says why")
	}
	return nil
}

func changed(dry bool) string {
	if dry {
		return "would change"
	}
	return "changed"
}
