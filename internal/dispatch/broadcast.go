package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// broadcastPage is how many subscribers one transaction of a broadcast goes to: webhooks wait as long as it takes.
const broadcastPage = 200

// broadcasting is what a broadcast is about, as it is kept.
type broadcasting struct {
	Payload     json.RawMessage `json:"payload,omitempty"`
	Traceparent string          `json:"traceparent,omitempty"` // of the request that began it, if it is traced
}

// Broadcast begins a broadcast, see httpapi.Triggers.
func (s *Service) Broadcast(
	ctx context.Context, account string, request triggerapi.Request, once *triggerapi.Once,
) (outcome triggerapi.Outcome, kept *triggerapi.Answer, err error) {
	err = s.traced(ctx, func(r *round) error {
		if kept, err = r.answered(account, once); err != nil || kept != nil {
			return err
		}
		if outcome, err = r.broadcast(account, &request); err != nil {
			return err
		}
		return r.answer(account, once, []triggerapi.Outcome{outcome})
	})
	if err != nil {
		return triggerapi.Outcome{}, nil, fmt.Errorf("broadcast: %w", err)
	}
	return outcome, kept, nil
}

func (r *round) broadcast(account string, request *triggerapi.Request) (triggerapi.Outcome, error) {
	outcome := triggerapi.Outcome{Status: triggerapi.StatusProcessed, TransactionID: request.TransactionID}
	known, err := r.known(account, request.TransactionID)
	if err != nil || known {
		return outcome, err
	}
	handler, err := r.find(account, request.Name)
	switch {
	case errors.Is(err, errUnknown):
		return triggerapi.Outcome{Err: triggerapi.ErrUnknownName}, nil
	case err != nil:
		return outcome, err
	case !handler.Handler().Enabled:
		outcome.Status = triggerapi.StatusNotActive
		return outcome, nil
	}
	if request.Actor != nil {
		actor := *request.Actor
		actor.Account = account
		if err := r.tx.PutSubscribers(r.ctx, []store.Subscriber{actor}, false); err != nil {
			return outcome, fmt.Errorf("keep subscribers: %w", err)
		}
	}
	total, err := r.tx.CountSubscribers(r.ctx, account)
	if err != nil {
		return outcome, fmt.Errorf("count subscribers: %w", err)
	}
	spec, err := json.Marshal(broadcasting{request.Payload, r.traceparent})
	if err != nil {
		return outcome, fmt.Errorf("encode broadcast: %w", err)
	}
	row := store.Broadcast{
		ID: trigger.TransactionUUID(account, request.TransactionID), Account: account, Name: request.Name,
		TransactionID: request.TransactionID, Spec: spec, Total: total, State: store.BroadcastRunning,
		CreatedAt: r.now, UpdatedAt: r.now,
	}
	if err := r.tx.PutBroadcast(r.ctx, row); err != nil {
		return outcome, fmt.Errorf("keep broadcast: %w", err)
	}
	r.transactions[row.ID] = true
	r.result.PutDue = append(r.result.PutDue, store.Due{
		Account: account, CallUUID: row.ID, Kind: store.DueBroadcast, At: r.now,
	})
	return outcome, nil
}

// BroadcastProgress gives a broadcast, see httpapi.Triggers.
func (s *Service) BroadcastProgress(ctx context.Context, account, transactionID string) (triggerapi.Progress, error) {
	progress, err := s.Store.ReadBroadcast(ctx, account, trigger.TransactionUUID(account, transactionID))
	if err != nil {
		return progress, fmt.Errorf("read broadcast: %w", err)
	}
	return progress, nil
}

// Continue does the next page of broadcasts, in the transaction that drops their due rows; each is due again at once
// until it is done.
func (d *Dispatcher) Continue(ctx context.Context, tx store.Tx, now time.Time, broadcasts []store.Key) (Result, error) {
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	for _, key := range broadcasts {
		if err := r.page(key); err != nil {
			return Result{}, err
		}
	}
	return r.finish()
}

func (r *round) page(key store.Key) error {
	row, err := r.tx.Broadcast(r.ctx, key.Account, key.UUID)
	if errors.Is(err, store.ErrNotFound) || (err == nil && row.State != store.BroadcastRunning) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read broadcast: %w", err)
	}
	var spec broadcasting
	if err := json.Unmarshal(row.Spec, &spec); err != nil {
		return fmt.Errorf("read broadcast %s: %w", row.ID, err)
	}
	handler, err := r.find(row.Account, row.Name)
	if err != nil && !errors.Is(err, errUnknown) {
		return err
	}
	row.UpdatedAt = r.now
	if err != nil || !handler.Handler().Enabled { // it went away meanwhile
		row.State = store.BroadcastFailed
		return r.tx.PutBroadcast(r.ctx, row)
	}
	page, err := r.tx.SubscribersPage(r.ctx, row.Account, row.After, broadcastPage)
	if err != nil {
		return fmt.Errorf("read subscribers: %w", err)
	}
	payload, err := readPayload(spec.Payload)
	if err != nil {
		return err
	}
	r.traceparent = spec.Traceparent
	for i := range page {
		r.toOne(row.Account, handler, row.TransactionID, payload, &page[i])
		row.After = page[i].ID
		row.Sent++
	}
	if len(page) < broadcastPage {
		row.State = store.BroadcastDone
	} else {
		r.result.PutDue = append(r.result.PutDue, store.Due{
			Account: row.Account, CallUUID: row.ID, Kind: store.DueBroadcast, At: r.now,
		})
	}
	if err := r.tx.PutBroadcast(r.ctx, row); err != nil {
		return fmt.Errorf("keep broadcast: %w", err)
	}
	return nil
}
