package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is for those who make packages. The pages' date is that of the commit, or the same commit would give other
// pages every day.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIRECTORY",
		Short:  "Write the manual pages of every command into a directory",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(command *cobra.Command, args []string) error {
			build := readBuild()
			date, err := time.Parse(time.RFC3339, build.Time)
			if err != nil {
				date = time.Unix(0, 0).UTC() // of a build that does not know its commit
			}
			root := command.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{
				Section: "1", Date: &date, Source: "webhookd " + build.Version, Manual: "webhookd",
			}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return &beginError{fmt.Errorf("write manual pages: %w", err)}
			}
			return nil
		},
	}
}
