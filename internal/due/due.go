// Package due does what waits for its time: it settles calls and closes those of which nothing is heard any more
// (design §6). What is to be done are rows in the database, so it survives a restart and is safe with any number of
// instances: a row is dropped in the transaction that does its work.
package due

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"webhookd/internal/dispatch"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

const (
	// lookAgain bounds how late a row is done that another instance put down and did not live to do.
	lookAgain = 5 * time.Second
	// together is how long rows that become due are waited for, to be done in one transaction.
	together = 100 * time.Millisecond
	// maxRows is how many rows one transaction does.
	maxRows = 256
	// retryAfter is how long a row waits that could not be done.
	retryAfter = time.Minute
	// putAgain is after how long without a sight of the row of retention, of the sweep or of tidying it is put down again:
	// an instance of a version that does not know it drops it. However many instances put it down, it is one row.
	putAgain = 2 * time.Hour
)

// Config is what a Runner needs.
type Config struct {
	Store interface {
		store.Writer
		NextDue(ctx context.Context) (at time.Time, ok bool, err error)
	}
	Engine *ingest.Engine
	// Dispatcher does triggers, requests and broadcasts, and Client makes the requests; nil Dispatcher: there are none.
	Dispatcher *dispatch.Dispatcher
	Client     dispatch.Client
	// Repairer asks PBXs about calls; nil: there is none to ask.
	Repairer Repairer
	// CatchingUp, if not nil, says that webhooks may be on their way that the database does not know of. Silence means
	// nothing then: calls are not reaped, and triggers wait for what may call them off.
	CatchingUp func() bool
	// Retention takes out what is older than it is to be kept, a bit in each transaction, and says when to come again;
	// nil: nothing is taken out.
	Retention interface {
		Batch(ctx context.Context, tx store.Tx, now time.Time) (removed store.Removed, again time.Time, err error)
		// Committed says that the transaction of the last Batch has committed.
		Committed()
	}
	Logger *slog.Logger
	Now    func() time.Time
}

// Runner does the due rows of an installation, beside any number of others.
type Runner struct {
	cfg    Config
	wake   chan struct{}
	next   atomic.Int64 // unix nanoseconds of the earliest row, 0 if there is none
	done   atomic.Int64
	failed atomic.Int64

	errands errands
	repairs repairs

	tidied    time.Time     // when tidying was last seen to have its row
	swept     time.Time     // when the sweep was
	retained  time.Time     // when retention was
	removing  store.Removed // in the transaction that runs
	retaining bool          // likewise: retention had its bit
	removal   sync.Mutex    // guards removed
	removed   store.Removed
}

// New makes a Runner; Run makes it work.
func New(cfg Config) *Runner {
	return &Runner{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Wake makes the Runner look at the rows again, because some were put down.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Stats says what the Runner did since the start.
type Stats struct {
	Done    int64         // rows done
	Failed  int64         // rows that could not be done and wait for another try
	Overdue time.Duration // how long the oldest row has been due, as far as is known; 0 if none is
	// Requests is how many requests of handlers this instance has taken that are waiting or under way.
	Requests int
	// Removed is what retention took out on this instance, by table.
	Removed store.Removed
}

// Stats gives the counts.
func (r *Runner) Stats() Stats {
	s := Stats{Done: r.done.Load(), Failed: r.failed.Load(), Requests: r.errands.held()}
	if next := r.next.Load(); next != 0 {
		s.Overdue = max(0, r.cfg.Now().Sub(time.Unix(0, next)))
	}
	r.removal.Lock()
	defer r.removal.Unlock()
	s.Removed = r.removed
	return s
}

// Run works until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer r.errands.wait()
	defer r.repairs.wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-timer.C:
		}
		if r.cfg.Dispatcher != nil {
			r.putDown(ctx, store.DueTidy, &r.tidied)
		}
		if r.cfg.Repairer != nil {
			r.putDown(ctx, store.DueSweep, &r.swept)
		}
		if r.cfg.Retention != nil {
			r.putDown(ctx, store.DueRetention, &r.retained)
		}
		wait, err := r.round(ctx)
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("due rows could not be done; they are tried again", "error", err)
		}
		// Every commit wakes it; those of the next moments are looked at together.
		timer.Reset(together)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(max(0, wait-together))
	}
}

