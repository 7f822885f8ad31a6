package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
)

// worksOnWhatIsThere are command lines of every command that works on a database that somebody else has filled.
func worksOnWhatIsThere(t *testing.T) map[string][]string {
	t.Helper()
	pbx := filepath.Join(t.TempDir(), "pbx.yaml")
	require.NoError(t, os.WriteFile(pbx, []byte(
		"accounts: {default: {pbx_api: {url: 'http://127.0.0.1:1', secret: the-secret-of-the-pbx}}}\n"), 0o600))
	return map[string][]string{
		"rebuild":            {"rebuild"},
		"rebuild --check":    {"rebuild", "--check"},
		"republish":          {"republish", "--since", "1h"},
		"purge":              {"purge", "--retention-calls", "1d"},
		"purge --dry-run":    {"purge", "--dry-run"},
		"export":             {"export", "--number", "+48501502503"},
		"erase":              {"erase", "--number", "+48501502503", "--yes"},
		"erase --dry-run":    {"erase", "--number", "+48501502503", "--dry-run"},
		"record":             {"record", "--since", "1h"},
		"reconcile":          {"reconcile", "--config", pbx},
		"backfill --dry-run": {"backfill", "--config", pbx, "--from", "2020-08-25", "--to", "2020-08-26", "--dry-run"},
	}
}

// requireNothingDone: it could not begin, says where it looked, and has made nothing where it was started.
func requireNothingDone(t *testing.T, r *running, where, setting string) {
	t.Helper()
	require.Equal(t, exitUsage, r.wait(), r.stdout.text())
	require.Empty(t, r.stdout.text(), "no certificate, no count")
	said := r.stderr.text()
	require.Equal(t, 1, strings.Count(said, "\n"), said)
	require.Contains(t, said, "webhookd: there is no database of webhookd at "+where)
	require.Contains(t, said, " ("+setting+"), so nothing was done. Give this command the set-up of the service: its file with "+
		"--config, or its environment.")
	made, err := os.ReadDir(r.cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, made)
}

// A command that was not told where the service has its database must not work on an empty one, and call that done.
func TestWhatWorksOnTheDatabaseNeedsOne(t *testing.T) {
	t.Parallel()
	for name, args := range worksOnWhatIsThere(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil, args...)
			requireNothingDone(t, r, filepath.Join(r.cmd.Dir, "data", "webhookd.db"), "data_dir is from: default")
		})
		t.Run(name+" on Postgres", func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			r := start(t, []string{"WEBHOOKD_DATABASE_URL=" + url}, args...)
			requireNothingDone(t, r, "postgres://", "database_url is from: WEBHOOKD_DATABASE_URL")
			require.Zero(t, relations(t, url))
		})
	}
}

// Nobody reads what goes into a NATS that was made for the command: beside a Postgres it has to be told of the service's.
func TestARepublicationNeedsTheNATSOfTheService(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	r := start(t, []string{"WEBHOOKD_DATABASE_URL=" + url}, "migrate")
	require.Zero(t, r.wait(), r.stderr.text())
	r = start(t, []string{"WEBHOOKD_DATABASE_URL=" + url}, "republish", "--since", "1h")
	require.Equal(t, exitUsage, r.wait(), r.stdout.text())
	require.Contains(t, r.stderr.text(), "nats_url is not set, and there is no embedded server's data in ./data, so nothing was sent")
	made, err := os.ReadDir(r.cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, made)
}

// relations counts what is in the schema of a database.
func relations(t *testing.T, url string) (count int) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow(
		`select count(*) from pg_class where relnamespace = current_schema()::regnamespace`).Scan(&count))
	return count
}

// files gives every file of a directory with its content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := map[string]string{}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		found[entry.Name()] = string(data)
	}
	return found
}

// rebuild --check changes not a byte, does not bring the schema up to date, and compares only what this program would have
// written.
func TestACheckChangesNothing(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := startService(t, nil, "--data-dir", dir)
		r := start(t, nil, "replay", "--url", "http://"+s.HTTP, recording(t))
		require.Zero(t, r.wait(), r.stderr.text())
		s.signal(syscall.SIGTERM)
		require.Zero(t, s.wait())
		path := filepath.Join(dir, "webhookd.db")
		change := func(statement string) map[string]string {
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			_, err = db.Exec(statement)
			require.NoError(t, err)
			require.NoError(t, db.Close())
			return files(t, dir)
		}

		before := change(`delete from calls`) // which a rebuild would mend
		require.Contains(t, before, "webhookd.db")
		r = start(t, nil, "rebuild", "--check", "--data-dir", dir)
		require.Equal(t, exitFailure, r.wait(), r.stderr.text())
		require.Contains(t, r.stdout.text(), "1 calls derived from ")
		require.Equal(t, "database: "+path+"\n", r.stderr.text())
		require.Equal(t, before, files(t, dir))

		before = change(`insert into schema_version (version_id, is_applied) values (9999, true)`)
		r = start(t, nil, "rebuild", "--check", "--data-dir", dir)
		require.Equal(t, exitUsage, r.wait(), r.stdout.text())
		require.Contains(t, r.stderr.text(), "its schema has version 9999, this program knows ")
		require.Contains(t, r.stderr.text(), "use the newer webhookd")
		require.Equal(t, before, files(t, dir))
		r = start(t, nil, "record", "--data-dir", dir, "--since", "1h")
		require.Zero(t, r.wait(), "every migration leaves the version before able to work: %s", r.stderr.text())

		before = change(`delete from schema_version where version_id > 6`)
		for _, args := range [][]string{{"rebuild", "--check"}, {"record", "--since", "1h"}} {
			r = start(t, nil, append(args, "--data-dir", dir)...)
			require.Equal(t, exitUsage, r.wait(), r.stdout.text())
			require.Contains(t, r.stderr.text(), "its schema has version 6, this program knows ")
			require.Contains(t, r.stderr.text(), "webhookd migrate")
			require.Equal(t, before, files(t, dir))
		}
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.URL(t)
		environ := []string{"WEBHOOKD_DATABASE_URL=" + url}
		require.Zero(t, start(t, environ, "migrate").wait())
		before := relations(t, url)
		change := func(statement string) {
			db, err := sql.Open("postgres", url)
			require.NoError(t, err)
			_, err = db.Exec(statement)
			require.NoError(t, err)
			require.NoError(t, db.Close())
		}
		r := start(t, environ, "rebuild", "--check")
		require.Zero(t, r.wait(), r.stderr.text())
		require.True(t, strings.HasPrefix(r.stderr.text(), "database: postgres://"), r.stderr.text())

		change(`insert into schema_version (version_id, is_applied) values (9999, true)`)
		r = start(t, environ, "rebuild", "--check")
		require.Equal(t, exitUsage, r.wait(), r.stdout.text())
		require.Contains(t, r.stderr.text(), "use the newer webhookd")

		change(`delete from schema_version where version_id > 1`)
		r = start(t, environ, "rebuild", "--check")
		require.Equal(t, exitUsage, r.wait(), r.stdout.text())
		require.Contains(t, r.stderr.text(), "its schema has version 1, this program knows ")
		found, err := postgres.Schema(t.Context(), url)
		require.NoError(t, err)
		require.EqualValues(t, 1, found.Version)
		require.Equal(t, before, relations(t, url))
	})
}
