package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// Service does what the trigger API and the handlers' API are asked for. Each method is one transaction.
type Service struct {
	Dispatcher *Dispatcher
	Store      interface {
		store.Writer
		store.TriggerReader
		Call(ctx context.Context, key store.Key) (store.Call, error)
		Changes(ctx context.Context, call store.Key) ([]store.OutboxRow, error)
	}
	// Options are what published events tell of the installation.
	Options flow.Options
	Now     func() time.Time
	// Committed, if not nil, is called after a commit that may have made due rows.
	Committed func()
}

// Bounds of what one request goes to at once: webhooks wait as long as it takes. More is for a broadcast.
const (
	topicPage     = 500
	maxRecipients = 5000
)

// write runs a transaction at one time, and writes what follows from it.
func (s *Service) write(ctx context.Context, fn func(r *round) error) error {
	now := s.Now().UTC().Truncate(time.Microsecond)
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		r, err := s.Dispatcher.round(ctx, tx, now)
		if err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
		result, err := r.finish()
		if err != nil {
			return err
		}
		return Keep(ctx, tx, result)
	})
	if err == nil && s.Committed != nil {
		s.Committed()
	}
	return err
}

// Keep writes a result by itself; a batch of webhooks writes it with everything else.
func Keep(ctx context.Context, tx store.Tx, result Result) error {
	if len(result.Outbox) == 0 && len(result.PutDue) == 0 && len(result.DropDue) == 0 {
		return nil
	}
	err := tx.Keep(ctx, store.Changes{Outbox: result.Outbox, PutDue: result.PutDue, DropDue: result.DropDue})
	if err != nil {
		return fmt.Errorf("write what handlers did: %w", err)
	}
	return nil
}

// traced is write for what a request of the API triggers. If the context carries a span, that of the commit belongs to it,
// and whatever is triggered goes on from it.
func (s *Service) traced(ctx context.Context, fn func(r *round) error) error {
	tracer := s.Dispatcher.Tracer
	traceparent := tracer.Of(ctx)
	if traceparent == "" {
		return s.write(ctx, fn)
	}
	span := tracer.Commit(ctx, []string{traceparent}, 0)
	err := s.write(ctx, func(r *round) error {
		r.traceparent = traceparent
		return fn(r)
	})
	span.End(err)
	return err
}

// Trigger does requests of the trigger API, see httpapi.Triggers.
func (s *Service) Trigger(
	ctx context.Context, account string, requests []triggerapi.Request, once *triggerapi.Once,
) (outcomes []triggerapi.Outcome, kept *triggerapi.Answer, err error) {
	err = s.traced(ctx, func(r *round) error {
		outcomes, kept = nil, nil
		if kept, err = r.answered(account, once); err != nil || kept != nil {
			return err
		}
		for i := range requests {
			outcome, err := r.request(account, &requests[i])
			if err != nil {
				return err
			}
			outcomes = append(outcomes, outcome)
		}
		return r.answer(account, once, outcomes)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("trigger: %w", err)
	}
	return outcomes, kept, nil
}

// answered gives the answer that an earlier request of the same key and body got.
func (r *round) answered(account string, once *triggerapi.Once) (*triggerapi.Answer, error) {
	if once == nil {
		return nil, nil //nolint:nilnil // none is no error
	}
	kept, ok, err := r.tx.Idempotent(r.ctx, account, once.Key)
	if err != nil || !ok {
		return nil, err
	}
	return &triggerapi.Answer{Status: kept.Status, Body: kept.Body}, nil
}

func (r *round) answer(account string, once *triggerapi.Once, outcomes []triggerapi.Outcome) error {
	if once == nil {
		return nil
	}
	answer := once.Answer(outcomes)
	if answer.Status < 200 || answer.Status > 299 {
		return nil
	}
	return r.tx.KeepIdempotent(r.ctx, store.Idempotent{
		Account: account, Key: once.Key, Status: answer.Status, Body: answer.Body, At: r.now,
	})
}

// request does one trigger of the API.
func (r *round) request(account string, request *triggerapi.Request) (triggerapi.Outcome, error) {
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
	ids, err := r.recipients(account, request)
	if err != nil {
		return outcome, err
	}
	switch {
	case len(ids) == 0:
		outcome.Status = triggerapi.StatusInvalidRecipients
	case len(ids) > maxRecipients-r.reached:
		outcome.Status = triggerapi.StatusError
		outcome.Errors = []string{fmt.Sprintf("to: with the triggers before it in this request, these are more than %d "+
			"subscribers; nothing was triggered. Use several requests, or a broadcast.", maxRecipients)}
	default:
		r.reached += len(ids)
		err = r.toAll(account, handler, request, ids)
	}
	return outcome, err
}

// known says whether something was triggered for a transaction already, by this or an earlier request.
func (r *round) known(account, transactionID string) (bool, error) {
	id := trigger.TransactionUUID(account, transactionID)
	if r.transactions == nil {
		r.transactions = map[string]bool{}
	}
	if r.transactions[id] {
		return true, nil
	}
	_, err := r.tx.Broadcast(r.ctx, account, id)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("find broadcast: %w", err)
	}
	rows, err := r.tx.TriggersOf(r.ctx, account, transactionID)
	if err != nil {
		return false, fmt.Errorf("find transaction: %w", err)
	}
	return len(rows) > 0, nil
}

