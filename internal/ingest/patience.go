package ingest

import (
	"context"
	"fmt"
	"sync"

	"webhookd/internal/store"
)

// leftBehind counts work on the database that nobody waits for any more.
type leftBehind struct {
	mu    sync.Mutex
	ended bool
	works sync.WaitGroup
}

// start runs work in a goroutine. It fails once somebody waits for the end.
func (l *leftBehind) start(work func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.works.Go(work)
	return true
}

func (l *leftBehind) wait() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.works.Wait()
}

// patiently does work on the database and waits for it no longer than CommitTimeout. A database, or a network before it,
// that swallows what it gets may take longer than that to be given up; the work is left behind then, and what comes of
// it is not known: whoever goes to the spool now will at worst find a duplicate later.
func (i *Ingest) patiently(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, i.cfg.CommitTimeout)
	done := make(chan error, 1)
	if !i.left.start(func() {
		defer cancel()
		done <- work(ctx)
	}) {
		defer cancel()
		return work(ctx)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return fmt.Errorf("%w: no answer within %s: %w", store.ErrUnavailable, i.cfg.CommitTimeout, context.Cause(ctx))
	}
}
