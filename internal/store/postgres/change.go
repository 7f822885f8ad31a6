package postgres

import "context"

// change runs a statement that writes and gives rows. The error is not described yet.
func (t *tx) change(ctx context.Context, rows any, query string, args ...any) error {
	return t.SelectContext(ctx, rows, query, args...)
}

// count runs a statement that writes, and says how many rows it changed.
func (t *tx) count(ctx context.Context, doing, query string, args ...any) (int, error) {
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, t.fail(ctx, doing, err)
	}
	changed, err := result.RowsAffected()
	return int(changed), t.fail(ctx, doing, err)
}
