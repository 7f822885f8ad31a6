package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"

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
	err = inScope(scope, &handler)
	return handler, err
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
			changed = withSecrets(handler, row)
		}
		if kept, err = s.compiled(changed); err != nil {
			return err
		}
		if err := r.tx.PutHandlers(r.ctx, []store.Handler{kept}); err != nil {
			return err
		}
		kept, err = r.again(name)
		return err
	})
	return kept, created, err
}

// withSecrets gives a changed handler with the secrets of the one that is kept, as far as they stay.
func withSecrets(changed trigger.Handler, row store.Handler) trigger.Handler {
	older, err := trigger.ReadJSON(row.Definition)
	if err != nil { // there is nothing that could be taken over
		return changed
	}
	return changed.KeepSecrets(older)
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
		kept, err = r.again(name)
		return err
	})
	return kept, err
}

// again gives a handler as it is after a change.
func (r *round) again(name string) (store.Handler, error) {
	r.rows = nil
	row, _, err := r.named(name)
	return row, err
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
