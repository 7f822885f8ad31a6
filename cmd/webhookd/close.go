package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
	"webhookd/internal/dialog"
)

func newClose(proc process) *cobra.Command {
	command := &cobra.Command{
		Use:   "close CALL_UUID",
		Short: "Close a call that nobody will ever close",
		Long: "close asks a running webhookd to close every open leg of a call, at the time of the call's last webhook, and\n" +
			"prints the record. It is for calls whose end the PBX never told. A real close that arrives later wins.\n\n" +
			"Without --url it asks the service that this machine is set up for, with the first of its secrets,\n" +
			"and of its API keys and tokens that may change something in the account, if there are any.",
		Args: cobra.ExactArgs(1),
	}
	set := addConfigFlag(command, proc)
	service := addServiceFlags(command, "the call's `account`")
	service.addKeyFlag(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		call, ok := dialog.ParseUUID(args[0])
		if !ok {
			return &usageError{fmt.Sprintf("%q is no UUID of a call", args[0])}
		}
		cfg, err := set.load()
		if err != nil {
			return err
		}
		if err := service.fillKey(cfg, config.ScopeAdmin); err != nil {
			return err
		}
		record, err := service.ask(command.Context(), "close call", http.MethodPost, nil, "v1", "calls", call, "close")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(proc.out, "%s\n", record); err != nil {
			return fmt.Errorf("print record: %w", err)
		}
		return nil
	}
	return command
}
