package postgres

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres/pgtest"
)

// The server's defaults may be careless; the store's promises do not depend on them.
func TestTransactionsAreDurableAndReadCommittedWhateverTheDefaults(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	require.NoError(t, Migrate(t.Context(), address))
	for asked, want := range map[string]string{"off": "on", "local": "local", "on": "on", "remote_apply": "remote_apply"} {
		careless := pgtest.With(t, address, "synchronous_commit", asked)
		careless = pgtest.With(t, careless, "default_transaction_isolation", "serializable")
		s, err := Open(t.Context(), Config{URL: careless})
		require.NoError(t, err)
		require.NoError(t, s.Write(t.Context(), func(given store.Tx) error {
			var durable, isolation string
			row := given.(*tx).QueryRowContext(t.Context(),
				`select current_setting('synchronous_commit'), current_setting('transaction_isolation')`)
			if err := row.Scan(&durable, &isolation); err != nil {
				return err
			}
			require.Equal(t, want, durable, asked)
			require.Equal(t, "read committed", isolation)
			return nil
		}))
		require.NoError(t, s.Close())
	}
}

func TestSessionsHaveTheirLimits(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s, err := Open(t.Context(), Config{URL: address})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for name, want := range map[string]string{
		"application_name": "webhookd", "TimeZone": "UTC", "idle_in_transaction_session_timeout": "10s",
		"lock_timeout": "8s", "statement_timeout": "15s", "tcp_user_timeout": "10000",
	} {
		var value string
		require.NoError(t, s.read(t.Context(), "read setting", &value, `select current_setting($1)`, name))
		if name == "tcp_user_timeout" {
			require.Contains(t, []string{want, "0"}, value, "0 where the server's system does not know it")
			continue
		}
		require.Equal(t, want, value, name)
	}
	parsed, err := url.Parse(s.dsn)
	require.NoError(t, err)
	require.Equal(t, "yes", parsed.Query().Get("binary_parameters"))
}

// "prefer" dials twice when the server knows no TLS.
func TestStoreWorksWithThePreferredTLS(t *testing.T) {
	t.Parallel()
	address := pgtest.With(t, pgtest.URL(t), "sslmode", "prefer")
	require.NoError(t, Migrate(t.Context(), address))
	s, err := Open(t.Context(), Config{URL: address})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.Write(t.Context(), func(store.Tx) error { return nil }))
}
