package ingest

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Reap closes the open legs of calls of which nothing was heard for their limit, with the cause TIMEOUT and the time
// of the call's last webhook (design §6). A call that was heard of since is looked at again later. It belongs into the
// transaction that drops the due rows.
func (e *Engine) Reap(ctx context.Context, tx store.Tx, now time.Time, calls []store.Key) (err error) {
	if len(calls) == 0 {
		return nil
	}
	b := newBatch(e, tx, now)
	b.wanted = append(b.wanted, calls...)
	if err := b.load(ctx); err != nil {
		return err
	}
	var again []store.Due
	var pieces []*Piece
	var reaped []store.Key
	for _, key := range calls {
		a := b.account(key.Account)
		call, state := a.set.Call(key.UUID), a.calls[key.UUID]
		if call == nil || state == nil || call.State == correlate.StateEnded {
			continue
		}
		if at := e.reapAt(call, state.row.HeardAt); at.After(now) {
			again = append(again, store.Due{Account: key.Account, CallUUID: key.UUID, Kind: store.DueReap, At: at})
			continue
		}
		closes, err := closeOpenLegs(a.set, call, now, store.OriginTimeout, correlate.BasisTimeout, "TIMEOUT")
		if err != nil {
			return err
		}
		pieces = append(pieces, closes...)
		reaped = append(reaped, key)
	}
	e.memory.keep(b)
	if len(again) > 0 {
		if err := tx.PutDue(ctx, again); err != nil {
			return fmt.Errorf("write due rows: %w", err)
		}
	}
	if len(pieces) == 0 {
		return nil
	}
	span := e.Tracer.Work(ctx, "reap", len(pieces))
	defer func() { span.End(err) }()
	traceTo(pieces, span.Traceparent())
	if err := e.askLater(ctx, tx, now.Add(askAfterReap*e.SettleDelay), reaped); err != nil {
		return err
	}
	if err := e.Apply(ctx, tx, now, pieces); err != nil {
		return err
	}
	if e.Reaped != nil {
		e.Reaped(len(reaped))
	}
	return nil
}

// traceTo makes a trace that of pieces that no request brought.
func traceTo(pieces []*Piece, traceparent string) {
	for _, p := range pieces {
		p.Entry.Traceparent = traceparent
	}
}

// closeOpenLegs makes a close for every open leg of a call, at the time of the call's last webhook.
func closeOpenLegs(set *correlate.Set, call *correlate.Call, now time.Time, origin store.Origin,
	basis correlate.Word, cause string,
) ([]*Piece, error) {
	var last dialog.Time
	for i := range call.Legs {
		leg, _ := set.Leg(call.Legs[i].DialogUUID)
		last = max(last, leg.Last)
	}
	var pieces []*Piece
	for i := range call.Legs {
		if !call.Legs[i].ClosedAt.IsZero() {
			continue
		}
		id := call.Legs[i].DialogUUID
		entry, err := made{
			EventName: "dialog_close", EventTime: last.Time().Format(time.DateTime), DialogUUID: id, CloseCause: cause,
		}.entry(call.Account, now, origin)
		if err != nil {
			return nil, err
		}
		entry.EventTime = last
		pieces = append(pieces, &Piece{
			Entry: entry, Evidence: correlate.NewMadeClose(id, last, basis, cause),
		})
	}
	return pieces, nil
}
