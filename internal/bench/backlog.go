package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// books is a look into a service's database from outside, on a connection of its own.
type books struct{ db *sql.DB }

// postgresBooks opens the books of a schema.
func (c *cluster) books(schema string) (*books, error) {
	db, err := sql.Open("postgres", c.url(schema))
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &books{db}, nil
}

// sqliteBooks opens the books of an embedded database, for reading: SQLite lets others read beside the one that writes.
func sqliteBooks(dir string) (*books, error) {
	dsn := url.URL{
		Scheme: "file", Opaque: (&url.URL{Path: filepath.Join(dir, "data", "webhookd.db")}).EscapedPath(),
		RawQuery: url.Values{"_pragma": {"query_only(1)", "busy_timeout(5000)"}}.Encode(),
	}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &books{db}, nil
}

func (b *books) close() { _ = b.db.Close() } // nothing was written

func (b *books) number(ctx context.Context, what, query string, args ...any) (int64, error) {
	var n int64
	if err := b.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", what, err)
	}
	return n, nil
}

// last is the number of the last entry of the journal.
func (b *books) last(ctx context.Context) (int64, error) {
	return b.number(ctx, "journal", `select coalesce(max(id), 0) from journal`)
}

// journalled counts the webhooks that were kept after an entry.
func (b *books) journalled(ctx context.Context, after int64) (int64, error) {
	return b.number(ctx, "journal", `select count(*) from journal where origin = 'pbx' and id > $1`, after)
}

// waiting is how far the relay is behind, in numbers of outbox rows.
func (b *books) waiting(ctx context.Context) (int64, error) {
	return b.number(ctx, "outbox", `select coalesce((select max(id) from outbox), 0) - (select through from relay)`)
}

func (b *books) held(ctx context.Context) (int64, error) {
	return b.number(ctx, "held rows", `select count(*) from outbox_held`)
}

func (b *books) unsettled(ctx context.Context) (int64, error) {
	return b.number(ctx, "due rows", `select count(*) from due where kind = 'settle'`)
}

const (
	drainPatience = 3 * time.Minute
	drainLook     = 20 * time.Millisecond
)

// drained waits until everything is published.
func (b *books) drained(ctx context.Context) error {
	return b.until(ctx, "the outbox is published", drainLook, b.waiting)
}

// quiet waits until there is nothing more to be done: everything is settled and published.
func (b *books) quiet(ctx context.Context) error {
	const look = 200 * time.Millisecond
	if err := b.until(ctx, "calls are settled", look, b.unsettled); err != nil {
		return err
	}
	return b.drained(ctx)
}

func (b *books) until(
	ctx context.Context, what string, look time.Duration, left func(context.Context) (int64, error),
) error {
	deadline := time.Now().Add(drainPatience)
	for {
		n, err := left(ctx)
		if err != nil || n == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait until %s: %d are left after %s", what, n, drainPatience)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
