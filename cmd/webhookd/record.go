package main

import (
	"bufio"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/record"
	"webhookd/internal/store"
)

func newRecord(proc process) *cobra.Command {
	var since, until string
	var work record.Config
	command := &cobra.Command{
		Use:   "record (--call UUID | --since TIME)",
		Short: "Write webhooks of the journal to a file that replay reads",
		Long: "record writes webhooks as they came, byte for byte and with their times of arrival, to standard output: those of\n" +
			"one call, or what arrived since a time. \"webhookd scrub\" takes the persons out of them, \"webhookd replay\" sends\n" +
			"them again:\n\n" +
			"  webhookd record --call UUID | webhookd scrub > call.ndjson\n\n" +
			"What webhookd wrote into the journal itself is left out.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, "data_dir", "database_url")
	command.Flags().StringVar(&work.Call, "call", "", "all webhooks of this call, by its `uuid`")
	command.Flags().StringVar(&since, "since", "", "what arrived since this `time` (RFC 3339), or for this long (1h)")
	command.Flags().StringVar(&until, "until", "", "what arrived before this `time` (RFC 3339), or longer ago (10m)")
	command.Flags().StringVar(&work.Account, "account", "", "only this `account` (with --call: default)")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if err := recordRange(&work, since, until, time.Now()); err != nil {
			return err
		}
		bar := &workBar{err: proc.err, shown: isTerminal(proc.err) && !isTerminal(proc.out)}
		work.Progress = func(done int64) { bar.show("record", done, 0) }
		out := bufio.NewWriter(proc.out)
		result, err := app.Record(command.Context(), cfg, out, work)
		bar.clear()
		if err == nil {
			err = out.Flush()
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no call %s in account %s", work.Call, work.Account)
		case err != nil:
			return cannotWork(cfg, err, "use Postgres to record while it runs")
		}
		sayDatabase(proc, cfg)
		said := fmt.Sprintf("%d webhooks recorded", result.Webhooks)
		if result.Own > 0 {
			said += fmt.Sprintf("; %d entries left out that are no webhooks (made-up closes, settling, records of the PBX)", result.Own)
		}
		_, _ = fmt.Fprintln(proc.err, said)
		return nil
	}
	return command
}

// recordRange reads what is to be recorded.
func recordRange(work *record.Config, since, until string, now time.Time) (err error) {
	if (since == "") == (work.Call == "") {
		return &usageError{"record needs either --call or --since"}
	}
	if work.Call != "" {
		id, ok := dialog.ParseUUID(work.Call)
		if !ok {
			return &usageError{fmt.Sprintf("--call: %q is no UUID of a call", work.Call)}
		}
		if until != "" {
			return &usageError{"--until goes with --since: of a call everything is recorded"}
		}
		work.Call = id
		if work.Account == "" {
			work.Account = httpapi.DefaultAccount
		}
		return nil
	}
	if work.Since, err = parseSince(since, now); err != nil {
		return err
	}
	if work.Until, err = parseMoment("--until", until, now); err != nil {
		return err
	}
	return nil
}
