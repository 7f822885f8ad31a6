package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"webhookd/internal/callout"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

const (
	// maxAttempts is how often a request is tried.
	maxAttempts = 8
	// leaseTime is how long an instance has for one try before another one may think that it died.
	leaseTime = 2 * time.Minute
	// leaseLeft is what must be left of the lease when a try begins: more than it can take.
	leaseLeft = 75 * time.Second
	// crowded is how long a request waits for which there is no room, and crowdedMore how much longer each further one:
	// those that have to wait must not come back together, again and again.
	crowded     = time.Second
	crowdedMore = 50 * time.Millisecond
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
	r.result.PutDue = append(r.result.PutDue, dueRequest(request.Account, request.ID, r.now))
	return nil
}

func dueRequest(account, id string, at time.Time) store.Due {
	return store.Due{Account: account, CallUUID: id, Kind: store.DueRequest, At: at}
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

// Host is whom the request goes to, as its URL has it; "" of a URL that cannot be read.
func (e *Errand) Host() string {
	target, err := url.Parse(e.spec.Request.URL)
	if err != nil {
		return ""
	}
	return target.Host
}

// Stale says that too little is left of the lease to begin: the request will be due again, and is to be left alone.
func (e *Errand) Stale(now time.Time) bool { return e.kept.LeasedUntil.Sub(now) < leaseLeft }

// Claim takes requests, by their ids, for this instance to make after the transaction, which drops their due rows: they
// are due again should this instance not live to tell what came of them. Those that another instance is at are left out.
// room is asked whether there is room for one more request to a host; those for which there is none are put off.
func (d *Dispatcher) Claim(
	ctx context.Context, tx store.Tx, now time.Time, ids []string, room func(host string) bool,
) ([]Errand, Result, error) {
	if len(ids) == 0 {
		return nil, Result{}, nil
	}
	until := now.Add(leaseTime).Truncate(time.Microsecond)
	kept, err := tx.ClaimRequests(ctx, ids, until)
	if err != nil {
		return nil, Result{}, fmt.Errorf("claim requests: %w", err)
	}
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return nil, Result{}, err
	}
	var errands []Errand
	var back []store.Request
	for _, request := range kept {
		errand := Errand{kept: request}
		if err := json.Unmarshal(request.Spec, &errand.spec); err != nil {
			return nil, Result{}, fmt.Errorf("read request %s: %w", request.ID, err)
		}
		if !room(errand.Host()) {
			wait := crowded + time.Duration(len(back))*crowdedMore
			r.result.PutDue = append(r.result.PutDue, dueRequest(request.Account, request.ID, now.Add(wait)))
			request.LeasedUntil = time.Time{}
			back = append(back, request)
			continue
		}
		if errand.secret, err = r.secretOf(&errand); err != nil {
			return nil, Result{}, err
		}
		r.result.PutDue = append(r.result.PutDue, dueRequest(request.Account, request.ID, until))
		errands = append(errands, errand)
	}
	if err := tx.PutRequests(ctx, back); err != nil {
		return nil, Result{}, fmt.Errorf("put requests off: %w", err)
	}
	return errands, r.result, r.leased(ids, kept)
}

// secretOf gives what a request is signed with, as the handler has it now.
func (r *round) secretOf(errand *Errand) (string, error) {
	handler, err := r.find(errand.kept.Account, errand.kept.Handler)
	if errors.Is(err, errUnknown) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	secret := handler.Secret(errand.spec.Request.Action)
	return secret.Reveal(), nil
}

// leased makes those requests due again, when their lease is over, that another instance is at.
func (r *round) leased(ids []string, claimed []store.Request) error {
	if len(claimed) == len(ids) {
		return nil
	}
	mine := make(map[string]bool, len(claimed))
	for _, request := range claimed {
		mine[request.ID] = true
	}
	kept, err := r.tx.Requests(r.ctx, ids)
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	for _, request := range kept {
		if !mine[request.ID] {
			r.result.PutDue = append(r.result.PutDue, dueRequest(request.Account, request.ID, request.LeasedUntil))
		}
	}
	return nil
}

// traceparent is the trace of what the request was fired for, "" for none.
func (e *Errand) traceparent() string {
	var kept struct {
		Event struct {
			Traceparent string `json:"traceparent"`
		} `json:"event"`
	}
	if json.Unmarshal(e.spec.Occasion, &kept) != nil {
		return "" // whoever concludes it meets the error
	}
	return kept.Event.Traceparent
}

