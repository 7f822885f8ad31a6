package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Each command that the help shows has its page, and the page has its flags.
func TestEveryCommandHasAManualPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, nil, "man", dir)
	require.Zero(t, r.wait(), r.stderr.text())

	var walk func(command *cobra.Command)
	pages := 0
	walk = func(command *cobra.Command) {
		if command.Hidden {
			return
		}
		name := strings.ReplaceAll(command.CommandPath(), " ", "-")
		page, err := os.ReadFile(filepath.Join(dir, name+".1"))
		require.NoError(t, err)
		require.Contains(t, string(page), `"webhookd v0.0.0-test"`)
		require.Contains(t, string(page), command.Short)
		if flag := command.Flags().Lookup("config"); flag != nil {
			require.Contains(t, string(page), `--config`)
		}
		pages++
		for _, below := range command.Commands() {
			walk(below)
		}
	}
	walk(newRoot(process{}))
	require.Greater(t, pages, 10)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, pages)

	r = start(t, nil, "man", filepath.Join(dir, "missing"))
	require.Equal(t, 2, r.wait())
	require.Contains(t, r.stderr.text(), "webhookd: write manual pages: ")
}
