package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

// A table that is changed while the service runs, as the migration of a newer version does, makes prepared statements
// fail once; after that the service goes on by itself.
func TestAChangedTableDoesNotStopWriting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.open(t)
	read := func() error {
		return s.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Legs(t.Context(), []store.Key{{Account: "acme", UUID: "x"}})
			return err
		})
	}
	for range 10 { // until the server has settled on a plan
		require.NoError(t, read())
	}
	db, err := sql.Open("postgres", b.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), `alter table legs alter column evidence type text using encode(evidence, 'hex')`)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `alter table legs add column more integer`)
	require.NoError(t, err)
	err = read()
	for tries := 0; err != nil && tries < 8; tries++ { // one for each connection at most
		require.ErrorIs(t, err, store.ErrUnavailable)
		err = read()
	}
	require.NoError(t, err)
}
