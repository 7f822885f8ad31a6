package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestTheReferenceIsInStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "configuration.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(config.Document()), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, config.Document(), string(data), "run make docs")
}

func TestTheExampleInTheReferenceIsTaken(t *testing.T) {
	t.Parallel()
	_, example, found := strings.Cut(config.Document(), "```yaml\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "```")
	require.True(t, found)
	_, err := config.Load(config.Sources{File: write(t, example)})
	require.NoError(t, err)
}

func TestEveryFlagIsDescribed(t *testing.T) {
	t.Parallel()
	for _, flag := range config.Flags() {
		require.NotContains(t, flag.Name, "_")
		require.NotEmpty(t, flag.Help)
		require.Contains(t, config.Document(), "`--"+flag.Name+"`")
	}
}
