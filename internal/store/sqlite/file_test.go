package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

func write(ctx context.Context, s store.Store, body string) error {
	return s.Write(ctx, func(tx store.Tx) error {
		err := tx.Append(ctx, []*store.Entry{{
			Account: "acme", Origin: store.OriginPBX, SHA256: sha256.Sum256([]byte(body)), Body: []byte(body), DialogUUID: "1",
		}})
		if err != nil {
			return err
		}
		if err := tx.PutLegs(ctx, []store.Leg{{Account: "acme", DialogUUID: "1", CallUUID: "1"}}); err != nil {
			return err
		}
		return tx.AppendOutbox(ctx, []*store.OutboxRow{{
			Change: flow.Change{Account: "acme", CallUUID: "1", Record: []byte(`{}`)},
		}})
	})
}

func requireBodies(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	entries, err := s.Entries(t.Context(), store.Key{Account: "acme", UUID: "1"})
	require.NoError(t, err)
	var bodies []string
	for _, entry := range entries {
		bodies = append(bodies, string(entry.Body))
	}
	require.Equal(t, want, bodies)
}

func TestStoreKeepsEverythingWhenReopened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.open(t)
	require.NoError(t, write(t.Context(), s, "one"))
	require.NoError(t, s.Advance(t.Context(), 1, nil, nil))
	require.NoError(t, s.Close())

	s = b.open(t)
	require.NoError(t, write(t.Context(), s, "two"))
	requireBodies(t, s, "one", "two")
	position, err := s.Position(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, position.Through)
	rows, err := s.Unsent(t.Context(), position.Through, 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.EqualValues(t, 2, rows[0].ID)
}

// The files as they are after a Write has returned are what a killed process leaves.
func TestStoreKeepsEverythingWhenItsProcessIsKilled(t *testing.T) {
	t.Parallel()
	b, left := setup(t), setup(t)
	s := b.open(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(left.path), 0o700))
	require.NoError(t, write(t.Context(), s, "one"))
	require.NoError(t, write(t.Context(), s, "two"))
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.PutLegs(t.Context(), []store.Leg{{Account: "acme", DialogUUID: "2", CallUUID: "2"}}))
		for _, suffix := range []string{"", "-wal"} {
			copyFile(t, b.path+suffix, left.path+suffix)
		}
		return nil
	}))
	survivor := left.open(t)
	requireBodies(t, survivor, "one", "two")
	_, err := survivor.Dialog(t.Context(), store.Key{Account: "acme", UUID: "2"})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, write(t.Context(), survivor, "three"))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	require.NoError(t, err)
	defer func() { require.NoError(t, source.Close()) }()
	target, err := os.Create(to)
	require.NoError(t, err)
	_, err = io.Copy(target, source)
	require.NoError(t, err)
	require.NoError(t, target.Close())
}

func TestFileBelongsToOneStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.open(t)
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: b.path})
	require.ErrorIs(t, err, sqlite.ErrInUse)
	require.ErrorContains(t, err, b.path)
	require.NoError(t, write(t.Context(), s, "one"))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "again")
	requireBodies(t, b.open(t), "one")
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such permissions here")
	}
	b := setup(t)
	s := b.open(t)
	require.NoError(t, write(t.Context(), s, "one"))
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(b.path + suffix)
		require.NoError(t, err, suffix)
		require.Zero(t, info.Mode().Perm()&0o077, suffix)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(b.path), 0o700))
	require.NoError(t, os.WriteFile(b.path, []byte("this is a text file, and a rather long one at that"), 0o600))
	for range 2 { // the lock is let go
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: b.path})
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{})
	require.Error(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Dir(b.path)})
	require.Error(t, err, "a directory")
}

func TestStoreIsUnavailableWhileAnotherProgramLocksTheFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.open(t)
	intruder, err := sql.Open("sqlite", "file:"+url.PathEscape(b.path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, intruder.Close()) })
	intruder.SetMaxOpenConns(1)
	_, err = intruder.Exec(`begin immediate`)
	require.NoError(t, err)
	err = write(t.Context(), s, "one")
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, store.ErrRefused)
	_, err = s.Empty(t.Context())
	require.NoError(t, err, "reading goes on")
	_, err = intruder.Exec(`rollback`)
	require.NoError(t, err)
	require.NoError(t, write(t.Context(), s, "one"))
}

// Where nothing is to be made, nothing is: no directory, no lock, no table in a file of somebody else.
func TestOpenMakesNothingUnlessItMay(t *testing.T) {
	t.Parallel()
	for _, opening := range []store.Opening{store.Existing, store.AsItIs, store.Exactly} {
		dir := filepath.Join(t.TempDir(), "data")
		path := filepath.Join(dir, "webhookd.db")
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Opening: opening})
		require.ErrorIs(t, err, store.ErrNoDatabase)
		require.NoDirExists(t, dir)

		require.NoError(t, os.Mkdir(dir, 0o700))
		_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, Opening: opening})
		require.ErrorIs(t, err, store.ErrNoDatabase)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)

		foreign, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		_, err = foreign.ExecContext(t.Context(), `create table recipes (name text)`)
		require.NoError(t, err)
		require.NoError(t, foreign.Close())
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, Opening: opening})
		require.ErrorIs(t, err, store.ErrNoDatabase)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}

// A copy that is in no write-ahead mode stays as it is, to the byte, while it is read, written to and rolled back.
func TestOpenAsItIsLeavesTheFileAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "calls.db"), filepath.Join(dir, "copy.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, write(t.Context(), s, "one"))
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `vacuum into '`+copied+`'`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	before, err := os.ReadFile(copied)
	require.NoError(t, err)

	opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: copied, Opening: store.Exactly})
	require.NoError(t, err)
	requireBodies(t, opened, "one")
	failed := errors.New("only looked at")
	require.ErrorIs(t, opened.Write(t.Context(), func(store.Tx) error { return failed }), failed)
	require.NoError(t, opened.Close())
	after, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
