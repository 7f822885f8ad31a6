package postgres_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
)

const patience = 20 * time.Second

// admin is a connection of the test's own to the schema.
func (b *bundle) admin(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", b.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// named gives the URL with an application name, by which terminate finds the sessions.
func (b *bundle) named(t *testing.T, name string) string {
	t.Helper()
	return pgtest.With(t, b.url, "application_name", name+t.Name())
}

// terminate ends the sessions of a name that run, or last ran, a statement of a form; it waits until there is one.
func terminate(t *testing.T, admin *sql.DB, name, query string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := admin.QueryRow(`
select count(*) from (
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = left($1, 63) and query ilike $2 and pid <> pg_backend_pid()
) ended`, name+t.Name(), query).Scan(&n)
		require.NoError(t, err)
		return n > 0
	}, patience, 10*time.Millisecond)
}

func openURL(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func entry(body string) *store.Entry {
	return &store.Entry{
		Account: "acme", ReceivedAt: time.Now(), Origin: store.OriginPBX, SHA256: sha256.Sum256([]byte(body)), Body: []byte(body),
	}
}

func appendBody(ctx context.Context, s store.Store, body string) error {
	return s.Write(ctx, func(tx store.Tx) error { return tx.Append(ctx, []*store.Entry{entry(body)}) })
}

func publish(t *testing.T, s store.Store) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		return tx.AppendOutbox(t.Context(), []*store.OutboxRow{{
			Change: flow.Change{Account: "acme", CallUUID: "1", Record: []byte(`{}`)},
		}})
	}))
}

func requireEmpty(t *testing.T, s store.Store, want bool) {
	t.Helper()
	empty, err := s.Empty(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, empty)
}

func TestWriteKeepsNothingWhenItsSessionDies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.admin(t)
	s := openURL(t, b.named(t, "dies"))
	err := s.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.Append(t.Context(), []*store.Entry{entry("one")}))
		terminate(t, admin, "dies", "%insert into journal%")
		return tx.Append(t.Context(), []*store.Entry{entry("two")})
	})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, store.ErrRefused)
	requireEmpty(t, s, true)
	require.NoError(t, appendBody(t.Context(), s, "one"))
	requireEmpty(t, s, false)
}

func TestWriteSaysUnavailableWhenTheCommitGetsNoAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.admin(t)
	s := openURL(t, b.named(t, "commit"))
	err := s.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.Append(t.Context(), []*store.Entry{entry("one")}))
		terminate(t, admin, "commit", "%insert into journal%")
		return nil
	})
	require.ErrorIs(t, err, store.ErrUnavailable)
	requireEmpty(t, s, true)
	require.NoError(t, appendBody(t.Context(), s, "one"))
}

func TestDeadConnectionsOfThePoolAreNotNoticed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	network, url := pgtest.Through(t, b.url)
	s := openURL(t, url)
	for range 3 {
		var group sync.WaitGroup
		for range 16 { // they fill the pool
			group.Go(func() { assert.NoError(t, s.Ping(t.Context())) })
		}
		group.Wait()
		network.Cut()
		require.NoError(t, s.Ping(t.Context()))
		network.Cut()
		require.NoError(t, appendBody(t.Context(), s, "one"))
	}
}

func TestWriteThatStallsLetsOthersWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stalls := openURL(t, pgtest.With(t, b.url, "idle_in_transaction_session_timeout", "300ms"))
	writes := b.open(t)
	err := stalls.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.Append(t.Context(), []*store.Entry{entry("one")}))
		require.NoError(t, appendBody(t.Context(), writes, "two"), "it waits until the server has ended the other one")
		return tx.Append(t.Context(), []*store.Entry{entry("three")})
	})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, appendBody(t.Context(), stalls, "three"))
}

func TestWriteGivesUpWaitingForAnotherInstance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	holds, waits := b.open(t), openURL(t, pgtest.With(t, b.url, "lock_timeout", "200ms"))
	require.NoError(t, holds.Write(t.Context(), func(store.Tx) error {
		err := appendBody(t.Context(), waits, "one")
		require.ErrorIs(t, err, store.ErrUnavailable)
		var reported *pq.Error
		require.ErrorAs(t, err, &reported)
		require.EqualValues(t, "55P03", reported.Code)

		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, appendBody(ctx, waits, "one"), store.ErrUnavailable)
		return nil
	}))
	require.NoError(t, appendBody(t.Context(), waits, "one"))
}

func TestInstallationsInOneDatabaseDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	one, two := setup(t).open(t), setup(t).open(t)
	lease, err := one.Lead(t.Context())
	require.NoError(t, err)
	require.NoError(t, one.Write(t.Context(), func(store.Tx) error { return appendBody(t.Context(), two, "one") }))
	other, err := two.Lead(t.Context())
	require.NoError(t, err)
	require.NoError(t, other.Release())
	require.NoError(t, lease.Release())
}

func TestLeadPassesToAnotherInstance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.open(t), b.open(t)
	lease, err := one.Lead(t.Context())
	require.NoError(t, err)
	_, err = two.Lead(t.Context())
	require.ErrorIs(t, err, store.ErrLeaderElsewhere)
	require.NoError(t, lease.Release())
	lease, err = two.Lead(t.Context())
	require.NoError(t, err)
	_, err = one.Lead(t.Context())
	require.ErrorIs(t, err, store.ErrLeaderElsewhere)

	require.NoError(t, two.Close())
	awaitClosed(t, lease.Lost())
	require.Eventually(t, func() bool {
		taken, err := one.Lead(t.Context())
		return err == nil && taken.Release() == nil
	}, patience, 10*time.Millisecond)
}

func TestLeaderNoticesThatItsSessionDied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := openURL(t, b.named(t, "lead")), b.open(t)
	lease, err := one.Lead(t.Context())
	require.NoError(t, err)
	terminate(t, b.admin(t), "lead", "%pg_try_advisory_lock%")
	awaitClosed(t, lease.Lost())
	require.Eventually(t, func() bool {
		taken, err := two.Lead(t.Context())
		return err == nil && taken.Release() == nil
	}, patience, 10*time.Millisecond)
	require.NoError(t, lease.Release())
}

func TestLeaderNoticesThatTheNetworkStalls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	network, url := pgtest.Through(t, b.url)
	s := openURL(t, url)
	lease, err := s.Lead(t.Context())
	require.NoError(t, err)
	network.Stall()
	began := time.Now()
	awaitClosed(t, lease.Lost())
	require.Less(t, time.Since(began), 8*time.Second)
	require.NoError(t, lease.Release())
}

func TestQuestionsEndWithTheirContextWhenTheNetworkStalls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	network, url := pgtest.Through(t, b.url)
	s := openURL(t, url)
	require.NoError(t, s.Ping(t.Context()))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Write(ctx, func(tx store.Tx) error {
		require.NoError(t, tx.Append(ctx, []*store.Entry{entry("one")}))
		network.Stall()
		time.AfterFunc(100*time.Millisecond, cancel)
		return tx.Append(ctx, []*store.Entry{entry("two")})
	})
	require.ErrorIs(t, err, store.ErrUnavailable)

	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { return appendBody(ctx, s, "one") },
		func(ctx context.Context) error { return s.Ping(ctx) },
		func(ctx context.Context) error { _, err := s.Lead(ctx); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		require.ErrorIs(t, ask(ctx), store.ErrUnavailable)
		require.Less(t, time.Since(began), 5*time.Second)
		cancel()
	}
}

func TestWakeComesFromOtherInstancesAndAfterALostConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := openURL(t, b.named(t, "wake")), b.open(t)
	rung, err := one.Wake(t.Context())
	require.NoError(t, err)
	awaitWake(t, rung) // it listens
	for range 3 {
		publish(t, two)
		awaitWake(t, rung)
	}
	terminate(t, b.admin(t), "wake", "listen %")
	awaitWake(t, rung) // it listens again, and something may have been missed
	publish(t, two)
	awaitWake(t, rung)
}

func TestStoreOpensWithoutADatabaseAndFindsItLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	network, url := pgtest.Through(t, b.url)
	network.Close()
	s := openURL(t, url)
	for _, err := range []error{s.Ping(t.Context()), appendBody(t.Context(), s, "one"), postgres.Migrate(t.Context(), url)} {
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
	_, err := s.Lead(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	rung, err := s.Wake(ctx)
	require.NoError(t, err)
	publish(t, b.open(t))
	cancel()
	for range rung {
		require.Fail(t, "nothing could be heard")
	}
}

func awaitClosed(t *testing.T, lost <-chan struct{}) {
	t.Helper()
	select {
	case <-lost:
	case <-time.After(patience):
		require.Fail(t, "nothing was noticed")
	}
}

func awaitWake(t *testing.T, rung <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-rung:
		require.True(t, open, "the channel ended")
	case <-time.After(patience):
		require.Fail(t, "no wake came")
	}
}
