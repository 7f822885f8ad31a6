package check

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The base image takes no other Go by itself, so it has to be the one that everything else is built with.
func TestTheImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	found := func(file, expression string) string {
		text, err := os.ReadFile(filepath.Join(top, file))
		require.NoError(t, err)
		match := regexp.MustCompile(expression).FindSubmatch(text)
		require.NotNil(t, match, "%s has no %s", file, expression)
		return string(match[1])
	}
	toolchain := found("go.mod", `(?m)^toolchain go(\S+)$`)
	require.Equal(t, toolchain, found("Dockerfile", `golang:([0-9.]+)-bookworm AS build`))
	require.Equal(t, toolchain, found("scripts/try-image", `golang:([0-9.]+)-bookworm "`))
}
