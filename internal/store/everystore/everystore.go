// Package everystore runs a test on every real store, each with a database of its own. Whatever the test has put into
// the outbox is held against what readers of events are promised. It is for tests of what stands on the store; storetest
// is for the stores themselves.
package everystore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"webhookd/internal/eventtest"
	"webhookd/internal/flow"
	"webhookd/internal/flow/goflowtest"
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
		afterwards(t, func(ctx context.Context) (store.Store, error) {
			return sqlite.Open(ctx, sqlite.Config{Path: path})
		})
		test(t, database(now, false, func(t testing.TB, now func() time.Time) store.Store {
			t.Helper()
			opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Now: now})
			return kept(t, opened, err)
		}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Migrated(t)
		afterwards(t, func(ctx context.Context) (store.Store, error) {
			return postgres.Open(ctx, postgres.Config{URL: url})
		})
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

// afterwards looks, when the test has ended and closed its stores, at every event that it has published.
func afterwards(t *testing.T, open func(ctx context.Context) (store.Store, error)) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			return // what there is says less than why
		}
		if err := requireReadable(context.Background(), open); err != nil {
			t.Error(err)
		}
	})
}

// options are any: how long calls may ring and last is told, and is right whatever it is.
var options = flow.Options{RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour}

// enough is how many events of one type in one test are held against their schema, which takes a multiple of the time of
// the rules. What tests publish thousands of is made by one loop.
const enough = 25

// requireReadable holds everything in the outbox, sent or not, against the rules of flow engines, and against the schemas.
func requireReadable(ctx context.Context, open func(ctx context.Context) (store.Store, error)) (err error) {
	st, err := open(ctx)
	if err != nil {
		return fmt.Errorf("look at what was published: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	seen := map[string]int{}
	for after := int64(0); ; {
		rows, err := st.Unsent(ctx, after, page)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			after = row.ID
			messages, err := flow.Messages(row.Change, options)
			if err != nil {
				return fmt.Errorf("make messages: %w", err)
			}
			for i, message := range messages {
				kind, look := row.Events[i].Type, eventtest.Published
				seen[kind]++
				if seen[kind] > enough {
					look = goflowtest.Check
				}
				if err := look(message.Body); err != nil {
					return fmt.Errorf("published, and no reader would take it: %w: %s", err, message.Body)
				}
			}
		}
	}
}

const page = 1000 // rows that are read at once

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
