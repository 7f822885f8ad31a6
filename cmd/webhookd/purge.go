package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/store"
)

func newPurge(proc process) *cobra.Command {
	var work app.Purge
	command := &cobra.Command{
		Use:   "purge",
		Short: "Remove now what is older than it is kept, or count it",
		Long: "purge does what the service does once an hour: it removes calls, webhooks, events and refused bodies that are\n" +
			"older than the retention keys of the configuration say; without any it removes nothing. It works in small\n" +
			"transactions, with pauses between. --dry-run removes nothing and shows the counts.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, "data_dir", "database_url", "retention_calls", "retention_journal",
		"retention_outbox", "retention_quarantine")
	command.Flags().StringVar(&work.Account, "account", "", "only this `account`")
	command.Flags().BoolVar(&work.DryRun, "dry-run", false, "remove nothing, only show the counts")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		return purge(command.Context(), proc, cfg, work)
	}
	return command
}

func purge(ctx context.Context, proc process, cfg config.Config, work app.Purge) error {
	removed, err := work.Run(ctx, cfg)
	if err != nil {
		if removed != (store.Removed{}) && !work.DryRun {
			err = fmt.Errorf("%w; removed before that: %s", err, counts(removed))
		}
		return cannotWork(cfg, err, "let it remove by itself")
	}
	sayDatabase(proc, cfg)
	verb := "removed"
	if work.DryRun {
		verb = "would remove"
	}
	if _, err := fmt.Fprintf(proc.out, "%s: %s\n", verb, counts(removed)); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// counts are rows by table, for people.
func counts(removed store.Removed) string {
	tables := []struct {
		name string
		rows int64
	}{
		{"calls", removed.Calls},
		{"legs", removed.Legs},
		{"journal entries", removed.Journal},
		{"outbox rows", removed.Outbox},
		{"triggers", removed.Triggers},
		{"subscribers", removed.Subscribers},
		{"broadcasts", removed.Broadcasts},
		{"quarantined bodies", removed.Quarantine},
		{"tombstones", removed.Tombstones},
		{"marks of erasures", removed.Erasures},
	}
	parts := make([]string, 0, len(tables))
	for _, table := range tables {
		parts = append(parts, fmt.Sprintf("%d %s", table.rows, table.name))
	}
	return strings.Join(parts, ", ")
}
