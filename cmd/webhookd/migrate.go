package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/sqlite"
)

func newMigrate(proc process) *cobra.Command {
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to the schema of this version",
		Long: "migrate brings the database to the schema that this version of webhookd knows, and ends. serve does the same\n" +
			"when it starts; migrate is for those who want it as a step of its own. Running it twice changes nothing.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc, "data_dir", "database_url")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		where, err := migrate(command.Context(), cfg)
		if err != nil {
			return cannotBegin(err)
		}
		if _, err := fmt.Fprintf(proc.out, "%s is up to date\n", where); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	}
	return command
}

// migrate says which database it brought up to date.
func migrate(ctx context.Context, cfg config.Config) (where string, err error) {
	if !cfg.DatabaseURL.Empty() {
		return cfg.DatabaseURL.String(), postgres.Migrate(ctx, cfg.DatabaseURL.Reveal())
	}
	// Opening the embedded database is migrating it.
	database, err := sqlite.Open(ctx, sqlite.Config{Path: app.DatabasePath(cfg)})
	if err != nil {
		return "", err
	}
	return app.DatabasePath(cfg), database.Close()
}
