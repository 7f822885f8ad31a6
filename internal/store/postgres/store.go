// Package postgres keeps the store in PostgreSQL (13 or newer), which any number of instances may share. It decides
// nothing about calls and knows no other adapter.
//
// Three things hold it together. Every Write begins with a lock on the one row of writer, so writes are serialised over
// all instances and identity numbers are given in commit order. Every batch is one statement over
// unnested arrays, whatever accounts it mixes. And no table but the small ones is updated on an indexed column at every
// webhook, so that updates stay heap-only.
//
// An installation is a schema: the first of the search_path. Locks and notifications carry its name, so several
// installations may share a database. Sessions hold locks and listen, so a pooler between, if any, must not share
// sessions among transactions.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/store"
	"webhookd/internal/store/bell"
	"webhookd/internal/store/tail"
)

// Store implements [store.Store].
type Store struct {
	db        *sqlx.DB
	connector *connector
	dsn       string
	now       func() time.Time
	writing   chan struct{} // holds one token while a Write of this instance runs
	bell      bell.Bell
	prepared  sync.Map // *sqlx.Stmt by query
	joined    sync.Map // query by the pieces it is made of
	name      string   // of this Store, different for each
	turns     atomic.Int64
	leads     atomic.Bool // the relay of this instance leads
	tail      tail.Tail

	open     context.Context // ends with Close
	close    context.CancelFunc
	spawning sync.Mutex     // between Close and spawn
	owned    sync.WaitGroup // goroutines that Close waits for
}

var _ store.Store = (*Store)(nil)

// Open makes a store of the database at config.URL. It asks the database nothing, so an instance can start and spool
// while the database is away: use Ping. The schema must be there already, see [Migrate].
func Open(_ context.Context, config Config) (*Store, error) {
	dsn, err := config.dsn()
	if err != nil {
		return nil, err
	}
	db, connector, err := openDB(dsn, answerTimeout)
	if err != nil {
		return nil, err
	}
	conns := config.MaxConns
	if conns <= 0 {
		conns = defaultMaxConns
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)

	s := &Store{db: db, connector: connector, dsn: dsn, now: config.Now, writing: make(chan struct{}, 1), name: rand.Text()}
	if s.now == nil {
		s.now = time.Now
	}
	s.open, s.close = context.WithCancel(context.Background())
	return s, nil
}

// Kind implements [store.Store].
func (*Store) Kind() string { return "postgres" }

// Close implements [store.Store]. Leases are lost and wakes end.
func (s *Store) Close() error {
	s.spawning.Lock()
	s.close()
	s.spawning.Unlock()
	s.owned.Wait()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	var version int64
	err := s.read(ctx, "read schema version", &version,
		`select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`)
	if err != nil {
		return err
	}
	known, err := latestVersion()
	if err != nil {
		return err
	}
	if version < known { // a later one was made so that this program can go on beside it
		return fmt.Errorf("%w: its schema has version %d, this program knows %d", store.ErrUnavailable, version, known)
	}
	return nil
}

// spawn runs a goroutine that Close waits for. It fails when the store is closed already.
func (s *Store) spawn(run func()) error {
	s.spawning.Lock()
	defer s.spawning.Unlock()
	if s.open.Err() != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errClosed)
	}
	s.owned.Go(run)
	return nil
}

var (
	errClosed   = errors.New("store is closed")
	errNoWriter = errors.New("table writer has no row")
)
