package sqlite

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"webhookd/internal/store"
)

// classify says what an error of the database means to callers: a broken constraint or a value of the wrong type or
// size is the data's fault; everything else (busy, full, read-only, an I/O error, …) is not.
func classify(err error) error {
	if err == nil || errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	if reported, ok := errors.AsType[*sqlite.Error](err); ok {
		switch reported.Code() & 0xff { // without the extension
		case sqlitelib.SQLITE_CONSTRAINT, sqlitelib.SQLITE_MISMATCH, sqlitelib.SQLITE_TOOBIG:
			return fmt.Errorf("%w: %w", store.ErrRefused, err)
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
