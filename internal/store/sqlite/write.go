package sqlite

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/store"
)

// tx implements [store.Tx].
type tx struct {
	*sqlx.Tx
	store   *Store
	failed  error // the first error of a statement; nothing is kept after it, as in other databases
	own     int64 // the number of this Write, which counts those that were rolled back too
	before  int64 // that of the last one that wrote legs or calls, and committed
	touched bool  // legs or calls were written
	added   []*store.OutboxRow
}

var _ store.Tx = (*tx)(nil)

// Write implements [store.Writer].
func (s *Store) Write(ctx context.Context, fn func(store.Tx) error) error {
	err := s.transact(ctx, func(t *tx) error {
		if err := fn(t); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	})
	return err
}

// Turn implements [store.Tx]. The file belongs to this process, so counting here is enough.
func (t *tx) Turn() (own, before string) {
	return strconv.FormatInt(t.own, 10), strconv.FormatInt(t.before, 10)
}

// Keep implements [store.Tx].
func (t *tx) Keep(ctx context.Context, changes store.Changes) error {
	if err := t.PutLegs(ctx, changes.Legs); err != nil {
		return err
	}
	if err := t.PutCalls(ctx, changes.Calls); err != nil {
		return err
	}
	if err := t.AppendOutbox(ctx, changes.Outbox); err != nil {
		return err
	}
	if err := t.PutDue(ctx, changes.PutDue); err != nil {
		return err
	}
	return t.DropDue(ctx, changes.DropDue)
}

// transact runs fn on the connection that writes. The context bounds the wait for it and is looked at before each
// statement and the commit. A statement itself is not interrupted, which would leave in doubt what came of it: they
// last microseconds.
func (s *Store) transact(ctx context.Context, fn func(*tx) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return fmt.Errorf("begin transaction: %w", classify(ctx.Err()))
	}
	begun, err := s.writer.BeginTxx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", classify(err))
	}
	defer func() { _ = begun.Rollback() }() // does nothing after a commit
	s.begun++
	t := &tx{Tx: begun, store: s, own: s.begun, before: s.committed}
	if err := fn(t); err != nil {
		return err
	}
	if t.failed != nil {
		return fmt.Errorf("write: %w", t.failed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit transaction: %w", classify(err))
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", classify(err))
	}
	if t.touched {
		s.committed = t.own
	}
	if len(t.added) > 0 {
		s.tail.Add(t.added)
		s.bell.Ring()
	}
	return nil
}

// fail remembers and describes what a statement reported.
func (t *tx) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, classify(err))
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// statement is prepared once and run for each row of a batch.
type statement struct {
	ctx   context.Context // of the batch, to look at
	doing string
	tx    *tx
	*sqlx.Stmt
}

// prepare readies a statement. With it comes each's first error: a batch stops there.
func (t *tx) prepare(ctx context.Context, doing, query string) (*statement, error) {
	prepared, err := t.PreparexContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, t.fail(doing, err)
	}
	return &statement{ctx: ctx, doing: doing, tx: t, Stmt: prepared}, nil
}

// exec runs the statement, which gives no rows.
func (s *statement) exec(args ...any) error {
	if err := s.ctx.Err(); err != nil {
		return s.tx.fail(s.doing, err)
	}
	_, err := s.ExecContext(context.WithoutCancel(s.ctx), args...)
	return s.tx.fail(s.doing, err)
}

// list reads the statement's rows into rows, a pointer to a slice.
func (s *statement) list(rows any, args ...any) error {
	if err := s.ctx.Err(); err != nil {
		return s.tx.fail(s.doing, err)
	}
	return s.tx.fail(s.doing, s.SelectContext(context.WithoutCancel(s.ctx), rows, args...))
}

// each runs a statement without rows for every item of a batch.
func each[T any](ctx context.Context, t *tx, doing, query string, items []T, args func(T) []any) error {
	if len(items) == 0 {
		return nil
	}
	prepared, err := t.prepare(ctx, doing, query)
	if err != nil {
		return err
	}
	defer func() { _ = prepared.Close() }()
	for _, item := range items {
		if err := prepared.exec(args(item)...); err != nil {
			return err
		}
	}
	return nil
}

// gather runs a question for every item of a batch and gives all rows.
func gather[R, T any](ctx context.Context, t *tx, doing, query string, items []T, args func(T) []any) ([]R, error) {
	if len(items) == 0 {
		return nil, nil
	}
	prepared, err := t.prepare(ctx, doing, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = prepared.Close() }()
	var all []R
	for _, item := range items {
		var rows []R
		if err := prepared.list(&rows, args(item)...); err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// read gives one row of a reader's question.
func (s *Store) read(ctx context.Context, doing string, row any, query string, args ...any) error {
	if err := s.reader.GetContext(ctx, row, query, args...); err != nil {
		return fmt.Errorf("%s: %w", doing, classify(err))
	}
	return nil
}

// list gives all rows of a reader's question.
func (s *Store) list(ctx context.Context, doing string, rows any, query string, args ...any) error {
	if err := s.reader.SelectContext(ctx, rows, query, args...); err != nil {
		return fmt.Errorf("%s: %w", doing, classify(err))
	}
	return nil
}
