package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
)

// made is the body of a journal entry that webhookd itself writes.
type made struct {
	EventType  string `json:"event_type"` // "webhookd"
	EventName  string `json:"event_name"`
	EventTime  string `json:"event_time,omitempty"`
	CallUUID   string `json:"call_uuid,omitempty"`
	DialogUUID string `json:"dialog_uuid,omitempty"`
	CloseCause string `json:"close_cause,omitempty"`
	Revision   int    `json:"revision,omitempty"`
}

func (m made) entry(account string, now time.Time, origin store.Origin) (*store.Entry, error) {
	m.EventType = "webhookd"
	now = now.UTC().Truncate(time.Microsecond) // what the store keeps: a rebuild must find the same
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write journal entry: %w", err)
	}
	return &store.Entry{
		Account: account, ReceivedAt: now, Origin: origin, EventName: m.EventName, DialogUUID: m.DialogUUID,
		// The origin goes into the sum, so that no webhook can take an entry's place by having the same body.
		CallUUID: m.CallUUID, SHA256: sha256.Sum256(append([]byte(origin+"\x00"), body...)), Body: body,
	}, nil
}

// Settle publishes call_settled for calls that have ended, with the next revision; calls that are open again, were
// merged away, or do not exist are left alone (design §6). It belongs into the transaction that drops the due rows.
func (e *Engine) Settle(ctx context.Context, tx store.Tx, now time.Time, calls []store.Key) (err error) {
	if len(calls) == 0 {
		return nil
	}
	b := newBatch(e, tx, now)
	b.wanted = append(b.wanted, calls...)
	if err := b.load(ctx); err != nil {
		return err
	}
	var entries []*store.Entry
	var ended []store.Key
	for _, key := range calls {
		a := b.account(key.Account)
		call, state := a.set.Call(key.UUID), a.calls[key.UUID]
		if call == nil || state == nil || call.State != correlate.StateEnded {
			continue
		}
		entry, err := made{
			EventName: string(correlate.CallSettled), CallUUID: key.UUID, Revision: state.row.Revision + 1,
		}.entry(key.Account, now, store.OriginSettle)
		if err != nil {
			return err
		}
		entries = append(entries, entry)
		ended = append(ended, key)
	}
	if len(entries) == 0 {
		e.memory.keep(b)
		return nil
	}
	span := e.Tracer.Work(ctx, "settle", len(entries))
	defer func() { span.End(err) }()
	for _, entry := range entries {
		entry.Traceparent = span.Traceparent()
	}
	if err := tx.Append(ctx, entries); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	var gaps []store.Key
	for i, key := range ended {
		if entries[i].Duplicate {
			continue // this revision was published before
		}
		a := b.account(key.Account)
		call, state := a.set.Call(key.UUID), a.calls[key.UUID]
		b.settle(state, entries[i], call)
		if correlate.Gaps(call) != nil {
			gaps = append(gaps, key)
		}
	}
	if err := e.askLater(ctx, tx, now.Add(askAfterSettle*e.SettleDelay), gaps); err != nil {
		return err
	}
	return b.write(ctx)
}

// settle publishes the next revision of an ended call.
func (b *batch) settle(state *callState, entry *store.Entry, call *correlate.Call) {
	state.row.Revision++
	b.account(entry.Account).dirty[call.CallUUID] = true
	b.publish(state, entry, call, []correlate.Step{settled(call)})
}
