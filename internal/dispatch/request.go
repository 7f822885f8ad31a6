package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"webhookd/internal/callout"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// How long a request is tried, and how long an instance has for one try before another one may think that it died.
const (
	maxAttempts = 8
	leaseTime   = 2 * time.Minute
)

// sending is a request as it is kept: with the occasion of its trigger, which the events of its outcome tell of.
type sending struct {
	Request  trigger.Request `json:"request"`
	Occasion json.RawMessage `json:"occasion"`
}

// send puts a request down, to be made after the transaction.
func (r *round) send(request trigger.Request, o *trigger.Occasion) error {
	occasion, err := o.Encode()
	if err != nil {
		return fmt.Errorf("encode occasion: %w", err)
	}
	spec, err := json.Marshal(sending{request, occasion})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	r.requests = append(r.requests, store.Request{
		ID: request.ID, Account: request.Account, TriggerID: request.TriggerID, Handler: request.Handler, Spec: spec,
		CreatedAt: r.now,
	})
	r.result.PutDue = append(r.result.PutDue, store.Due{
		Account: request.Account, CallUUID: request.ID, Kind: store.DueRequest, At: r.now,
	})
	return nil
}

// Client makes HTTP requests; *callout.Client is one.
type Client interface {
	Do(ctx context.Context, call callout.Call) callout.Result
}

// Errand is a request that this instance has to make now.
type Errand struct {
	kept   store.Request
	spec   sending
	secret string
}

// Claim takes requests, by their ids, for this instance to make after the transaction, which drops their due rows: they
// are due again should this instance not live to tell what came of them. Those that another instance is at are left out.
func (d *Dispatcher) Claim(ctx context.Context, tx store.Tx, now time.Time, ids []string) ([]Errand, Result, error) {
	if len(ids) == 0 {
		return nil, Result{}, nil
	}
	until := now.Add(leaseTime)
	kept, err := tx.ClaimRequests(ctx, ids, until)
	if err != nil {
		return nil, Result{}, fmt.Errorf("claim requests: %w", err)
	}
	set, err := d.Book.set(ctx, tx)
	if err != nil {
		return nil, Result{}, err
	}
	var errands []Errand
	var result Result
	for _, request := range kept {
		result.PutDue = append(result.PutDue, store.Due{
			Account: request.Account, CallUUID: request.ID, Kind: store.DueRequest, At: until,
		})
		errand := Errand{kept: request}
		if err := json.Unmarshal(request.Spec, &errand.spec); err != nil {
			return nil, Result{}, fmt.Errorf("read request %s: %w", request.ID, err)
		}
		if handler := set.ByName(request.Account, request.Handler); handler != nil {
			secret := handler.Secret(errand.spec.Request.Action)
			errand.secret = secret.Reveal()
		}
		errands = append(errands, errand)
	}
	return errands, result, nil
}

// Make makes the request. It does no other I/O.
func (d *Dispatcher) Make(ctx context.Context, client Client, errand Errand) callout.Result {
	d.count.requests.Add(1)
	if errand.kept.Attempts > 0 {
		d.count.retried.Add(1)
	}
	request := errand.spec.Request
	header := http.Header{}
	for name, value := range request.Headers {
		header.Set(name, value)
	}
	return client.Do(ctx, callout.Call{
		Method: request.Method, URL: request.URL, Header: header, Body: []byte(request.Body), Secret: errand.secret,
		MessageID: request.ID,
	})
}

// Conclude keeps what came of a request: its events if that is the end of it, another try otherwise. random is from
// [0, 1), for the wait until then.
func (d *Dispatcher) Conclude(
	ctx context.Context, tx store.Tx, now time.Time, errand Errand, result callout.Result, random float64,
) (Result, error) {
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	kept, err := tx.Requests(ctx, []string{errand.kept.ID})
	if err != nil {
		return Result{}, fmt.Errorf("read request: %w", err)
	}
	if len(kept) == 0 || kept[0].Attempts != errand.kept.Attempts {
		return Result{}, nil // another instance thought that this one had died, and was quicker
	}
	due := store.Due{Account: errand.kept.Account, CallUUID: errand.kept.ID, Kind: store.DueRequest}
	attempts := errand.kept.Attempts + 1
	if result.Status != callout.Success && result.Retry && attempts < maxAttempts {
		again := errand.kept
		again.Attempts, again.LeasedUntil, again.LastError = attempts, time.Time{}, reasonOf(result)
		if err := tx.PutRequests(ctx, []store.Request{again}); err != nil {
			return Result{}, fmt.Errorf("keep request: %w", err)
		}
		due.At = now.Add(max(callout.Backoff(attempts, random), result.RetryAfter))
		return Result{PutDue: []store.Due{due}}, nil
	}
	if err := tx.DropRequests(ctx, []string{errand.kept.ID}); err != nil {
		return Result{}, fmt.Errorf("drop request: %w", err)
	}
	r.result.DropDue = append(r.result.DropDue, due)
	occasion, err := trigger.DecodeOccasion(errand.spec.Occasion)
	if err != nil {
		return Result{}, fmt.Errorf("read occasion of request %s: %w", errand.kept.ID, err)
	}
	occasion = occasion.WithTime(now)
	events := errand.spec.Request.Events(occasion, outcomeOf(result, attempts))
	if handler := r.dispatcher.Book.find(r.set, errand.kept.Account, errand.kept.Handler); handler != nil {
		one := &armed{handler: handler, occasion: occasion, row: &store.Trigger{ID: errand.kept.TriggerID}}
		if result.Status == callout.Success {
			r.countOf(handler).Succeeded = true
		} else {
			r.failure(one, reasonOf(result), 1)
		}
	}
	r.emit(occasion, errand.kept.TriggerID, events)
	for _, event := range events {
		if r.concerns(occasion.Account, event.Type) {
			r.look(occasion.Next(event))
		}
	}
	return r.finish()
}

func outcomeOf(result callout.Result, attempts int) trigger.Outcome {
	return trigger.Outcome{
		Status: result.Status, StatusCode: result.StatusCode, Elapsed: result.Elapsed, Retries: attempts - 1,
		URL: result.URL, RequestTrace: result.RequestTrace, ResponseTrace: result.ResponseTrace, Body: result.Body,
		Reason: reasonOf(result),
	}
}

func reasonOf(result callout.Result) string {
	switch {
	case result.Status == callout.Success:
		return ""
	case result.Reason != "":
		return result.Reason
	}
	return fmt.Sprintf("the answer was %d", result.StatusCode)
}
