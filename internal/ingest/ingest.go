package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Bounds of one batch and of what may wait; see docs/architecture.md.
const (
	maxBatch      = 1024    // webhooks in one transaction
	maxBatchBytes = 8 << 20 // of bodies in one transaction
	maxWaiting    = 16384   // webhooks that wait, beyond which the door says busy
)

// Config is what an Ingest needs.
type Config struct {
	Store  store.Writer
	Engine *Engine
	Logger *slog.Logger
	Now    func() time.Time // the time of arrival
	// Committed, if not nil, is called after every commit that changed a call.
	Committed func()
}

// Ingest commits webhooks in groups.
type Ingest struct {
	cfg   Config
	count counters

	mu       sync.Mutex
	waiting  []*request
	stopping bool
	wake     chan struct{} // holds one token while something waits
}

// request is a webhook that waits for its commit.
type request struct {
	piece *Piece
	done  chan error // gets exactly one value
}

// New makes an Ingest; Run makes it work.
func New(cfg Config) *Ingest {
	return &Ingest{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Submit takes one webhook and returns when it is on disk, together with everything that follows from it. The body
// must not change afterwards. It returns *RefusedError (the body is in quarantine then), store.ErrUnavailable,
// ErrBusy or ErrStopping; if ctx ends first, its error, and the webhook may or may not be kept.
func (i *Ingest) Submit(ctx context.Context, account string, body []byte) (Answer, error) {
	receivedAt := i.cfg.Now().UTC().Truncate(time.Microsecond)
	webhook, err := dialog.Decode(body)
	if err != nil {
		return Answer{}, i.refuse(ctx, account, receivedAt, &webhook, body, err)
	}
	i.count.read(&webhook, i.cfg.Engine.Rules)
	r := &request{piece: NewPiece(account, receivedAt, &webhook, body), done: make(chan error, 1)}
	if err := i.enqueue(r); err != nil {
		return Answer{}, err
	}
	select {
	case err = <-r.done:
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
	if err != nil {
		if poison, ok := errors.AsType[*poisonError](err); ok {
			i.cfg.Logger.Error("set a webhook apart that cannot be processed",
				"account", account, "event_name", webhook.EventName, "error", poison.cause)
			return Answer{}, i.refuse(ctx, account, receivedAt, &webhook, body, &dialog.Error{
				Code: CodeUnprocessable, Reason: "the webhook is well-formed, but could not be processed",
			})
		}
		return Answer{}, err
	}
	return answer(r.piece), nil
}

func answer(p *Piece) Answer {
	switch {
	case p.Entry.Duplicate:
		return Answer{Result: Duplicate}
	case p.Entry.Ignored:
		return Answer{Result: Ignored, JournalID: p.Entry.ID}
	}
	return Answer{
		Result: Accepted, JournalID: p.Entry.ID, DialogUUID: p.Entry.DialogUUID, CallUUID: p.CallUUID,
	}
}

func (i *Ingest) enqueue(r *request) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopping {
		return ErrStopping
	}
	if len(i.waiting) >= maxWaiting {
		return ErrBusy
	}
	i.waiting = append(i.waiting, r)
	i.signal()
	return nil
}

func (i *Ingest) signal() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// take gives what waits, up to the bounds of a batch. more is false when nothing will come any more.
func (i *Ingest) take() (batch []*request, more bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	size := 0
	for n, r := range i.waiting {
		size += len(r.piece.Entry.Body)
		if n > 0 && (n >= maxBatch || size > maxBatchBytes) {
			batch = i.waiting[:n:n]
			i.waiting = i.waiting[n:]
			return batch, true
		}
	}
	batch, i.waiting = i.waiting, nil
	return batch, !i.stopping
}

// Run commits batches until Stop was called and all that waited is answered. ctx bounds the transactions: when it ends,
// what waits is answered with store.ErrUnavailable.
func (i *Ingest) Run(ctx context.Context) error {
	for range i.wake {
		for {
			batch, more := i.take()
			if len(batch) == 0 {
				if !more {
					return nil
				}
				break
			}
			i.commit(ctx, batch)
		}
	}
	return nil
}

// Stop makes Submit refuse what comes and lets Run end once everything that waits is answered. It does not wait.
func (i *Ingest) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopping = true
	i.signal()
}

// refuse puts a body into quarantine and gives the error for the sender. If quarantine cannot take it, that error.
func (i *Ingest) refuse(ctx context.Context, account string, at time.Time, w *dialog.Webhook, body []byte, why error,
) error {
	refused := &RefusedError{Code: "invalid", Reason: why.Error()}
	if told, ok := errors.AsType[*dialog.Error](why); ok {
		refused.Code = told.Code
	}
	i.count.refused.Add(1)
	err := i.cfg.Store.Quarantine(ctx, store.Refused{
		Account: account, ReceivedAt: at, LastAt: at, Count: 1, Code: refused.Code, Reason: refused.Reason,
		SHA256: w.SHA256, Body: body,
	})
	if err != nil {
		return err
	}
	return refused
}
