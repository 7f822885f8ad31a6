// Package everystore runs a test on every real store, each with a database of its own. It is for tests of what stands
// on the store; storetest is for the stores themselves.
package everystore

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/sqlite"
)

// Database is one empty database of a test.
type Database struct {
	// Open opens the database, or opens it again. Whoever opens closes; a second time closes nothing.
	Open func(t testing.TB) store.Store
	// OpenAt is Open with a clock of the store's own.
	OpenAt func(t testing.TB, now func() time.Time) store.Store
	// Shared says that several stores may be open at once, as several instances have it.
	Shared bool
}

// Each runs the test once on each store, as a subtest in parallel. now is the stores' clock; nil means time.Now.
func Each(t *testing.T, now func() time.Time, test func(t *testing.T, database Database)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "webhookd.db")
		emptyFile(t, path)
		test(t, database(now, false, func(t testing.TB, now func() time.Time) store.Store {
			t.Helper()
			opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Now: now})
			return kept(t, opened, err)
		}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Migrated(t)
		test(t, database(now, true, func(t testing.TB, now func() time.Time) store.Store {
			t.Helper()
			opened, err := postgres.Open(t.Context(), postgres.Config{URL: url, Now: now})
			return kept(t, opened, err)
		}))
	})
}

func database(
	now func() time.Time, shared bool, open func(t testing.TB, now func() time.Time) store.Store,
) Database {
	return Database{Shared: shared, OpenAt: open, Open: func(t testing.TB) store.Store {
		t.Helper()
		return open(t, now)
	}}
}

// kept closes the store when the test ends.
func kept(t testing.TB, opened store.Store, err error) store.Store {
	t.Helper()
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

// emptyFile makes a file with the tables of the present version and nothing else in it: a copy of one that the store
// has made. Making each by itself costs most of a second of processor time under the race detector.
func emptyFile(t testing.TB, path string) {
	t.Helper()
	data, err := empty()
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatalf("make test database: %v", err)
	}
}

var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "webhookd-empty")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "webhookd.db")
	made, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
