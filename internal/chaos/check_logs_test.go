//go:build unix

package chaos

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestACrashInALogIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	require.NoError(t, os.WriteFile(good, []byte("{\"msg\":\"serving\"}\n{\"msg\":\"stopping\"}\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("{\"msg\":\"serving\"}\npanic: oh\nWARNING: DATA RACE\n"), 0o600))
	check, err := checkLogs([]string{good})
	require.NoError(t, err)
	assert.Equal(t, 2, check.Count)
	assert.Zero(t, check.Misses)
	check, err = checkLogs([]string{good, bad})
	require.NoError(t, err)
	assert.Equal(t, 2, check.Misses)
	assert.Contains(t, check.Examples[0], "panic: oh")
	_, err = checkLogs([]string{filepath.Join(dir, "none")})
	require.Error(t, err)
}
