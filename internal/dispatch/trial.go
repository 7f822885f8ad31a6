package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// TryHandler says what a handler would do.
func (s *Service) TryHandler(
	ctx context.Context, scope, name string, trial triggerapi.Trial,
) (tried triggerapi.Tried, err error) {
	compiled, err := s.onTrial(ctx, scope, name, trial.Definition)
	if err != nil {
		return tried, err
	}
	occasions, reason, err := s.occasions(ctx, compiled.Handler(), trial)
	if err != nil {
		return tried, err
	}
	if h := compiled.Handler(); h.Account != "" && h.Account != trial.Account {
		return triggerapi.Tried{Reason: fmt.Sprintf("the handler is for the account %q only", h.Account)}, nil
	}
	for _, o := range occasions {
		wanted, err := wants(compiled, o)
		switch {
		case err != nil:
			reason = "when failed: " + err.Error()
		case !wanted:
			reason = "project or when does not hold for " + o.Event.Type
		default:
			return s.would(compiled, o)
		}
	}
	return triggerapi.Tried{Reason: reason}, nil
}

// onTrial gives the handler that is to be tried: the definition if there is one, else the one that is kept.
func (s *Service) onTrial(ctx context.Context, scope, name string, definition json.RawMessage) (*trigger.Compiled, error) {
	env := s.Dispatcher.Book.Environment()
	if definition != nil {
		handler, err := s.read(scope, definition)
		if err != nil {
			return nil, err
		}
		// It is tried with the secrets that it would have if it were kept.
		row, err := s.Store.Handler(ctx, handler.Name)
		switch {
		case err == nil && (scope == "" || row.Account == scope):
			handler = withSecrets(handler, row)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, fmt.Errorf("read handler: %w", err)
		}
		return trigger.Compile(handler, env)
	}
	row, err := s.Store.Handler(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read handler: %w", err)
	}
	if scope != "" && row.Account != "" && row.Account != scope {
		return nil, store.ErrNotFound
	}
	return compileRow(row, env)
}

// occasions gives what a handler is to be tried on, and why, should there be nothing.
func (s *Service) occasions(
	ctx context.Context, h trigger.Handler, trial triggerapi.Trial,
) (occasions []*trigger.Occasion, reason string, err error) {
	if len(trial.Event) > 0 {
		o, err := sample(trial)
		if err != nil {
			return nil, "", err
		}
		if !concernsType(h, o.Event.Type) {
			return nil, "the handler is not for " + o.Event.Type, nil
		}
		o.At = s.Now().UTC()
		return []*trigger.Occasion{o}, "", nil
	}
	rows, err := s.Store.Changes(ctx, store.Key{Account: trial.Account, UUID: trial.CallUUID})
	if err != nil {
		return nil, "", fmt.Errorf("read events of call: %w", err)
	}
	for i := range rows {
		more, err := s.occasionsOf(h, trial, &rows[i])
		if err != nil {
			return nil, "", err
		}
		occasions = append(occasions, more...)
	}
	return occasions, "the call has had no event that the handler is for", nil
}

// occasionsOf gives those of one change of the call.
func (s *Service) occasionsOf(
	h trigger.Handler, trial triggerapi.Trial, row *store.OutboxRow,
) (occasions []*trigger.Occasion, err error) {
	var call *correlate.Call
	for _, event := range row.Events {
		if !concernsType(h, event.Type) || trial.EventType != "" && trial.EventType != event.Type {
			continue
		}
		if call == nil {
			if call, err = readRecord(row.Record); err != nil {
				return nil, err
			}
		}
		o := &trigger.Occasion{Account: trial.Account, Event: event, At: s.Now().UTC(), Depth: depthOf(event.Trigger)}
		if len(event.Payload) > 0 {
			if o.Payload, err = readPayload(event.Payload); err != nil {
				return nil, err
			}
		}
		occasions = append(occasions, o.WithCall(call, row.Record))
	}
	return occasions, nil
}

func concernsType(h trigger.Handler, eventType string) bool {
	return slices.Contains(h.On, trigger.Every) || slices.Contains(h.On, eventType)
}

