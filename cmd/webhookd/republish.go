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
	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
)

func newRepublish(proc process) *cobra.Command {
	var since string
	var work relay.Republish
	command := &cobra.Command{
		Use:   "republish (--since TIME | --call UUID)",
		Short: "Send events to NATS again, with the same ids",
		Long: "republish sends the outbox's history again, in order per call and with the ids that the events had: after a\n" +
			"stream has lost messages, or for a call that was held back because one of its events could not be published.\n" +
			"A stream drops ids that it knows still (10 minutes); readers know older ones by the id.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc,
		"data_dir", "database_url", "nats_url", "nats_listen", "nats_replicas", "ring_limit", "call_limit")
	command.Flags().StringVar(&since, "since", "", "everything written since this `time` (RFC 3339), or for this long (1h)")
	command.Flags().StringVar(&work.Call, "call", "", "the whole history of this call, by its `uuid`")
	command.Flags().StringVar(&work.Account, "account", "", "only this `account` (with --call: default)")
	command.Flags().BoolVar(&work.Skip, "skip", false,
		"give up for good the events that NATS refuses, so that what comes after them in their calls is published")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if (since == "") == (work.Call == "") {
			return &usageError{"republish needs either --since or --call"}
		}
		if work.Since, err = parseSince(since, time.Now()); err != nil {
			return err
		}
		if work.Call != "" {
			id, ok := dialog.ParseUUID(work.Call)
			if !ok {
				return &usageError{fmt.Sprintf("--call: %q is no UUID of a call", work.Call)}
			}
			work.Call = id
			if work.Account == "" {
				work.Account = httpapi.DefaultAccount
			}
		}
		return republish(command.Context(), proc, cfg, work)
	}
	return command
}

func republish(ctx context.Context, proc process, cfg config.Config, work relay.Republish) error {
	bar := &workBar{err: proc.err, shown: isTerminal(proc.err)}
	work.Progress = func(reached, last int64) { bar.show("republish", reached, last) }
	done, err := app.Republish(ctx, cfg, newLogger(cfg, proc.err), work)
	bar.clear()
	const clusters = "use Postgres and a NATS cluster"
	switch {
	case errors.Is(err, natsbus.ErrListen):
		return &beginError{fmt.Errorf("%w: stop the service first, or %s", err, clusters)}
	case errors.Is(err, app.ErrNoStream):
		return &beginError{fmt.Errorf("%w: nats_url is not set, and there is no embedded server's data in %s, so nothing was "+
			"sent. Give this command the set-up of the service: its file with --config, or its environment", err, cfg.DataDir)}
	case errors.Is(err, relay.ErrStillPoison):
		return fmt.Errorf("%w: raise the limit of NATS, or give the event up with --skip", err)
	case err != nil:
		return cannotWork(cfg, err, clusters)
	}
	sayDatabase(proc, cfg)
	sayNATS(proc, cfg)
	_, err = fmt.Fprintf(proc.out, "%d events of %d changes sent, %d given up, %d changes no longer held back\n",
		done.Events, done.Changes, done.Skipped, done.Released)
	if err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}
