package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/store"
)

// tx implements [store.Tx].
type tx struct {
	*sqlx.Tx
	store  *Store
	outbox bool  // rows were added to it
	failed error // the first error of a statement; the transaction cannot commit after it
	keys   map[store.Key]keysOf
}

var _ store.Tx = (*tx)(nil)

// Write implements [store.Writer].
//
// Writes of this instance queue here, so that waiting for other instances takes one connection. Between instances the
// advisory lock decides; it is taken before anything is read, and the server lets go of it after the commit can be
// seen, so an identity number is never given before a smaller one is visible.
func (s *Store) Write(ctx context.Context, fn func(store.Tx) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return fmt.Errorf("begin transaction: %w", classify(ctx, ctx.Err()))
	}
	session, begun, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", classify(ctx, err))
	}
	defer session.close()
	defer func() { _ = begun.Rollback() }() // does nothing after a commit
	if _, err := begun.ExecContext(ctx, `select pg_advisory_xact_lock(`+writeLock+`)`); err != nil {
		return fmt.Errorf("lock writing: %w", classify(ctx, err))
	}
	t := &tx{Tx: begun, store: s}
	err = fn(t)
	if outdated(t.failed) {
		session.giveUp()
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if t.failed != nil {
		return fmt.Errorf("write: %w", t.failed)
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", classify(ctx, err))
	}
	if t.outbox {
		s.bell.Ring()
	}
	return nil
}

// begin begins a transaction on the first connection that turns out to live. It must be read committed, whatever the
// server's default: each statement after the lock has to see what was committed while it waited for the lock.
func (s *Store) begin(ctx context.Context) (*session, *sqlx.Tx, error) {
	for {
		session, err := s.session(ctx)
		if err != nil {
			return nil, nil, err
		}
		begun, err := session.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err == nil {
			return session, begun, nil
		}
		pooled := session.pooled
		session.close()
		if !pooled || !dead(ctx, err) {
			return nil, nil, err
		}
	}
}

// fail remembers and describes what a statement reported.
func (t *tx) fail(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, classify(ctx, err))
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// exec runs a statement that gives no rows.
func (t *tx) exec(ctx context.Context, doing, query string, args ...any) error {
	_, err := t.ExecContext(ctx, query, args...)
	return t.fail(ctx, doing, err)
}
