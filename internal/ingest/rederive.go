package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// Derived is what the journal alone gives for some calls.
type Derived struct {
	Legs   []store.Leg
	Calls  []store.Call // also those that were merged away
	Outbox []*store.OutboxRow
	Due    []store.Due // rows that still wait for their time
}

// Rederive works out again, from nothing but journal entries of one account in journal order, what Apply, Settle, Reap
// and CloseCall made of them: the same bytes. The entries must be all that there are of every call they touch; missing
// is asked for the UUIDs of dialogs and calls that the entries refer to without being about them, and may end the work
// with an error when it knows entries for one.
func (e *Engine) Rederive(ctx context.Context, account string, entries []store.Entry, missing func(uuids []string) error,
) (Derived, error) {
	b := newBatch(e, nil, time.Time{})
	a := b.account(account)
	b.fetchCalls = func(context.Context, []store.Key) error { return nil }
	b.fetch = func(context.Context) error {
		ids := make([]string, len(b.wanted))
		for i, key := range b.wanted {
			ids[i] = key.UUID
		}
		b.wanted = nil
		a.set.Load(ids, nil)
		return missing(ids)
	}
	for i := range entries {
		entry := &entries[i]
		b.now = entry.ReceivedAt
		if entry.Origin == store.OriginSettle {
			b.resettle(a, entry)
			continue
		}
		evidence, err := evidenceOf(entry)
		if err != nil {
			return Derived{}, err
		}
		if evidence == nil {
			continue
		}
		if err := b.apply(ctx, &Piece{Entry: entry, Evidence: evidence}); err != nil {
			return Derived{}, err
		}
	}
	legs, calls := b.rows()
	derived := Derived{Legs: legs, Calls: calls, Outbox: b.outbox}
	for _, row := range b.due {
		if row != nil {
			derived.Due = append(derived.Due, *row)
		}
	}
	return derived, nil
}

// resettle repeats a settle entry. That it is in the journal says that the call had ended.
func (b *batch) resettle(a *accountBatch, entry *store.Entry) {
	call, state := a.set.Call(entry.CallUUID), a.calls[entry.CallUUID]
	if call == nil || state == nil || call.State != correlate.StateEnded {
		return
	}
	b.due[dueKey{entry.Account, entry.CallUUID, store.DueSettle}] = nil
	b.settle(state, entry, call)
}

// evidenceOf gives what a journal entry tells of a dialog, nil if it tells nothing of one.
func evidenceOf(entry *store.Entry) (*correlate.Leg, error) {
	if entry.Ignored {
		return nil, nil //nolint:nilnil // nothing to tell is no error
	}
	var basis correlate.Word
	switch entry.Origin {
	case store.OriginPBX:
		w, err := dialog.Decode(entry.Body)
		if err != nil {
			return nil, fmt.Errorf("read journal entry %d: %w", entry.ID, err)
		}
		if w.Kind == dialog.Other {
			return nil, nil //nolint:nilnil // nothing to tell is no error
		}
		w.SHA256 = rankOf(entry)
		return correlate.NewLeg(&w), nil
	case store.OriginTimeout:
		basis = correlate.BasisTimeout
	case store.OriginManual:
		basis = correlate.BasisManual
	case store.OriginReconciled:
		return RecordOf(entry)
	case store.OriginSettle:
		return nil, fmt.Errorf("read journal entry %d: origin %q tells nothing of a dialog", entry.ID, entry.Origin)
	default:
		return nil, fmt.Errorf("read journal entry %d: unknown origin %q", entry.ID, entry.Origin)
	}
	var m made
	if err := json.Unmarshal(entry.Body, &m); err != nil {
		return nil, fmt.Errorf("read journal entry %d: %w", entry.ID, err)
	}
	return correlate.NewMadeClose(entry.DialogUUID, entry.EventTime, basis, m.CloseCause), nil
}
