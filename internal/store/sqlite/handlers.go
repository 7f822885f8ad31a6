package sqlite

import (
	"context"
	"database/sql"

	"webhookd/internal/store"
)

type handlerRow struct {
	Name       string        `db:"name"`
	Account    string        `db:"account"`
	Source     string        `db:"source"`
	Definition string        `db:"definition"`
	Enabled    bool          `db:"enabled"`
	Failures   int           `db:"failures"`
	LastError  string        `db:"last_error"`
	Fired      int64         `db:"fired"`
	FiredAt    sql.NullInt64 `db:"fired_at"`
	UpdatedAt  int64         `db:"updated_at"`
}

func (r handlerRow) handler() store.Handler {
	return store.Handler{
		Name: r.Name, Account: r.Account, Source: r.Source, Definition: []byte(r.Definition), Enabled: r.Enabled,
		Failures: r.Failures, LastError: r.LastError, Fired: r.Fired, FiredAt: optionalMomentOf(r.FiredAt),
		UpdatedAt: momentOf(r.UpdatedAt),
	}
}

func handlersFrom(rows []handlerRow) []store.Handler {
	handlers := make([]store.Handler, len(rows))
	for i, row := range rows {
		handlers[i] = row.handler()
	}
	return handlers
}

const (
	selectHandlers = `
select name, account, source, definition, enabled, failures, last_error, fired, fired_at, updated_at
from handlers`
	allHandlers    = selectHandlers + ` order by name`
	selectHandler  = selectHandlers + ` where name = ?`
	selectRevision = `select revision from handler_revision`
	raiseRevision  = `update handler_revision set revision = revision + 1`

	insertHandler = `
insert into handlers as known (name, account, source, definition, enabled, failures, last_error, fired, updated_at)
values (?, ?, ?, ?, ?, 0, '', 0, ?)
on conflict (name) do update set
    account = excluded.account, source = excluded.source, definition = excluded.definition,
    updated_at = excluded.updated_at,`

	putHandler = insertHandler + `
    enabled = excluded.enabled,
    failures = case when excluded.enabled and not known.enabled then 0 else known.failures end
where (known.account, known.source, known.definition, known.enabled)
      <> (excluded.account, excluded.source, excluded.definition, excluded.enabled)
returning name`

	putFileHandler = insertHandler + `
    enabled = case when (known.account, known.definition) = (excluded.account, excluded.definition)
                   then known.enabled else excluded.enabled end,
    failures = case when excluded.enabled and not known.enabled
                         and (known.account, known.definition) <> (excluded.account, excluded.definition)
                    then 0 else known.failures end
where (known.account, known.source, known.definition)
      <> (excluded.account, excluded.source, excluded.definition)
returning name`

	dropFileHandlers = `
delete from handlers where source = 'file' and name not in (select value from json_each(?))
returning name`

	dropHandler = `delete from handlers where name = ? returning name`

	switchOff = `
update handlers set enabled = 0, last_error = ?2, updated_at = ?3 where name = ?1 and enabled
returning name`

	switchOn = `
update handlers set enabled = 1, failures = 0, updated_at = ?2 where name = ?1 and not enabled
returning name`

	countHandler = `
update handlers set
    fired = fired + ?2,
    fired_at = case when ?2 > 0 then max(coalesce(fired_at, ?6), ?6) else fired_at end,
    failures = case when ?4 then 0 else failures + ?3 end,
    last_error = case when ?5 = '' then last_error else ?5 end
where name = ?1`
)

// changeHandlers runs a statement for every item and raises the revision if it changed anything: the statement gives
// what it changed.
func changeHandlers[T any](ctx context.Context, t *tx, doing, query string, items []T, args func(T) []any) (int, error) {
	changed, err := gather[string](ctx, t, doing, query, items, args)
	if err != nil || len(changed) == 0 {
		return 0, err
	}
	return len(changed), each(ctx, t, doing, raiseRevision, []struct{}{{}}, func(struct{}) []any { return nil })
}

