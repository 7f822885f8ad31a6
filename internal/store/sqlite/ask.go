package sqlite

import "context"

// ask gives all rows of one question in a transaction.
func ask[R any](ctx context.Context, t *tx, doing, query string, args ...any) ([]R, error) {
	return gather[R](ctx, t, doing, query, [][]any{args}, func(args []any) []any { return args })
}

// drop runs a statement that gives one value for each row that it removes, and says how many these were.
func (t *tx) drop(ctx context.Context, doing, query string, args ...any) (int, error) {
	dropped, err := ask[int](ctx, t, doing, query, args...)
	return len(dropped), err
}

// one is an argument list of one text.
func one(text string) []any { return []any{text} }