// recipients keeps what the client says of subscribers, and gives the ids of all, each once, in order.
func (r *round) recipients(account string, request *triggerapi.Request) ([]string, error) {
	var said []store.Subscriber
	var ids []string
	for _, to := range request.To {
		if to.Topic == "" {
			said = append(said, to.Subscriber)
			ids = append(ids, to.Subscriber.ID)
		}
	}
	if request.Actor != nil {
		said = append(said, *request.Actor)
	}
	for i := range said {
		said[i].Account = account
	}
	if len(said) > 0 {
		if err := r.tx.PutSubscribers(r.ctx, said, false); err != nil {
			return nil, fmt.Errorf("keep subscribers: %w", err)
		}
	}
	for _, to := range request.To {
		if to.Topic == "" {
			continue
		}
		members, err := r.members(account, to.Topic)
		if err != nil {
			return nil, err
		}
		ids = append(ids, members...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(ids, func(id string) bool {
		known := seen[id]
		seen[id] = true
		return known
	}), nil
}

// members gives the ids on a topic, one more than the most at the most.
func (r *round) members(account, topic string) ([]string, error) {
	var ids []string
	after := ""
	for len(ids) <= maxRecipients {
		page, err := r.tx.TopicSubscribers(r.ctx, account, topic, after, topicPage)
		if err != nil {
			return nil, fmt.Errorf("read topic: %w", err)
		}
		for i := range page {
			ids = append(ids, page[i].ID)
		}
		if len(page) < topicPage {
			break
		}
		after = page[len(page)-1].ID
	}
	return ids, nil
}

// toAll makes a trigger for each of some subscribers.
func (r *round) toAll(account string, handler *trigger.Compiled, request *triggerapi.Request, ids []string) error {
	found, err := r.tx.SubscribersByID(r.ctx, account, ids)
	if err != nil {
		return fmt.Errorf("read subscribers: %w", err)
	}
	payload, err := readPayload(request.Payload)
	if err != nil {
		return err
	}
	byID := make(map[string]*store.Subscriber, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	for _, id := range ids {
		if subscriber := byID[id]; subscriber != nil { // it may have been removed since
			r.toOne(account, handler, request.TransactionID, payload, subscriber)
		}
	}
	r.transactions[trigger.TransactionUUID(account, request.TransactionID)] = true
	return nil
}

// readPayload reads what a trigger of the API brings; nil for nothing.
func readPayload(given json.RawMessage) (map[string]any, error) {
	var payload map[string]any
	if len(given) == 0 {
		return nil, nil //nolint:nilnil // no payload is no error
	}
	if err := json.Unmarshal(given, &payload); err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	return payload, nil
}

// toOne makes a trigger for a subscriber. Whoever names a handler wants it: its types and its condition are not asked.
func (r *round) toOne(
	account string, handler *trigger.Compiled, transactionID string, payload map[string]any, to *store.Subscriber,
) {
	o := &trigger.Occasion{
		Account: account, Event: apiEvent(account, transactionID, r.now, r.traceparent), Payload: payload, At: r.now,
		TransactionID: transactionID,
		Subscriber: &trigger.Subscriber{
			ID: to.ID, Email: to.Email, Phone: to.Phone, FirstName: to.FirstName, LastName: to.LastName,
			Locale: to.Locale, Avatar: to.Avatar, Data: to.Data,
		},
	}
	r.arm(handler, o, handler.TriggerID(o))
}

// Cancel calls off what waits of a transaction, see httpapi.Triggers.
func (s *Service) Cancel(ctx context.Context, account, transactionID string) (bool, error) {
	found := false
	err := s.write(ctx, func(r *round) error {
		found = false
		rows, err := r.tx.TriggersOf(r.ctx, account, transactionID)
		if err != nil {
			return fmt.Errorf("find transaction: %w", err)
		}
		var ended []store.Trigger
		for _, row := range rows {
			if row.State == store.TriggerPending {
				found = true
				row.State, row.EndedAt, row.Reason = store.TriggerCancelled, r.now, "called off over the API"
				ended = append(ended, row)
			}
		}
		if err := r.end(ended); err != nil {
			return err
		}
		broadcast, err := r.tx.Broadcast(r.ctx, account, trigger.TransactionUUID(account, transactionID))
		if errors.Is(err, store.ErrNotFound) || (err == nil && broadcast.State != store.BroadcastRunning) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read broadcast: %w", err)
		}
		found = true
		broadcast.State, broadcast.UpdatedAt = store.BroadcastCancelled, r.now
		r.dropDue(store.Due{Account: account, CallUUID: broadcast.ID, Kind: store.DueBroadcast})
		if err := r.tx.PutBroadcast(r.ctx, broadcast); err != nil {
			return fmt.Errorf("cancel broadcast: %w", err)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("cancel transaction: %w", err)
	}
	return found, nil
}
