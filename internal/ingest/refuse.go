package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// refuse keeps a body for quarantine and gives the error for the sender. If it could not be kept, the error of that.
func (i *Ingest) refuse(ctx context.Context, account string, at time.Time, w *dialog.Webhook, body []byte, why error,
) error {
	refused := &RefusedError{Code: "invalid", Reason: why.Error()}
	if told, ok := errors.AsType[*dialog.Error](why); ok {
		refused.Code = told.Code
	}
	i.count.refused.Add(1)
	err := i.Quarantine(ctx, store.Refused{
		Account: account, ReceivedAt: at, LastAt: at, Count: 1, Code: refused.Code, Reason: refused.Reason,
		SHA256: w.SHA256, Body: body,
	})
	if err != nil {
		return err
	}
	return refused
}

// Quarantine keeps a refused body: in quarantine, or, while the database is away, in the spool on its way there. It
// returns when the body is on disk. Its errors are those of Submit.
func (i *Ingest) Quarantine(ctx context.Context, refused store.Refused) error {
	if i.cfg.Spool == nil {
		return i.cfg.Store.Quarantine(ctx, refused)
	}
	if !i.database.away() {
		err := i.patiently(ctx, func(ctx context.Context) error { return i.cfg.Store.Quarantine(ctx, refused) })
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if ctx.Err() == nil { // otherwise it was only the sender who had no time
			i.database.lost(err)
		}
	}
	if err := i.await(ctx, &request{refused: &refused, done: make(chan error, 1)}); err != nil {
		return fmt.Errorf("keep refused body: %w", err)
	}
	return nil
}
