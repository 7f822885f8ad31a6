package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/store"
)

// tx implements [store.Tx].
type tx struct {
	*sqlx.Tx
	store  *Store
	failed error // the first error of a statement; the transaction cannot commit after it

	own, before  string // turns, see Turn
	touched      bool   // legs or calls were written
	added        []*store.OutboxRow
	lastOutbox   int64  // the id given last
	passedTurn   string // what the row of writer says already
	passedOutbox int64
}

var _ store.Tx = (*tx)(nil)

// Write implements [store.Writer].
//
// Writes of this instance queue here, so that waiting for other instances takes one connection. Between instances the
// row of writer decides; it is locked before anything is read.
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
	t := &tx{Tx: begun, store: s, own: s.name + "-" + strconv.FormatInt(s.turns.Add(1), 36)}
	if err = t.take(ctx); err == nil {
		if err = fn(t); err == nil && t.failed == nil {
			err = t.pass(ctx)
		}
	} else if t.failed == nil {
		t.failed = err
	}
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
	if len(t.added) > 0 {
		if s.leads.Load() {
			s.tail.Add(t.added)
		}
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

// Keep implements [store.Tx].
func (t *tx) Keep(ctx context.Context, changes store.Changes) error {
	added, err := t.outboxPiece(changes.Outbox)
	if err != nil {
		return t.fail(ctx, "append to outbox", err)
	}
	calls := latest(changes.Calls, keyOfCall)
	factsAdded, factsReplaced := factPieces(calls)
	pieces := []piece{
		legsPiece(changes.Legs), keysPiece(calls), factsAdded, factsReplaced, callsPiece(calls), added,
		putDuePiece(changes.PutDue), dropDuePiece(changes.DropDue),
	}
	t.touched = t.touched || len(changes.Legs) > 0 || len(changes.Calls) > 0
	if t.toPass() {
		pieces = append(pieces, t.passPiece())
	}
	return t.keep(ctx, "write changes", pieces...)
}

// exec runs a statement that writes and gives no rows.
func (t *tx) exec(ctx context.Context, doing, query string, args ...any) error {
	_, err := t.ExecContext(ctx, query, args...)
	return t.fail(ctx, doing, err)
}
