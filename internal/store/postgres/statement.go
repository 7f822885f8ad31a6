package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// A batch always runs the same few statements, and reading and planning them again took a tenth of it. They are
// prepared once on each connection, by database/sql.

// statement gives a prepared statement on the transaction's connection.
func (t *tx) statement(ctx context.Context, query string) (*sqlx.Stmt, error) {
	known, ok := t.store.prepared.Load(query)
	if !ok {
		made, err := t.store.db.PreparexContext(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("prepare statement: %w", err)
		}
		if known, ok = t.store.prepared.LoadOrStore(query, made); ok {
			_ = made.Close() //nolint:sqlclosecheck // somebody else was quicker
		}
	}
	prepared, ok := known.(*sqlx.Stmt)
	if !ok { // nothing else is ever stored
		return nil, fmt.Errorf("prepare statement: %T is none", known)
	}
	return t.StmtxContext(ctx, prepared), nil
}

// SelectContext reads rows by a prepared statement.
func (t *tx) SelectContext(ctx context.Context, rows any, query string, args ...any) error {
	statement, err := t.statement(ctx, query) //nolint:sqlclosecheck // it ends with the transaction
	if err != nil {
		return err
	}
	return statement.SelectContext(ctx, rows, args...) //nolint:wrapcheck // the caller says what it was doing
}

// ExecContext runs a prepared statement that gives no rows.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := t.statement(ctx, query) //nolint:sqlclosecheck // it ends with the transaction
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...) //nolint:wrapcheck // the caller says what it was doing
}

// outdated says that a table was changed under a prepared statement, for example by the migration of a newer version:
// the connection must be given up, for the statement would fail on it for ever.
func outdated(err error) bool {
	const planChanged = "0A000"
	var reported *pq.Error
	return errors.As(err, &reported) && reported.Code == planChanged
}
