package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// The handlers' API; what each method does is said with httpapi.Handlers.

// read reads and checks a definition that a client gave.
func (s *Service) read(scope string, definition []byte) (trigger.Handler, error) {
	handler, err := trigger.ReadJSON(definition)
	if err != nil {
		return handler, err
	}
	return handler, inScope(scope, &handler)
}

// inScope gives a handler without an account that of its owner.
func inScope(scope string, handler *trigger.Handler) error {
	switch {
	case scope == "" || handler.Account == scope:
	case handler.Account == "":
		handler.Account = scope
	default:
		return triggerapi.ErrForeign
	}
	return nil
}

// compiled checks all of a definition, and gives it as it is kept.
func (s *Service) compiled(handler trigger.Handler) (store.Handler, error) {
	compiled, err := trigger.Compile(handler, s.Dispatcher.Book.Environment())
	if err != nil {
		return store.Handler{}, err
	}
	return rowOf(compiled.Handler(), store.HandlerFromAPI)
}

// change changes handlers, and makes the change count here at once.
func (s *Service) change(ctx context.Context, doing string, fn func(r *round) error) error {
	if err := s.write(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := s.Dispatcher.Book.Refresh(ctx); err != nil { // it is on disk; Run goes on trying
		s.Dispatcher.Logger.Warn("handlers could not be read after a change; the ones known stay in force for now", "error", err)
	}
	return nil
}

// named gives a handler of this transaction by its name; ok is false if there is none.
func (r *round) named(name string) (row store.Handler, ok bool, err error) {
	rows, err := r.tx.Handlers(r.ctx)
	if err != nil {
		return row, false, fmt.Errorf("read handlers: %w", err)
	}
	for _, row := range rows {
		if row.Name == name {
			return row, true, nil
		}
	}
	return row, false, nil
}

// CreateHandler keeps a new handler.
func (s *Service) CreateHandler(ctx context.Context, scope string, definition []byte) (kept store.Handler, err error) {
	handler, err := s.read(scope, definition)
	if err != nil {
		return kept, err
	}
	row, err := s.compiled(handler)
	if err != nil {
		return kept, err
	}
	return row, s.change(ctx, "create handler", func(r *round) error {
		if _, known, err := r.named(row.Name); err != nil || known {
			return cmp.Or(err, triggerapi.ErrExists)
		}
		row.UpdatedAt = r.now
		return r.tx.PutHandlers(r.ctx, []store.Handler{row})
	})
}

// ReplaceHandler keeps a handler, new or known.
func (s *Service) ReplaceHandler(
	ctx context.Context, scope, name string, definition []byte,
) (kept store.Handler, created bool, err error) {
	handler, err := s.read(scope, definition)
	if err != nil {
		return kept, false, err
	}
	if handler.Name != name {
		return kept, false, &trigger.DefinitionError{Problems: []trigger.Problem{{
			Field: "name", Message: fmt.Sprintf("is %q, but the path says %q", handler.Name, name),
		}}}
	}
	err = s.change(ctx, "replace handler", func(r *round) error {
		row, known, err := r.named(name)
		switch {
		case err != nil:
			return err
		case known && scope != "" && row.Account != scope:
			return triggerapi.ErrExists
		case known && row.Source == store.HandlerFromFile:
			return triggerapi.ErrOfFile
		}
		created = !known
		changed := handler
		if known {
			older, err := trigger.ReadJSON(row.Definition)
			if err != nil {
				return fmt.Errorf("read definition: %w", err)
			}
			changed = handler.KeepSecrets(older)
		}
		if kept, err = s.compiled(changed); err != nil {
			return err
		}
		if err := r.tx.PutHandlers(r.ctx, []store.Handler{kept}); err != nil {
			return err
		}
		kept, _, err = r.named(name)
		return err
	})
	return kept, created, err
}

// owned gives a handler that the caller may change.
func (r *round) owned(scope, name string) (store.Handler, error) {
	row, known, err := r.named(name)
	switch {
	case err != nil:
		return row, err
	case !known || (scope != "" && row.Account != scope):
		return row, store.ErrNotFound
	case row.Source == store.HandlerFromFile:
		return row, triggerapi.ErrOfFile
	}
	return row, nil
}

// SwitchHandler switches a handler on or off.
func (s *Service) SwitchHandler(
	ctx context.Context, scope, name string, enabled bool,
) (kept store.Handler, err error) {
	err = s.change(ctx, "switch handler", func(r *round) error {
		row, err := r.owned(scope, name)
		if err != nil && !errors.Is(err, triggerapi.ErrOfFile) {
			return err
		}
		// A handler of the file may be switched, too: it stays so until its definition changes.
		if enabled {
			_, err = r.tx.SwitchOn(r.ctx, row.Name)
		} else {
			_, err = r.tx.SwitchOff(r.ctx, row.Name, "switched off over the API")
		}
		if err != nil {
			return err
		}
		kept, _, err = r.named(name)
		return err
	})
	return kept, err
}

// DropHandler removes a handler.
func (s *Service) DropHandler(ctx context.Context, scope, name string) error {
	return s.change(ctx, "drop handler", func(r *round) error {
		if _, err := r.owned(scope, name); err != nil {
			return err
		}
		return r.tx.DropHandlers(r.ctx, []string{name})
	})
}

// LoadFile makes the handlers of a file the ones from the file, all or none. They must have been checked
// (trigger.LoadFile).
func (s *Service) LoadFile(ctx context.Context, handlers []*trigger.Compiled) error {
	rows := make([]store.Handler, 0, len(handlers))
	for _, compiled := range handlers {
		row, err := rowOf(compiled.Handler(), store.HandlerFromFile)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return s.change(ctx, "load handlers", func(r *round) error { return r.tx.ReplaceFileHandlers(r.ctx, rows) })
}

// TryHandler says what a handler would do.
func (s *Service) TryHandler(
	ctx context.Context, scope, name string, trial triggerapi.Trial,
) (tried triggerapi.Tried, err error) {
	row, err := s.Store.Handler(ctx, name)
	if err != nil {
		return tried, fmt.Errorf("read handler: %w", err)
	}
	if scope != "" && row.Account != "" && row.Account != scope {
		return tried, store.ErrNotFound
	}
	compiled, err := compileRow(row, s.Dispatcher.Book.Environment())
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
		wants, err := compiled.Wants(o)
		switch {
		case err != nil:
			reason = "when failed: " + err.Error()
		case !wants:
			reason = "project or when does not hold for " + o.Event.Type
		default:
			return s.would(compiled, o)
		}
	}
	return triggerapi.Tried{Reason: reason}, nil
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
		call, err := readRecord(rows[i].Record)
		if err != nil {
			return nil, "", err
		}
		for _, event := range rows[i].Events {
			if concernsType(h, event.Type) && (trial.EventType == "" || trial.EventType == event.Type) {
				occasions = append(occasions, &trigger.Occasion{
					Account: trial.Account, Event: event, Call: call, Seq: event.Seq, Record: rows[i].Record, At: s.Now().UTC(),
				})
			}
		}
	}
	return occasions, "the call has had no event that the handler is for", nil
}

