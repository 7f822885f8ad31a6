package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
