package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/checkup"
	"webhookd/internal/config"
	"webhookd/internal/doctor"
)

const (
	formatText = "text"
	formatJSON = "json"
)

func newDoctor(proc process) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Examine an installation, and say in words what to mend",
		Long: "doctor looks at what serve would use: the set-up, secrets, clock, disks, database, NATS, ports and limits. It\n" +
			"works beside a running service and without one, and changes nothing. Give it the set-up of the service, and run\n" +
			"it as the user of the service. docs/doctor.md explains every finding.",
		Args: cobra.NoArgs,
	}
	command.Flags().StringVar(&format, "format", formatText, "`form` of the findings: text or json")
	flags := addSetupFlags(command, proc)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if format != formatText && format != formatJSON {
			return &usageError{fmt.Sprintf("--format: %q is neither text nor json", format)}
		}
		cfg, err := flags.load()
		var facts doctor.Facts
		var refused *config.Error
		switch {
		case err == nil:
			paths := checkup.Paths{Database: app.DatabasePath(cfg), Spool: app.SpoolPath(cfg)}
			facts = checkup.Gather(command.Context(), cfg, paths)
		case errors.As(err, &refused):
			facts = checkup.Refused(err)
		default:
			return err
		}
		findings := doctor.Examine(facts)
		if err := printFindings(proc.out, format, findings); err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
		if doctor.Worst(findings) == doctor.Fail {
			return &saidError{}
		}
		return nil
	}
	return command
}

func printFindings(w io.Writer, format string, findings []doctor.Finding) error {
	if format == formatJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			Level    doctor.Level     `json:"level"`
			Findings []doctor.Finding `json:"findings"`
		}{doctor.Worst(findings), findings})
	}
	for _, f := range findings {
		if _, err := fmt.Fprintf(w, "%-4s  %-8s  %s [%s]\n", f.Level, f.Subject, oneLine(f.Text), f.ID); err != nil {
			return err
		}
		if f.Mend == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-14s  → %s\n", "", f.Mend); err != nil {
			return err
		}
	}
	return nil
}
