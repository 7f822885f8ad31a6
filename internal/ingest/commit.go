package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"webhookd/internal/store"
	"webhookd/internal/tracing"
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

// process gets a batch onto disk: into the database, or into the spool while that is away.
func (i *Ingest) process(ctx context.Context, batch []*request) {
	away := i.database.away()
	var direct, aside []*request
	for _, r := range batch {
		if away || r.refused != nil {
			aside = append(aside, r)
		} else {
			direct = append(direct, r)
		}
	}
	if len(aside) > 0 {
		i.setAside(aside)
	}
	if len(direct) > 0 {
		i.commit(ctx, direct)
	}
}

// commit commits a batch and answers each of its webhooks. A batch that fails because of what is in it is halved until
// the webhook that does it is found: its neighbours are committed. A batch that the database is not there for goes to
// the spool.
func (i *Ingest) commit(ctx context.Context, batch []*request) {
	began := time.Now()
	pieces := make([]*Piece, len(batch))
	for n, r := range batch {
		pieces[n] = r.piece
	}
	span := i.trace(ctx, pieces)
	if traceparent := span.Traceparent(); traceparent != "" {
		for _, r := range batch {
			r.commit = traceparent
		}
	}
	err := i.write(ctx, pieces)
	span.End(err)
	if err == nil {
		i.committed(len(batch), began)
	}
	if err != nil && isPoison(ctx, err) {
		if len(batch) > 1 {
			middle := len(batch) / 2
			i.commit(ctx, batch[:middle])
			i.commit(ctx, batch[middle:])
			return
		}
		err = &poisonError{err}
	}
	if i.cfg.Spool != nil && errors.Is(err, store.ErrUnavailable) {
		i.database.lost(err)
		i.setAside(batch)
		return
	}
	for _, r := range batch {
		r.done <- err
	}
}

// trace begins the span of a commit; nil if none of its webhooks is traced.
func (i *Ingest) trace(ctx context.Context, pieces []*Piece) *tracing.Span {
	if i.cfg.Tracer == nil {
		return nil
	}
	var parents []string
	for _, p := range pieces {
		if parent := p.Entry.Traceparent; parent != "" {
			parents = append(parents, parent)
		}
	}
	return i.cfg.Tracer.Commit(ctx, parents, len(pieces))
}

// isPoison says whether an error is due to what is in the batch. Whatever is not due to the database or to a stop is:
// data that is refused, stored data of the same call that cannot be read, a bug.
func isPoison(ctx context.Context, err error) bool {
	return !errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil
}

// write runs the transaction of a batch.
func (i *Ingest) write(ctx context.Context, pieces []*Piece) error {
	if i.cfg.Spool == nil {
		return i.transact(ctx, pieces)
	}
	return i.patiently(ctx, func(ctx context.Context) error { return i.transact(ctx, pieces) })
}

// transact runs one transaction. A panic in it becomes an error, so that one webhook that meets a bug cannot stop the
// others.
func (i *Ingest) transact(ctx context.Context, pieces []*Piece) error {
	for _, p := range pieces {
		p.Entry.Duplicate = false // of an earlier try
		if err := p.restore(); err != nil {
			return err
		}
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
