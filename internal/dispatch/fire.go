package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// Fire does the triggers whose time has come, by their ids, in the transaction that drops their due rows. One that was
// called off meanwhile is not done: of firing and calling off, the first one that commits wins.
func (d *Dispatcher) Fire(ctx context.Context, tx store.Tx, now time.Time, ids []string) (Result, error) {
	r, err := d.round(ctx, tx, now)
	if err != nil || len(ids) == 0 {
		return Result{}, err
	}
	rows, err := tx.TriggersByID(ctx, ids)
	if err != nil {
		return Result{}, fmt.Errorf("read triggers: %w", err)
	}
	fired := map[string]*armed{}
	var ended []store.Trigger
	for i := range rows {
		if rows[i].State != store.TriggerPending {
			continue
		}
		end := store.Trigger{ID: rows[i].ID, State: store.TriggerDone, EndedAt: now}
		one, skip := r.ready(&rows[i])
		switch {
		case skip != nil && errors.Is(skip, errSkip):
			end.State, end.Reason = store.TriggerSkipped, skip.Error()
		case skip != nil:
			return Result{}, skip
		default:
			one.fired = one.handler.Fire(one.occasion, one.row.ID)
			if one.fired.Failures > 0 {
				end.State, end.Reason = store.TriggerFailed, failedReason(one.fired)
			}
			fired[end.ID] = one
		}
		ended = append(ended, end)
	}
	changed, err := tx.EndTriggers(ctx, ended)
	if err != nil {
		return Result{}, fmt.Errorf("end triggers: %w", err)
	}
	for _, id := range changed {
		if one := fired[id]; one != nil {
			if err := r.did(one); err != nil {
				return Result{}, err
			}
		}
	}
	return r.finish()
}

// errSkip says why a trigger does nothing any more.
var errSkip = errors.New("nothing was done")

// ready makes a waiting trigger ready to be fired: over the call as it is now.
func (r *round) ready(row *store.Trigger) (*armed, error) {
	occasion, err := trigger.DecodeOccasion(row.Occasion)
	if err != nil {
		return nil, fmt.Errorf("%w: its occasion cannot be read: %w", errSkip, err)
	}
	occasion, err = r.present(occasion.WithTime(r.now))
	if err != nil {
		return nil, err
	}
	handler := r.dispatcher.Book.find(r.set, row.Account, row.Handler)
	switch {
	case handler == nil:
		return nil, fmt.Errorf("%w: there is no such handler any more", errSkip)
	case !handler.Handler().Enabled:
		return nil, fmt.Errorf("%w: the handler is switched off", errSkip)
	}
	return &armed{handler: handler, occasion: occasion, row: row}, nil
}

// maxMerges bounds how often a call is followed into another one.
const maxMerges = 16

// present gives an occasion with its call as it is now, which may have gone into another one.
func (r *round) present(o *trigger.Occasion) (*trigger.Occasion, error) {
	key := store.Key{Account: o.Account, UUID: o.CallUUID()}
	for range maxMerges {
		if key.UUID == "" {
			return o, nil
		}
		calls, err := r.tx.WholeCalls(r.ctx, []store.Key{key})
		if err != nil {
			return nil, fmt.Errorf("read call: %w", err)
		}
		if len(calls) == 0 {
			return o, nil
		}
		if calls[0].MergedInto != "" {
			key.UUID = calls[0].MergedInto
			continue
		}
		call, err := readRecord(calls[0].Record)
		if err != nil {
			return nil, err
		}
		return o.WithCall(call, calls[0].Record), nil
	}
	return o, nil
}

func readRecord(record json.RawMessage) (*correlate.Call, error) {
	var read flow.Record
	if err := json.Unmarshal(record, &read); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	return &read.Call, nil
}
