package ingest

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
)

// manualCause is the close cause of a leg that was closed by hand. No table has it: it says nothing about who hung up.
const manualCause = "MANUAL"

// CloseCall closes by hand every open leg of a call that nobody will ever close, at the time of the call's last webhook
// (design §6; end_basis "manual"). A real close that comes later wins. It says how many legs it closed: none for a
// call that has ended. It returns store.ErrNotFound for a call that does not exist or was merged into another, and
// store.ErrUnavailable.
func (i *Ingest) CloseCall(ctx context.Context, call store.Key) (closed int, err error) {
	now := i.cfg.Now().UTC().Truncate(time.Microsecond)
	err = i.cfg.Store.Write(ctx, func(tx store.Tx) (err error) {
		closed, err = i.cfg.Engine.close(ctx, tx, now, call)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close call: %w", err)
	}
	if closed > 0 && i.cfg.Committed != nil {
		i.cfg.Committed()
	}
	return closed, nil
}

func (e *Engine) close(ctx context.Context, tx store.Tx, now time.Time, key store.Key) (int, error) {
	b := newBatch(e, tx, now)
	b.wanted = append(b.wanted, key)
	if err := b.load(ctx); err != nil {
		return 0, err
	}
	e.memory.keep(b)
	a := b.account(key.Account)
	call := a.set.Call(key.UUID)
	if call == nil || a.calls[key.UUID] == nil {
		return 0, store.ErrNotFound
	}
	if call.State == correlate.StateEnded { // a leg that counts for nothing may still be open
		return 0, nil
	}
	pieces, err := closeOpenLegs(a.set, call, now, store.OriginManual, correlate.BasisManual, manualCause)
	if err != nil || len(pieces) == 0 {
		return 0, err
	}
	traceTo(pieces, e.Tracer.Of(ctx))
	return len(pieces), e.Apply(ctx, tx, now, pieces)
}
