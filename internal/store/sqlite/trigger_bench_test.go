package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/sqlite"
	"webhookd/internal/store/storetest"
)

// BenchmarkPendingOf is for comparison with other stores.
func BenchmarkPendingOf(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "calls.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	storetest.BenchmarkPendingOf(b, s)
}
