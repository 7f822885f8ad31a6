package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
)

// Bounds of one batch and of what may wait; see docs/architecture.md.
const (
	maxBatch      = 1024                 // webhooks in one transaction
	maxBatchBytes = 8 << 20              // of bodies in one transaction
	maxWaiting    = 16384                // webhooks that wait, beyond which the door says busy
	together      = 2 * time.Millisecond // between the beginnings of two batches, if more than one webhook comes in it
	inCompany     = 1.1                  // webhooks in a batch on average, from which on more are waited for
)

// DefaultCommitTimeout is Config.CommitTimeout if that is 0.
const DefaultCommitTimeout = 2 * time.Second

// Config is what an Ingest needs.
type Config struct {
	Store  store.Writer
	Engine *Engine
	Logger *slog.Logger
	Now    func() time.Time // the time of arrival
	// Committed, if not nil, is called after every commit that changed a call.
	Committed func()
	// Batch, if not nil, is told of every transaction that committed webhooks: how many, and how long it took. It must not
	// take time itself.
	Batch func(webhooks int, took time.Duration)
	// Tracer tells of commits of webhooks that are traced; nil: of none.
	Tracer *tracing.Tracer

	// Spool takes webhooks while the database is away. Nil: they are answered with store.ErrUnavailable then. It is
	// drained by Run; who opened it closes it, after Run has returned.
	Spool *spool.Spool
	// CommitTimeout is how long a webhook may wait for the database before it goes to the spool, DefaultCommitTimeout
	// if 0.
	CommitTimeout time.Duration
	// Ready, if not nil, is asked before the database is used again after it was away. An error keeps the spool in use.
	Ready func(ctx context.Context) error
	// Away says that the database is known to be away at the start.
	Away bool
}

// Ingest commits webhooks in groups.
type Ingest struct {
	cfg   Config
	count counters

	mu       sync.Mutex
	waiting  []*request
	stopping bool
	wake     chan struct{} // holds one token while something waits

	database circuit
	left     leftBehind

	// Of Run.
	began   time.Time // the last batch
	company float64   // how many webhooks share a batch, lately
}

// request is a webhook that waits for its commit, or a refused body that waits for the spool.
type request struct {
	piece   *Piece
	refused *store.Refused // set instead of piece
	done    chan error     // gets exactly one value
	spooled bool           // set before done gets nil
	commit  string         // the traceparent of its commit, set before done gets a value; "" if it is not traced
}

func (r *request) size() int {
	if r.refused != nil {
		return len(r.refused.Body)
	}
	return len(r.piece.received)
}

// New makes an Ingest; Run makes it work.
func New(cfg Config) *Ingest {
	if cfg.CommitTimeout <= 0 {
		cfg.CommitTimeout = DefaultCommitTimeout
	}
	i := &Ingest{cfg: cfg, wake: make(chan struct{}, 1)}
	i.database.init(cfg)
	return i
}

// Submit takes one webhook and returns when it is on disk, together with everything that follows from it; or, while the
// database is away, when it is in the spool. The body must not change afterwards. It returns *RefusedError (the body is
// kept for quarantine then), store.ErrUnavailable (neither database nor spool took it), ErrBusy or ErrStopping; if ctx
// ends first, its error, and the webhook may or may not be kept.
func (i *Ingest) Submit(ctx context.Context, account string, body []byte) (Answer, error) {
	receivedAt := i.cfg.Now().UTC().Truncate(time.Microsecond)
	webhook, err := dialog.Decode(body)
	if err != nil {
		return Answer{}, i.refuse(ctx, account, receivedAt, &webhook, body, err)
	}
	i.count.read(&webhook, i.cfg.Engine.Rules)
	r := &request{piece: NewPiece(account, receivedAt, &webhook, body), done: make(chan error, 1)}
	r.piece.Entry.Traceparent = i.cfg.Tracer.Of(ctx)
	if err := i.enqueue(r); err != nil {
		return Answer{}, err
	}
	select {
	case err = <-r.done:
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
	i.cfg.Tracer.Link(ctx, r.commit)
	if err != nil {
		if poison, ok := errors.AsType[*poisonError](err); ok {
			name := webhook.EventName
			if webhook.Kind == dialog.Other {
				name = "" // it is whatever the sender wrote, and the log is no place for that
			}
			i.cfg.Logger.Error("set a webhook apart that cannot be processed",
				"account", account, "event_name", name, "error", poison.cause)
			return Answer{}, i.refuse(ctx, account, receivedAt, &webhook, body, &dialog.Error{
				Code: CodeUnprocessable, Reason: "the webhook is well-formed, but could not be processed",
			})
		}
		return Answer{}, err
	}
	if r.spooled {
		return Answer{Result: Accepted, Spooled: true}, nil
	}
	return answer(r.piece), nil
}

// await hands a request in and gives what became of it.
func (i *Ingest) await(ctx context.Context, r *request) error {
	if err := i.enqueue(r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
		size += r.size()
		if n > 0 && (n >= maxBatch || size > maxBatchBytes) {
			batch = i.waiting[:n:n]
			i.waiting = i.waiting[n:]
			return batch, true
		}
	}
	batch, i.waiting = i.waiting, nil
	return batch, !i.stopping
}

// Run commits batches until Stop was called and all that waited is answered, and drains the spool beside. ctx bounds the
// transactions: when it ends, what waits goes to the spool, or is answered with store.ErrUnavailable.
func (i *Ingest) Run(ctx context.Context) error {
	defer i.left.wait()
	draining, stop := context.WithCancel(ctx)
	var drainer sync.WaitGroup
	if i.cfg.Spool != nil {
		drainer.Go(func() { i.drain(draining) })
	}
	defer drainer.Wait()
	defer stop()
	for range i.wake {
		for {
			i.gather(ctx)
			batch, more := i.take()
			if len(batch) == 0 {
				if !more {
					return nil
				}
				break
			}
			i.company += (float64(len(batch)) - i.company) / 16
			i.process(ctx, batch)
		}
	}
	return nil
}

// gather lets some time pass since the last batch began, if webhooks come faster than they would be committed alone:
// a commit has its cost, however many share it. Whoever sends one webhook after the other is not held up.
func (i *Ingest) gather(ctx context.Context) {
	defer func() { i.began = time.Now() }()
	if i.company < inCompany {
		return
	}
	if pause := together - time.Since(i.began); pause > 0 {
		wait(ctx, pause)
	}
}

// Stop makes Submit refuse what comes and lets Run end once everything that waits is answered. It does not wait.
func (i *Ingest) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopping = true
	i.signal()
}
