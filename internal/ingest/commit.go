package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
)

// CodeUnprocessable is the quarantine code of a webhook that is well-formed but that the database or the program
// cannot take.
const CodeUnprocessable = "unprocessable"

// poisonError says that a single webhook makes its batch fail.
type poisonError struct{ cause error }

func (e *poisonError) Error() string { return fmt.Sprintf("process webhook: %v", e.cause) }
func (e *poisonError) Unwrap() error { return e.cause }

// panicError is a panic while a batch was worked out.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// commit commits a batch and answers each of its webhooks. A batch that fails because of what is in it is halved until
// the webhook that does it is found: its neighbours are committed.
func (i *Ingest) commit(ctx context.Context, batch []*request) {
	err := i.write(ctx, batch)
	if err == nil {
		i.count.batches.Add(1)
		i.count.committed.Add(int64(len(batch)))
		if i.cfg.Committed != nil {
			i.cfg.Committed()
		}
	}
	if err != nil && isPoison(err) {
		if len(batch) > 1 {
			middle := len(batch) / 2
			i.commit(ctx, batch[:middle])
			i.commit(ctx, batch[middle:])
			return
		}
		err = &poisonError{err}
	}
	for _, r := range batch {
		r.done <- err
	}
}

func isPoison(err error) bool {
	var panicked *panicError
	return errors.Is(err, store.ErrRefused) || errors.Is(err, correlate.ErrEvidence) || errors.As(err, &panicked)
}

// write runs one transaction. A panic in it becomes an error, so that one webhook that meets a bug cannot stop the
// others.
func (i *Ingest) write(ctx context.Context, batch []*request) error {
	pieces := make([]*Piece, len(batch))
	for n, r := range batch {
		pieces[n] = r.piece
		r.piece.Entry.Duplicate = false // of an earlier try
	}
	now := i.cfg.Now().UTC()
	return i.cfg.Store.Write(ctx, func(tx store.Tx) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &panicError{value, debug.Stack()}
			}
		}()
		return i.cfg.Engine.Apply(ctx, tx, now, pieces)
	})
}