// depthOf says how many triggers led to an action event; 0 for an event of a call.
func depthOf(told json.RawMessage) int {
	var read struct {
		Depth int `json:"depth"`
	}
	if len(told) == 0 || json.Unmarshal(told, &read) != nil {
		return 0
	}
	return read.Depth
}

// sampled is an event as it is published.
type sampled struct {
	flow.Event

	Data struct {
		Seq    int64           `json:"seq"`
		Late   bool            `json:"late"`
		Call   json.RawMessage `json:"call"`
		Dialog *struct {
			DialogUUID string `json:"dialog_uuid"`
		} `json:"dialog"`
		Trigger json.RawMessage `json:"trigger"`
		Payload map[string]any  `json:"payload"`
	} `json:"event_data"`
}

// ownKeys are the keys of a published event that are not goflow's.
var ownKeys = []string{
	"uuid", "type", "created_on", "account_key", "conversation_type", "conversation_key", "event_type", "event_data",
}

// sample reads the event of a trial.
func sample(trial triggerapi.Trial) (*trigger.Occasion, error) {
	var given sampled
	if err := json.Unmarshal(trial.Event, &given); err != nil {
		return nil, wrongSample("event", "is no event as it is published: "+err.Error())
	}
	switch {
	case given.Type == "":
		return nil, wrongSample("event.type", "is missing")
	case !slices.Contains(trigger.EventTypes(), given.Type):
		return nil, wrongSample("event.type", "is no type of event")
	}
	o := &trigger.Occasion{
		Account: trial.Account, Event: given.Event, Payload: given.Data.Payload, Depth: depthOf(given.Data.Trigger),
	}
	o.Event.Seq, o.Event.Late, o.Event.Trigger = given.Data.Seq, given.Data.Late, given.Data.Trigger
	if o.Event.UUID == "" {
		o.Event.UUID = trigger.TransactionUUID(trial.Account, "sample") // what is shown has a whole one, too
	}
	if given.Data.Dialog != nil {
		o.Event.DialogUUID = given.Data.Dialog.DialogUUID
	}
	if len(given.Data.Trigger) > 0 {
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(trial.Event, &keys); err != nil {
			return nil, wrongSample("event", "is no object")
		}
		for _, key := range ownKeys {
			delete(keys, key)
		}
		goflow, err := json.Marshal(keys)
		if err != nil {
			return nil, fmt.Errorf("encode sample: %w", err)
		}
		o.Event.Goflow = goflow
	}
	if len(given.Data.Call) == 0 || string(given.Data.Call) == "null" {
		return o, nil
	}
	call, err := readRecord(given.Data.Call)
	if err != nil {
		return nil, wrongSample("event.event_data.call", "is no record of a call: "+err.Error())
	}
	return o.WithCall(call, given.Data.Call), nil
}

func wrongSample(field, message string) error {
	return &triggerapi.InvalidError{Faults: []triggerapi.Fault{{Field: field, Message: message}}}
}

// would says what a handler does on an occasion that it wants.
func (s *Service) would(compiled *trigger.Compiled, o *trigger.Occasion) (triggerapi.Tried, error) {
	tried := triggerapi.Tried{Matches: true}
	if after := time.Duration(compiled.Handler().After); after > 0 {
		tried.FireAt = o.At.Add(after)
	}
	id := compiled.TriggerID(o)
	fired := compiled.Fire(o, id)
	about := o.CallUUID()
	if about == "" {
		about = id
	}
	messages, err := flow.Messages(flow.Change{
		Account: o.Account, CallUUID: about, Record: o.Record, Events: fired.Events,
	}, s.Options)
	if err != nil {
		return tried, fmt.Errorf("make events: %w", err)
	}
	for _, message := range messages {
		tried.Events = append(tried.Events, message.Body)
	}
	for _, request := range fired.Requests {
		shown, err := json.Marshal(request.Shown())
		if err != nil {
			return tried, fmt.Errorf("show request: %w", err)
		}
		tried.Requests = append(tried.Requests, shown)
	}
	return tried, nil
}
