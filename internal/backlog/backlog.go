// Package backlog works out what counts in statistics of calls that ended before webhookd kept it: once after an update,
// from their records, a few hundred calls in one transaction each, beside the service. How far it is stands in the
// database, so it goes on after a restart, and several instances do each call once.
//
// It decides nothing about figures: ingest.Facts does.
package backlog

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

const (
	// pageSize is how many calls one transaction does: webhooks wait for it, for some hundredths of a second.
	pageSize = 200
	// between is how long others may write between two transactions.
	between = 20 * time.Millisecond
	// again is how long to wait after an error; nearly always the database is away.
	again = 5 * time.Second
)

// Config is what a Runner needs.
type Config struct {
	Store interface {
		store.Writer
		FactsComplete(ctx context.Context) (bool, error)
	}
	Logger *slog.Logger
}

// Runner works the backlog off.
type Runner struct{ cfg Config }

// New makes a Runner; Run makes it work.
func New(cfg Config) *Runner { return &Runner{cfg} }

// Run works until nothing is left or ctx ends. It says in the log that there is something to do, and when that is done.
func (r *Runner) Run(ctx context.Context) error {
	calls, begun := 0, false
	for {
		done, more, err := r.page(ctx)
		calls += done
		wait := between
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the stop is why
		}
		switch {
		case err == nil && !more:
			if begun {
				r.cfg.Logger.Info("statistics are complete: all calls from before the update are counted", "calls", calls)
			}
			return nil
		case err == nil:
			if !begun {
				r.cfg.Logger.Info("calls that ended before this version kept statistics are being counted; until that is done, " +
					"answers about statistics say that they are not complete")
			}
			begun = true
		default:
			// What is new is counted all the same, and answers go on saying that they are not complete.
			r.cfg.Logger.Warn("calls from before the update could not be counted; it is tried again", "error", err)
			wait = again
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// page does the next calls, and says how many these were and whether there may be more.
func (r *Runner) page(ctx context.Context) (done int, more bool, err error) {
	// Nearly always there is none, which needs no turn of writing to be seen.
	if complete, err := r.cfg.Store.FactsComplete(ctx); err != nil || complete {
		return 0, false, err
	}
	err = r.cfg.Store.Write(ctx, func(tx store.Tx) error {
		var calls []store.Call
		if calls, more, err = tx.FactBacklog(ctx, pageSize); err != nil || !more {
			return err
		}
		done = len(calls)
		if done == 0 {
			more = false
			return tx.MoveFactBacklog(ctx, store.Key{})
		}
		for i := range calls {
			if err := addFacts(&calls[i]); err != nil {
				r.cfg.Logger.Error("the record of a call cannot be read, so statistics lack the call: webhookd rebuild mends it",
					"account", calls[i].Account, "call_uuid", calls[i].CallUUID, "error", err)
			}
		}
		if err := tx.PutFacts(ctx, calls); err != nil {
			return err
		}
		last := calls[len(calls)-1]
		return tx.MoveFactBacklog(ctx, store.Key{Account: last.Account, UUID: last.CallUUID})
	})
	if err != nil {
		return 0, false, fmt.Errorf("count calls of before: %w", err)
	}
	return done, more, nil
}

// addFacts works out what counts of a call from its record.
func addFacts(call *store.Call) error {
	var record correlate.Call
	if err := json.Unmarshal(call.Record, &record); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	call.Index.Facts = ingest.Facts(&record)
	return nil
}
