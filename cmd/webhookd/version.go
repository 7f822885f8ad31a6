package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// These are set by the linker (see Makefile and scripts/release); a build by `go install` has the module's version
// instead. revision and committed, which is RFC 3339, are for builds that cannot see the repository.
var version, revision, committed string

// buildInfo is what this binary was made from.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuild() buildInfo {
	b := buildInfo{
		Version: version, Revision: revision, Time: committed,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		case "vcs.time":
			b.Time = setting.Value
		}
	}
	return b
}

// versionName is what the version is called: on the command line, and in the log.
const versionName = "version"

func newVersion(proc process) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   versionName,
		Short: "Print what this binary was built from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			line := fmt.Appendf(nil, "webhookd %s (%s, %s)", b.Version, b.Go, b.Platform)
			if asJSON {
				var err error
				if line, err = json.Marshal(b); err != nil {
					return fmt.Errorf("encode version: %w", err)
				}
			}
			if _, err := fmt.Fprintf(proc.out, "%s\n", line); err != nil {
				return fmt.Errorf("print version: %w", err)
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}
