package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/retention"
	"webhookd/internal/store"
)

// Purge is what a purge by hand is asked to do.
type Purge struct {
	Account string // only this one, "" for all
	DryRun  bool   // remove nothing, only count
	// Progress, if not nil, is told after every transaction what is gone so far.
	Progress func(store.Removed)
}

// errDry rolls back a transaction that was only to be counted.
var errDry = errors.New("only counted")

// Run removes from the configured database what is older than it is configured to be kept, as the service does once an
// hour. What was removed before an error stays so.
func (p Purge) Run(ctx context.Context, cfg config.Config) (removed store.Removed, err error) {
	opened, err := openStore(ctx, cfg, time.Now, store.Existing.Dry(p.DryRun))
	if err != nil {
		return removed, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	pass := retention.NewPass(policy(cfg), p.Account, p.DryRun)
	for more := true; more; {
		var bit store.Removed
		err := opened.Write(ctx, func(tx store.Tx) (err error) {
			if bit, more, err = pass.Batch(ctx, tx, time.Now()); err == nil && p.DryRun {
				err = errDry
			}
			return err
		})
		if err != nil && !errors.Is(err, errDry) {
			return removed, fmt.Errorf("remove what is old: %w", err)
		}
		removed.Add(bit)
		if p.Progress != nil {
			p.Progress(removed)
		}
		if !more {
			break
		}
		timer := time.NewTimer(retention.Between)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return removed, context.Cause(ctx)
		}
	}
	return removed, nil
}

// policy is how long things are kept.
func policy(cfg config.Config) retention.Policy {
	p := retention.Policy{Default: retention.Limits(cfg.Retention), Accounts: map[string]retention.Limits{}}
	for name := range cfg.Accounts {
		p.Accounts[name] = retention.Limits(cfg.RetentionOf(name))
	}
	return p
}
