package due

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"

	"webhookd/internal/callout"
	"webhookd/internal/dispatch"
	"webhookd/internal/store"
)

// How many requests to others an instance has at once. They are out of everybody's way: a receiver that does not answer
// holds up further requests to itself, at worst.
const (
	maxErrands     = 64 // under way
	maxErrandsOf   = 16 // of these, to one host
	maxClaimed     = 256
	maxClaimedOf   = 64 // of these, to one host: under way, or waiting for one that is
	maxConclusions = 64 // kept in one transaction
)

// errands are the requests that this instance has taken; their goroutines end with the context they were started with.
type errands struct {
	mu       sync.Mutex
	expected int // taken in a transaction that is about to commit
	waiting  []dispatch.Errand
	claimed  map[string]int // by host, waiting or under way
	underWay map[string]int // by host
	count    int            // under way

	concluded  []conclusion
	concluding bool // somebody keeps them

	group sync.WaitGroup
}

// conclusion is a request that was made, and what came of it.
type conclusion struct {
	errand dispatch.Errand
	result callout.Result
}

// room gives what says whether there is room for one more request to a host, counting those that it said yes to.
func (e *errands) room() (room func(host string) bool, free int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	free = maxClaimed - len(e.waiting) - e.count
	left := free
	of := map[string]int{}
	maps.Copy(of, e.claimed)
	return func(host string) bool {
		if left <= 0 || of[host] >= maxClaimedOf {
			return false
		}
		left--
		of[host]++
		return true
	}, free
}

// held is how many requests are waiting or under way.
func (e *errands) held() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expected + len(e.waiting) + e.count + len(e.concluded)
}

// expect says how many requests the transaction takes that is about to commit.
func (e *errands) expect(count int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expected = count
}

func (e *errands) wait() { e.group.Wait() }

// start begins as many of the requests that were taken as may be under way.
func (r *Runner) start(ctx context.Context, claimed []dispatch.Errand) {
	e := &r.errands
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expected = 0
	if e.claimed == nil {
		e.claimed, e.underWay = map[string]int{}, map[string]int{}
	}
	for _, errand := range claimed {
		e.waiting = append(e.waiting, errand)
		e.claimed[errand.Host()]++
	}
	r.begin(ctx)
}

// begin begins what may be under way. The caller holds the lock.
func (r *Runner) begin(ctx context.Context) {
	e := &r.errands
	still := e.waiting[:0]
	for _, errand := range e.waiting {
		host := errand.Host()
		if e.count >= maxErrands || e.underWay[host] >= maxErrandsOf {
			still = append(still, errand)
			continue
		}
		e.count++
		e.underWay[host]++
		e.group.Go(func() { r.run(ctx, errand) })
	}
	clear(e.waiting[len(still):])
	e.waiting = still
}

// run makes a request and keeps what came of it. If that cannot be kept, or the process ends before, the request is made
// again when its lease is over, with the same id.
func (r *Runner) run(ctx context.Context, errand dispatch.Errand) {
	stale := ctx.Err() != nil || errand.Stale(r.cfg.Now())
	var result callout.Result
	if !stale {
		result = r.cfg.Dispatcher.Make(ctx, r.cfg.Client, errand)
	}
	e := &r.errands
	e.mu.Lock()
	defer e.mu.Unlock()
	host := errand.Host()
	e.count--
	for _, counts := range []map[string]int{e.claimed, e.underWay} {
		counts[host]--
		if counts[host] == 0 {
			delete(counts, host)
		}
	}
	r.begin(ctx)
	if stale || ctx.Err() != nil {
		return
	}
	e.concluded = append(e.concluded, conclusion{errand, result})
	if e.concluding {
		return // whoever keeps the others keeps this one, too
	}
	e.concluding = true
	for len(e.concluded) > 0 {
		batch := e.concluded[:min(maxConclusions, len(e.concluded))]
		e.mu.Unlock()
		r.conclude(ctx, batch)
		e.mu.Lock()
		e.concluded = e.concluded[len(batch):]
	}
	e.concluded, e.concluding = nil, false
}

// conclude keeps what came of requests, together if that can be.
func (r *Runner) conclude(ctx context.Context, batch []conclusion) {
	err := r.keep(ctx, batch)
	if err != nil && len(batch) > 1 && !unavailable(ctx, err) {
		for i := range batch {
			r.conclude(ctx, batch[i:i+1])
		}
		return
	}
	switch {
	case err == nil:
		r.Wake()
	case ctx.Err() != nil:
	case unavailable(ctx, err):
		r.cfg.Logger.Warn("outcomes of requests could not be kept; the requests will be made again",
			"requests", len(batch), "error", err)
	default: // it would be made again and again
		r.cfg.Logger.Error("the outcome of a request cannot be kept; the request is dropped", "error", err)
		if err := r.drop(ctx, batch[0].errand); err != nil {
			r.cfg.Logger.Error("the request cannot be dropped; it will be made again", "error", err)
		}
	}
}

// drop removes a request without a word.
func (r *Runner) drop(ctx context.Context, errand dispatch.Errand) error {
	return r.cfg.Store.Write(ctx, func(tx store.Tx) error {
		dropped, err := r.cfg.Dispatcher.Drop(ctx, tx, errand)
		if err != nil {
			return err
		}
		return dispatch.Keep(ctx, tx, dropped)
	})
}

func (r *Runner) keep(ctx context.Context, batch []conclusion) error {
	now := r.cfg.Now().UTC()
	return r.cfg.Store.Write(ctx, func(tx store.Tx) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("keep outcome of request: panic: %v", value)
			}
		}()
		for _, one := range batch {
			random := rand.Float64() //nolint:gosec // it spreads retries, nothing more
			follows, err := r.cfg.Dispatcher.Conclude(ctx, tx, now, one.errand, one.result, random)
			if err != nil {
				return err
			}
			if err := dispatch.Keep(ctx, tx, follows); err != nil {
				return err
			}
		}
		return nil
	})
}
