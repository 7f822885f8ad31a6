package app

import (
	"context"
	"errors"
	"io"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/record"
	"webhookd/internal/store"
)

// Record writes webhooks of the configured database's journal as recorded requests; work says which, its Store is filled
// in here.
func Record(ctx context.Context, cfg config.Config, out io.Writer, work record.Config) (_ record.Result, err error) {
	opened, err := openStore(ctx, cfg, time.Now, store.AsItIs)
	if err != nil {
		return record.Result{}, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	work.Store = opened
	return record.Run(ctx, out, work)
}
