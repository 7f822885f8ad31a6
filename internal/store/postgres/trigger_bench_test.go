package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/storetest"
)

// BenchmarkPendingOf is for comparison with other stores.
func BenchmarkPendingOf(b *testing.B) {
	url := pgtest.Migrated(b)
	s, err := postgres.Open(b.Context(), postgres.Config{URL: url})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	storetest.BenchmarkPendingOf(b, s)
}
