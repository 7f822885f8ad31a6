package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCheckConfig(proc process) *cobra.Command {
	command := &cobra.Command{
		Use:   "check-config",
		Short: "Check the set-up and print what is in force, without secrets",
		Long: "check-config reads the set-up as serve would, and prints it as a configuration file: every key, where its\n" +
			"value comes from, and no secret. It opens no port and asks no server.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc)
	command.RunE = func(*cobra.Command, []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		for _, warning := range cfg.Warnings() {
			_, _ = fmt.Fprintln(proc.err, "webhookd: warning: "+warning)
		}
		if _, err := fmt.Fprint(proc.out, cfg.YAML()); err != nil {
			return fmt.Errorf("print set-up: %w", err)
		}
		return nil
	}
	return command
}
