package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/erase"
	"webhookd/internal/httpapi"
)

func newExport(proc process) *cobra.Command {
	var number, account string
	command := &cobra.Command{
		Use:   "export --number NUMBER",
		Short: "Write everything that is stored of a person",
		Long: "export writes one JSON document with everything that is stored of a person, found by number: the records of\n" +
			"all calls that name it, their webhooks as they came, and the rows of further tables. It changes nothing. Others\n" +
			"are in it, too, whom the person spoke with: look through it before you hand it out.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, "data_dir", "database_url", "default_region")
	addPersonFlags(command, &number, &account)
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		return withPersons(command.Context(), proc, cfg, app.PersonWork{}, func(persons *erase.Service) error {
			export, err := persons.Export(command.Context(), account, number)
			if err != nil {
				return err
			}
			return printJSON(proc, export)
		})
	}
	return command
}

func newErase(proc process) *cobra.Command {
	var number, account string
	var yes, dryRun bool
	command := &cobra.Command{
		Use:   "erase --number NUMBER (--yes | --dry-run)",
		Short: "Take a person out of everything that is stored",
		Long: "erase puts a pseudonym in the place of a person's number, and of the names that were told with it, in every\n" +
			"webhook, call, event and trigger that is stored; what is no history is removed. All figures stay. It prints a\n" +
			"certificate of what was done, and of what it could not reach. It cannot be undone. --dry-run changes nothing and\n" +
			"says what would be changed.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, "data_dir", "database_url", "default_region", "ring_limit", "call_limit",
		"nats_url", "nats_credentials", "nats_nkey", "nats_ca_file", "nats_cert_file", "nats_key_file")
	addPersonFlags(command, &number, &account)
	command.Flags().BoolVar(&yes, "yes", false, "erase for good; without it, or --dry-run, nothing is done")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, only say what would be changed")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		if yes == dryRun {
			return &usageError{"erase cannot be undone: it needs --yes, or --dry-run to see what it would do"}
		}
		what := app.PersonWork{Erases: true, DryRun: dryRun}
		return withPersons(command.Context(), proc, cfg, what, func(persons *erase.Service) error {
			certificate, err := persons.Erase(command.Context(), account, number, dryRun)
			if err != nil {
				return err
			}
			return printJSON(proc, certificate)
		})
	}
	return command
}

func addPersonFlags(command *cobra.Command, number, account *string) {
	command.Flags().StringVar(number, "number", "", "the person's `number`, written in any way")
	command.Flags().StringVar(account, "account", httpapi.DefaultAccount, "the `account`")
}

func withPersons(
	ctx context.Context, proc process, cfg config.Config, what app.PersonWork, work func(*erase.Service) error,
) error {
	err := app.Persons(ctx, cfg, newLogger(cfg, proc.err), what, work)
	switch {
	case errors.Is(err, erase.ErrNumber):
		return &usageError{"--number: " + err.Error()}
	case err != nil:
		return cannotWork(cfg, err, "ask it over HTTP (/v1/contacts)")
	}
	sayDatabase(proc, cfg)
	return nil
}

func printJSON(proc process, value any) error {
	encoder := json.NewEncoder(proc.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
