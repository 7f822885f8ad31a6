package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/rebuild"
)

func newRebuild(proc process) *cobra.Command {
	var since string
	var work rebuild.Config
	command := &cobra.Command{
		Use:   "rebuild",
		Short: "Work out every leg, call and event id anew from the journal",
		Long: "rebuild derives every leg, call and event id from the journal, compares them with what is stored, prints every\n" +
			"difference, and mends it. It publishes nothing unless --publish is given: then the events that the outbox lacks\n" +
			"are put into it. --check only tells, and does not bring the schema up to date either: a database of another\n" +
			"version is refused.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc,
		"data_dir", "database_url", "default_region", "settle_delay", "ring_limit", "call_limit")
	command.Flags().StringVar(&since, "since", "",
		"only calls of which a webhook arrived since this `time` (RFC 3339), or for this long (72h); each is rebuilt whole")
	command.Flags().StringVar(&work.Account, "account", "", "only this `account`")
	command.Flags().BoolVar(&work.Publish, "publish", false,
		"publish the events that should have been published and never were (they go into the outbox)")
	command.Flags().BoolVar(&work.Check, "check", false,
		"change nothing, only tell what differs; the exit code is 1 if anything does")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if work.Since, err = parseSince(since, time.Now()); err != nil {
			return err
		}
		return runRebuild(command.Context(), proc, cfg, work)
	}
	return command
}

// parseSince reads a moment, or how long ago it was; nothing is the beginning.
func parseSince(text string, now time.Time) (time.Time, error) {
	return parseMoment("--since", text, now)
}

// parseMoment is parseSince for a flag of any name.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &usageError{fmt.Sprintf(
			"%s: %q is neither a time like 2026-01-15T10:00:00Z nor a duration like 72h", flag, text)}
	}
	return moment, nil
}

func runRebuild(ctx context.Context, proc process, cfg config.Config, work rebuild.Config) error {
	collectLess()
	bar := &workBar{err: proc.err, shown: isTerminal(proc.err)}
	work.Progress = bar.show
	var failed error
	work.Report = func(difference rebuild.Difference) {
		bar.clear()
		if _, err := fmt.Fprintln(proc.out, difference); err != nil {
			failed = fmt.Errorf("print difference: %w", err)
		}
	}
	start := time.Now()
	result, err := app.Rebuild(ctx, cfg, work)
	bar.clear()
	if err != nil {
		return cannotWork(cfg, err, "use Postgres to rebuild while it runs")
	}
	sayDatabase(proc, cfg)
	took := time.Since(start)
	_, err = fmt.Fprintf(proc.out, "%d calls derived from %d journal entries in %s (%.0f/s): %d differences, %d events put "+
		"into the outbox\n", result.Calls, result.Entries, took.Round(time.Millisecond),
		float64(result.Entries)/took.Seconds(), result.Differences, result.Published)
	if err != nil {
		failed = fmt.Errorf("print result: %w", err)
	}
	if failed == nil && work.Check && result.Differences > 0 {
		return &saidError{}
	}
	return failed
}
