package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// What a value may be is said where the key is explained, with the figure that the program checks by.
func TestTheReferenceSaysWhatAValueMayBe(t *testing.T) {
	t.Parallel()
	for key, least := range map[string]string{
		"ring_limit": "1s", "call_limit": "1s", "stop_timeout": "1s", "reconcile_open_after": "1s", "commit_timeout": "1s",
		"callout_timeout": "1s", "settle_delay": "0s",
	} {
		_, section, found := strings.Cut(config.Document(), "\n### "+key+"\n")
		require.True(t, found, key)
		section, _, _ = strings.Cut(section, "\n### ")
		require.Regexp(t, `At least `+least+`\.|from `+least+` to|.`+least+`. is the least\.`, section, key)

		_, err := config.Load(config.Sources{Flags: map[string][]string{key: {least}}})
		require.NoError(t, err, key)
		below, err := time.ParseDuration(least)
		require.NoError(t, err)
		_, err = config.Load(config.Sources{Flags: map[string][]string{key: {(below - time.Millisecond).String()}}})
		require.Error(t, err, key)
	}
}