// Make makes the request. It does no other I/O. Where what it was fired for is traced, the receiver can go on with that.
func (d *Dispatcher) Make(ctx context.Context, client Client, errand Errand) (result callout.Result) {
	defer func() {
		if value := recover(); value != nil {
			result = callout.Result{Status: callout.ConnectionError, Reason: fmt.Sprintf("%v: %v", errPanic, value)}
		}
	}()
	d.count.requests.Add(1)
	if errand.kept.Attempts > 0 {
		d.count.retried.Add(1)
	}
	request := errand.spec.Request
	header := make(map[string][]string, len(request.Headers))
	for name, value := range request.Headers {
		header[name] = []string{value}
	}
	traceparent := errand.traceparent()
	span := d.Tracer.Callout(ctx, traceparent, request.Method, request.Account, request.ID, errand.kept.Attempts)
	if span != nil {
		traceparent = span.Traceparent()
	}
	defer func() {
		span.Answered(result.StatusCode, result.Status == callout.Success)
		span.End(nil)
	}()
	return client.Do(ctx, callout.Call{
		Method: request.Method, URL: request.URL, Header: header, Body: []byte(request.Body), Secret: errand.secret,
		MessageID: request.ID, Traceparent: traceparent,
	})
}

// Conclude keeps what came of a request: its events if that is the end of it, another try otherwise. random is from
// [0, 1), for the wait until then.
func (d *Dispatcher) Conclude(
	ctx context.Context, tx store.Tx, now time.Time, errand Errand, result callout.Result, random float64,
) (Result, error) {
	kept, err := tx.Requests(ctx, []string{errand.kept.ID})
	if err != nil {
		return Result{}, fmt.Errorf("read request: %w", err)
	}
	if len(kept) == 0 || kept[0].Attempts != errand.kept.Attempts {
		return Result{}, nil // another instance thought that this one had died, and was quicker
	}
	attempts := errand.kept.Attempts + 1
	if result.Status != callout.Success && result.Retry && attempts < maxAttempts {
		again := errand.kept
		again.Attempts, again.LeasedUntil, again.LastError = attempts, time.Time{}, reasonOf(result)
		if err := tx.PutRequests(ctx, []store.Request{again}); err != nil {
			return Result{}, fmt.Errorf("keep request: %w", err)
		}
		wait := max(callout.Backoff(attempts, random), result.RetryAfter)
		return Result{PutDue: []store.Due{dueRequest(again.Account, again.ID, now.Add(wait))}}, nil
	}
	r, err := d.round(ctx, tx, now)
	if err != nil {
		return Result{}, err
	}
	if r.result, err = d.Drop(ctx, tx, errand); err != nil {
		return Result{}, err
	}
	if err := r.conclude(errand, result, attempts); err != nil {
		return Result{}, err
	}
	return r.finish()
}

// Drop removes a request, whatever came of it.
func (d *Dispatcher) Drop(ctx context.Context, tx store.Tx, errand Errand) (Result, error) {
	if err := tx.DropRequests(ctx, []string{errand.kept.ID}); err != nil {
		return Result{}, fmt.Errorf("drop request: %w", err)
	}
	return Result{DropDue: []store.Due{dueRequest(errand.kept.Account, errand.kept.ID, time.Time{})}}, nil
}

// conclude publishes what a request came to in the end, and looks at that in its turn.
func (r *round) conclude(errand Errand, result callout.Result, attempts int) error {
	occasion, err := trigger.DecodeOccasion(errand.spec.Occasion)
	if err != nil {
		return fmt.Errorf("read occasion of request %s: %w", errand.kept.ID, err)
	}
	occasion = occasion.WithTime(r.now)
	events := errand.spec.Request.Events(occasion, outcomeOf(result, attempts))
	r.emit(occasion, errand.kept.TriggerID, events)
	handler, err := r.find(errand.kept.Account, errand.kept.Handler)
	switch {
	case errors.Is(err, errUnknown): // it is gone meanwhile
	case err != nil:
		return err
	case result.Status == callout.Success:
		r.tally(handler).success()
	case result.Reason == "": // then it is a number of HTTP alone
		r.failure(handler, occasion, errand.kept.ID, reasonOf(result))
	default:
		r.failure(handler, occasion, errand.kept.ID, keptReason(handler, reasonOf(result)))
	}
	for _, event := range events {
		r.follow(handler, occasion, errand.kept.ID, event)
	}
	return nil
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