func concernsType(h trigger.Handler, eventType string) bool {
	for _, kind := range h.On {
		if kind == trigger.Every || kind == eventType {
			return true
		}
	}
	return false
}

// sample reads an event as it is published.
func sample(trial triggerapi.Trial) (*trigger.Occasion, error) {
	var given struct {
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
	wrong := func(field, message string) error {
		return &triggerapi.InvalidError{Faults: []triggerapi.Fault{{Field: field, Message: message}}}
	}
	if err := json.Unmarshal(trial.Event, &given); err != nil {
		return nil, wrong("event", "is no event as it is published: "+err.Error())
	}
	if given.Type == "" {
		return nil, wrong("event.type", "is missing")
	}
	o := &trigger.Occasion{Account: trial.Account, Event: given.Event, Seq: given.Data.Seq, Payload: given.Data.Payload}
	o.Event.Seq, o.Event.Late, o.Event.Trigger = given.Data.Seq, given.Data.Late, given.Data.Trigger
	if given.Data.Dialog != nil {
		o.Event.DialogUUID = given.Data.Dialog.DialogUUID
	}
	if len(given.Data.Call) > 0 && string(given.Data.Call) != "null" {
		var call correlate.Call
		if err := json.Unmarshal(given.Data.Call, &call); err != nil {
			return nil, wrong("event.event_data.call", "is no record of a call: "+err.Error())
		}
		o.Call, o.Record = &call, given.Data.Call
	}
	return o, nil
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
