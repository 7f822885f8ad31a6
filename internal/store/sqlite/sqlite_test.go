package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
	"webhookd/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return setup(t).open(t) })
}

// bundle is what a test works with.
type bundle struct {
	path string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return &bundle{path: filepath.Join(t.TempDir(), "new directory", "calls?%20#.db")}
}

// open opens the file; it is closed when the test ends, if not before.
func (b *bundle) open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: b.path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// BenchmarkWrite is for comparison with other stores.
func BenchmarkWrite(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "calls.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	storetest.BenchmarkWrite(b, s)
}
