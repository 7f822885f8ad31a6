package postgres

import (
	"context"
	"fmt"
)

// read gives one row of a reader's question.
func (s *Store) read(ctx context.Context, doing string, row any, query string, args ...any) error {
	return s.with(ctx, doing, func(session *session) error { return session.GetContext(ctx, row, query, args...) })
}

// list gives all rows of a reader's question.
func (s *Store) list(ctx context.Context, doing string, rows any, query string, args ...any) error {
	return s.with(ctx, doing, func(session *session) error { return session.SelectContext(ctx, rows, query, args...) })
}

// exec runs one statement as a transaction of its own, beside those of Write.
func (s *Store) exec(ctx context.Context, doing, query string, args ...any) error {
	return s.with(ctx, doing, func(session *session) error {
		_, err := session.ExecContext(ctx, query, args...)
		return err
	})
}

// with lends a connection for one statement. If it turns out to be dead, the next one is tried.
func (s *Store) with(ctx context.Context, doing string, use func(*session) error) error {
	for {
		session, err := s.session(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", doing, classify(ctx, err))
		}
		err = use(session)
		pooled := session.pooled
		session.close()
		switch {
		case err == nil:
			return nil
		case !pooled || !dead(ctx, err):
			return fmt.Errorf("%s: %w", doing, classify(ctx, err))
		}
	}
}
