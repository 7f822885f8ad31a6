package postgres

import (
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigChoosesAnSSLMode(t *testing.T) {
	t.Setenv("PGSSLMODE", "disable") // to be put back
	require.NoError(t, os.Unsetenv("PGSSLMODE"))
	for _, c := range []struct{ url, want string }{
		{"postgres://u@localhost/db", "prefer"},
		{"postgres://u@127.0.0.1:5433/db", "prefer"},
		{"postgres://u@[::1]:5432/db", "prefer"},
		{"postgresql://u@LOCALHOST/db", "prefer"},
		{"postgres://u@db.example.com/db", "require"},
		{"postgres://u@10.0.0.1/db", "require"},
		{"postgres://u@localhost.example.com/db", "require"},
		{"postgres://u@127.0.0.1,10.0.0.1/db", "require"},
		{"postgres://u@localhost/db?hostaddr=10.0.0.1", "require"},
		{"postgres://u@db.example.com/db?sslmode=disable", "disable"},
		{"postgres://u@db.example.com/db?sslmode=verify-full", "verify-full"},
	} {
		dsn, err := Config{URL: c.url}.dsn()
		require.NoError(t, err, c.url)
		require.Equal(t, c.want, queryOf(t, dsn).Get("sslmode"), c.url)
	}
}

func TestConfigLeavesAUnixSocketWithoutSSL(t *testing.T) {
	t.Parallel()
	dsn, err := Config{URL: "postgres://u@/db?host=/run/postgresql"}.dsn()
	require.NoError(t, err)
	require.Empty(t, queryOf(t, dsn).Get("sslmode"), "lib/pq knows")
}

func TestConfigCompletesTheURL(t *testing.T) {
	t.Parallel()
	given := "postgres://user:p%40ss@localhost:5433/db?search_path=tenant&STATEMENT_TIMEOUT=1s&application_name=mine"
	dsn, err := Config{URL: given}.dsn("lock_timeout", "0")
	require.NoError(t, err)
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	password, _ := parsed.User.Password()
	require.Equal(t, "p@ss", password)
	query := parsed.Query()
	require.Equal(t, "tenant", query.Get("search_path"))
	require.Equal(t, "mine", query.Get("application_name"))
	require.Equal(t, "1s", query.Get("STATEMENT_TIMEOUT"))
	require.False(t, query.Has("statement_timeout"), "the name is set already, in other letters")
	require.Equal(t, "0", query.Get("lock_timeout"))
	require.Equal(t, "10s", query.Get("idle_in_transaction_session_timeout"))
}

func TestConfigRefusesBadURLsWithoutTellingThem(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "secret", "postgres://user:secret@host:port/db", "host=localhost password=secret", "postgres://user:se%zzcret@host/db",
		"mysql://user:secret@host/db", "postgres://user:secret@host/db?sslmode=perhaps", "postgres://user:secret@ho st/db",
		"postgres://user:secret@host/db?connect_timeout=secret", "postgres://user:secret@host/db?client_encoding=latin1",
	} {
		_, err := Open(t.Context(), Config{URL: bad})
		require.Error(t, err, bad)
		if bad != "postgres://user:secret@host/db?connect_timeout=secret" { // not a password
			require.NotContains(t, err.Error(), "secret", bad)
		}
	}
}

func queryOf(t *testing.T, dsn string) url.Values {
	t.Helper()
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	return parsed.Query()
}