// putDown puts down a row that was not seen for long.
func (r *Runner) putDown(ctx context.Context, kind store.DueKind, seen *time.Time) {
	if now := r.cfg.Now(); now.Sub(*seen) > putAgain && r.begins(ctx, kind) {
		*seen = now
	}
}

// begins puts down a row that comes again and again, in case there is none yet. It says whether it is there.
func (r *Runner) begins(ctx context.Context, kind store.DueKind) bool {
	return r.cfg.Store.Write(ctx, func(tx store.Tx) error {
		return tx.PutDue(ctx, []store.Due{{Kind: kind, At: r.cfg.Now().UTC()}})
	}) == nil
}

// round does what is due and says how long to wait.
func (r *Runner) round(ctx context.Context) (time.Duration, error) {
	for {
		at, ok, err := r.cfg.Store.NextDue(ctx)
		if err != nil {
			return time.Second, fmt.Errorf("look for due rows: %w", err)
		}
		if !ok {
			r.next.Store(0)
			return lookAgain, nil
		}
		now := r.cfg.Now()
		r.next.Store(at.UnixNano())
		if wait := at.Sub(now); wait > 0 {
			return min(wait, lookAgain), nil
		}
		if err := r.do(ctx, maxRows); err != nil {
			return time.Second, err
		}
	}
}

// do does up to limit due rows in one transaction. If they cannot be done together they are done one by one, and one
// that cannot be done alone is put off, so that it blocks nothing.
func (r *Runner) do(ctx context.Context, limit int) error {
	var rows []store.Due
	err := r.write(ctx, limit, &rows, r.work)
	if err == nil {
		r.done.Add(int64(len(rows)))
		return nil
	}
	if unavailable(ctx, err) {
		return err
	}
	if limit > 1 {
		for range rows {
			if err := r.do(ctx, 1); err != nil {
				return err
			}
		}
		return nil
	}
	r.failed.Add(1)
	r.cfg.Logger.Error("a due row cannot be done; it is put off", "error", err)
	return r.write(ctx, 1, &rows, r.putOff)
}

// unavailable says whether an error is the database's, or that of a stop: what was tried is not to blame.
func unavailable(ctx context.Context, err error) bool {
	return errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil
}

type work func(ctx context.Context, tx store.Tx, now time.Time, rows []store.Due) ([]dispatch.Errand, error)

func (r *Runner) write(ctx context.Context, limit int, rows *[]store.Due, work work) error {
	var claimed []dispatch.Errand
	err := r.cfg.Store.Write(ctx, func(tx store.Tx) (err error) {
		claimed, r.removing, r.retaining = nil, store.Removed{}, false
		r.repairs.forget()
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("do due rows: panic: %v", value)
			}
		}()
		now := r.cfg.Now().UTC()
		*rows, err = tx.Due(ctx, now, limit)
		if err != nil || len(*rows) == 0 {
			return err
		}
		if err := tx.DropDue(ctx, *rows); err != nil {
			return err
		}
		claimed, err = work(ctx, tx, now, *rows)
		r.errands.expect(len(claimed))
		return err
	})
	if err != nil {
		r.errands.expect(0)
		r.repairs.forget()
		return fmt.Errorf("do due rows: %w", err)
	}
	if r.retaining {
		r.cfg.Retention.Committed()
	}
	r.start(ctx, claimed)
	r.repair(ctx)
	r.removal.Lock()
	defer r.removal.Unlock()
	r.removed.Add(r.removing)
	return nil
}

func (r *Runner) putOff(
	ctx context.Context, tx store.Tx, now time.Time, rows []store.Due,
) ([]dispatch.Errand, error) {
	for i := range rows {
		rows[i].At = now.Add(retryAfter)
	}
	return nil, tx.PutDue(ctx, rows)
}
