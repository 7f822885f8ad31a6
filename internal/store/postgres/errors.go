package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lib/pq"

	"webhookd/internal/store"
)

// classify says what an error of the database means to callers. Only what the server blames on the data itself is
// refused: data exceptions (class 22), broken constraints (23), and a limit that a value exceeds (54000). Everything
// else, from a broken connection or a time-out to a missing table, is no fault of the data and is tried again. If ctx
// has ended, that is named as the cause: the server only reports that it was asked to cancel.
func classify(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	if reported, ok := errors.AsType[*pq.Error](err); ok {
		switch class := reported.Code.Class(); {
		case class == "22", class == "23", reported.Code == "54000":
			return fmt.Errorf("%w: %w", store.ErrRefused, err)
		}
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