func (t *tx) handlerArgs(h store.Handler) []any {
	return []any{h.Name, h.Account, h.Source, string(h.Definition), h.Enabled, t.orNow(h.UpdatedAt)}
}

// PutHandlers implements [store.Triggers].
func (t *tx) PutHandlers(ctx context.Context, handlers []store.Handler) error {
	_, err := changeHandlers(ctx, t, "write handlers", putHandler, handlers, t.handlerArgs)
	return err
}

// ReplaceFileHandlers implements [store.Triggers].
func (t *tx) ReplaceFileHandlers(ctx context.Context, handlers []store.Handler) error {
	const doing = "write handlers"
	names := make([]string, len(handlers))
	last := make(map[string]int, len(handlers))
	for i, handler := range handlers {
		names[i] = handler.Name
		last[handler.Name] = i
	}
	_, err := changeHandlers(ctx, t, doing, dropFileHandlers, []string{encodeKeys(names)},
		func(names string) []any { return []any{names} })
	if err != nil {
		return err
	}
	fromFile := make([]store.Handler, 0, len(handlers))
	for i, handler := range handlers {
		if last[handler.Name] == i { // one that is named twice must not look changed
			handler.Source = store.HandlerFromFile
			fromFile = append(fromFile, handler)
		}
	}
	_, err = changeHandlers(ctx, t, doing, putFileHandler, fromFile, t.handlerArgs)
	return err
}

// DropHandlers implements [store.Triggers].
func (t *tx) DropHandlers(ctx context.Context, names []string) error {
	_, err := changeHandlers(ctx, t, "drop handlers", dropHandler, names, func(name string) []any { return []any{name} })
	return err
}

// Handlers implements [store.Triggers].
func (t *tx) Handlers(ctx context.Context) ([]store.Handler, error) {
	rows, err := ask[handlerRow](ctx, t, "read handlers", allHandlers)
	if err != nil {
		return nil, err
	}
	return handlersFrom(rows), nil
}

// CountHandlers implements [store.Triggers].
func (t *tx) CountHandlers(ctx context.Context, counts []store.HandlerCount) error {
	return each(ctx, t, "count handlers", countHandler, counts, func(c store.HandlerCount) []any {
		return []any{c.Name, c.Fired, c.Failed, c.Succeeded, c.LastError, t.orNow(c.At)}
	})
}

// SwitchOff implements [store.Triggers].
func (t *tx) SwitchOff(ctx context.Context, name, reason string) (bool, error) {
	return t.switched(ctx, switchOff, name, reason, moment(t.store.now()))
}

// SwitchOn implements [store.Triggers].
func (t *tx) SwitchOn(ctx context.Context, name string) (bool, error) {
	return t.switched(ctx, switchOn, name, moment(t.store.now()))
}

func (t *tx) switched(ctx context.Context, query string, args ...any) (bool, error) {
	changed, err := changeHandlers(ctx, t, "switch handler", query, [][]any{args}, func(args []any) []any { return args })
	return changed > 0, err
}

// AllHandlers implements [store.TriggerReader]. The revision is read first: if a change comes between, the handlers are
// newer than it says, and are only read once more than needed.
func (s *Store) AllHandlers(ctx context.Context) ([]store.Handler, int64, error) {
	revision, err := s.HandlersRevision(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []handlerRow
	if err := s.list(ctx, "read handlers", &rows, allHandlers); err != nil {
		return nil, 0, err
	}
	return handlersFrom(rows), revision, nil
}

// HandlersRevision implements [store.TriggerReader].
func (s *Store) HandlersRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.read(ctx, "read revision of handlers", &revision, selectRevision)
	return revision, err
}

// Handler implements [store.TriggerReader].
func (s *Store) Handler(ctx context.Context, name string) (store.Handler, error) {
	var row handlerRow
	if err := s.read(ctx, "read handler", &row, selectHandler, name); err != nil {
		return store.Handler{}, err
	}
	return row.handler(), nil
}
