package due

import (
	"context"
	"math/rand/v2"
	"sync"

	"webhookd/internal/dispatch"
	"webhookd/internal/store"
)

// maxErrands is how many requests to others are under way at once. They are out of everybody's way: a receiver that
// does not answer holds up other requests at worst.
const maxErrands = 16

// errands are the requests under way; their goroutines end with the context they were started with.
type errands struct {
	mu    sync.Mutex
	count int
	group sync.WaitGroup
}

func (e *errands) free() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maxErrands - e.count
}

func (e *errands) start(run func()) {
	e.mu.Lock()
	e.count++
	e.mu.Unlock()
	e.group.Go(func() {
		defer func() {
			e.mu.Lock()
			e.count--
			e.mu.Unlock()
		}()
		run()
	})
}

func (e *errands) wait() { e.group.Wait() }

// run makes a request and keeps what came of it. If that cannot be kept, or the process ends before, the request is made
// again when its lease is over, with the same id.
func (r *Runner) run(ctx context.Context, errand dispatch.Errand) {
	result := r.cfg.Dispatcher.Make(ctx, r.cfg.Client, errand)
	if ctx.Err() != nil {
		return
	}
	now := r.cfg.Now().UTC()
	random := rand.Float64() //nolint:gosec // it spreads retries, nothing more
	err := r.cfg.Store.Write(ctx, func(tx store.Tx) error {
		follows, err := r.cfg.Dispatcher.Conclude(ctx, tx, now, errand, result, random)
		if err != nil {
			return err
		}
		return dispatch.Keep(ctx, tx, follows)
	})
	if err != nil && ctx.Err() == nil {
		r.cfg.Logger.Warn("the outcome of a request could not be kept; it will be made again", "error", err)
	}
	r.Wake()
}
