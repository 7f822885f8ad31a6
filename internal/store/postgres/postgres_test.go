package postgres_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return setup(t).open(t) })
}

// Two instances on one database are as good as one.
func TestStoreOfTwoInstances(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		b := setup(t)
		return &pair{Store: b.open(t), other: b.open(t)}
	})
}

// pair writes through two instances in turn, and does everything else through one.
type pair struct {
	*postgres.Store
	other *postgres.Store
	turn  atomic.Int64
}

func (p *pair) Write(ctx context.Context, fn func(store.Tx) error) error {
	if p.turn.Add(1)%2 == 0 {
		return p.Store.Write(ctx, fn)
	}
	return p.other.Write(ctx, fn)
}

func (p *pair) Close() error { return errors.Join(p.Store.Close(), p.other.Close()) }

// bundle is what a test works with: a schema of its own, migrated.
type bundle struct {
	url string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return &bundle{url: pgtest.Migrated(t)}
}

// open makes one instance's store; it is closed when the test ends.
func (b *bundle) open(t *testing.T) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: b.url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// BenchmarkWrite is for comparison with other stores.
func BenchmarkWrite(b *testing.B) {
	url := pgtest.Migrated(b)
	s, err := postgres.Open(b.Context(), postgres.Config{URL: url})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	storetest.BenchmarkWrite(b, s)
}
