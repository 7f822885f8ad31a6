package postgres

import (
	"context"
	"database/sql"
	"time"

	"webhookd/internal/store"
)

type handlerRow struct {
	Name       string       `db:"name"`
	Account    string       `db:"account"`
	Source     string       `db:"source"`
	Definition []byte       `db:"definition"`
	Enabled    bool         `db:"enabled"`
	Failures   int          `db:"failures"`
	LastError  string       `db:"last_error"`
	Fired      int64        `db:"fired"`
	FiredAt    sql.NullTime `db:"fired_at"`
	UpdatedAt  time.Time    `db:"updated_at"`
}

func (r handlerRow) handler() store.Handler {
	return store.Handler{
		Name: r.Name, Account: r.Account, Source: r.Source, Definition: r.Definition, Enabled: r.Enabled,
		Failures: r.Failures, LastError: r.LastError, Fired: r.Fired, FiredAt: momentOf(r.FiredAt),
		UpdatedAt: r.UpdatedAt.UTC(),
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
	selectHandler  = selectHandlers + ` where name = $1`
	selectRevision = `select revision from handler_revision`

	givenHandlers = `
with new as (
    select name collate "C" as name, account collate "C" as account, source collate "C" as source, definition, enabled,
           updated_at::timestamptz as updated_at
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[])
         as given(name, account, source, definition, enabled, updated_at)
)`
	insertHandlers = `
    insert into handlers as known (name, account, source, definition, enabled, failures, last_error, fired, updated_at)
    select name, account, source, definition, enabled, 0, '', 0, updated_at from new
    on conflict (name) do update set
        account = excluded.account, source = excluded.source, definition = excluded.definition,
        updated_at = excluded.updated_at,`

	putHandlers = givenHandlers + `, changed as (` + insertHandlers + `
        enabled = excluded.enabled,
        failures = case when excluded.enabled and not known.enabled then 0 else known.failures end
    where (known.account, known.source, known.definition, known.enabled)
          <> (excluded.account, excluded.source, excluded.definition, excluded.enabled)
    returning name
)` + raiseRevision

	replaceFileHandlers = givenHandlers + `, gone as (
    delete from handlers where source = 'file' and name not in (select name from new)
    returning name
), put as (` + insertHandlers + `
        enabled = case when (known.account, known.definition) = (excluded.account, excluded.definition)
                       then known.enabled else excluded.enabled end,
        failures = case when excluded.enabled and not known.enabled
                             and (known.account, known.definition) <> (excluded.account, excluded.definition)
                        then 0 else known.failures end
    where (known.account, known.source, known.definition)
          <> (excluded.account, excluded.source, excluded.definition)
    returning name
), changed as (
    select name from gone union all select name from put
)` + raiseRevision

	dropHandlers = `
with changed as (
    delete from handlers using unnest($1::text[]) as gone(name) where handlers.name = gone.name collate "C"
    returning handlers.name
)` + raiseRevision

	switchOff = `
with changed as (
    update handlers set enabled = false, last_error = $2, updated_at = $3::timestamptz where name = $1 and enabled
    returning name
)` + raiseRevision

	switchOn = `
with changed as (
    update handlers set enabled = true, failures = 0, updated_at = $2::timestamptz where name = $1 and not enabled
    returning name
)` + raiseRevision

	// raiseRevision ends every statement that changes handlers: "changed" is what it changed.
	raiseRevision = `
update handler_revision set revision = revision + 1 where exists (select from changed)`

	countHandlers = `
update handlers set
    fired = handlers.fired + new.fired,
    fired_at = case when new.fired > 0 then greatest(handlers.fired_at, new.counted_at::timestamptz)
                    else handlers.fired_at end,
    failures = case when new.reset then 0 else handlers.failures end + new.failed,
    last_error = case when new.last_error = '' then handlers.last_error else new.last_error end
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[], $5::text[], $6::text[])
     as new(name, fired, failed, reset, last_error, counted_at)
where handlers.name = new.name collate "C"`
)

// PutHandlers implements [store.Triggers].
func (t *tx) PutHandlers(ctx context.Context, handlers []store.Handler) error {
	if len(handlers) == 0 {
		return nil
	}
	return t.writeHandlers(ctx, putHandlers, handlers)
}

// ReplaceFileHandlers implements [store.Triggers].
func (t *tx) ReplaceFileHandlers(ctx context.Context, handlers []store.Handler) error {
	fromFile := make([]store.Handler, len(handlers))
	for i, handler := range handlers {
		handler.Source = store.HandlerFromFile
		fromFile[i] = handler
	}
	return t.writeHandlers(ctx, replaceFileHandlers, fromFile)
}

func (t *tx) writeHandlers(ctx context.Context, statement string, handlers []store.Handler) error {
	handlers = latest(handlers, func(h store.Handler) string { return h.Name })
	return t.exec(ctx, "write handlers", statement,
		texts(handlers, func(h store.Handler) string { return h.Name }),
		texts(handlers, func(h store.Handler) string { return h.Account }),
		texts(handlers, func(h store.Handler) string { return h.Source }),
		texts(handlers, func(h store.Handler) string { return string(h.Definition) }),
		bools(handlers, func(h store.Handler) bool { return h.Enabled }),
		moments(handlers, func(h store.Handler) time.Time { return t.orNow(h.UpdatedAt) }))
}

// DropHandlers implements [store.Triggers].
func (t *tx) DropHandlers(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return t.exec(ctx, "drop handlers", dropHandlers, list(names))
}

// Handlers implements [store.Triggers].
func (t *tx) Handlers(ctx context.Context) ([]store.Handler, error) {
	var rows []handlerRow
	if err := t.SelectContext(ctx, &rows, allHandlers); err != nil {
		return nil, t.fail(ctx, "read handlers", err)
	}
	return handlersFrom(rows), nil
}

// CountHandlers implements [store.Triggers]. Counts of one handler are put together: one statement can write a row only
// once.
func (t *tx) CountHandlers(ctx context.Context, counts []store.HandlerCount) error {
	if len(counts) == 0 {
		return nil
	}
	place := make(map[string]int, len(counts))
	var whole []store.HandlerCount
	for _, count := range counts {
		if count.Succeeded {
			count.Failed = 0
		}
		at, known := place[count.Name]
		if !known {
			place[count.Name] = len(whole)
			whole = append(whole, count)
			continue
		}
		whole[at] = together(whole[at], count)
	}
	return t.exec(ctx, "count handlers", countHandlers,
		texts(whole, func(c store.HandlerCount) string { return c.Name }),
		ints(whole, func(c store.HandlerCount) int64 { return int64(c.Fired) }),
		ints(whole, func(c store.HandlerCount) int64 { return int64(c.Failed) }),
		bools(whole, func(c store.HandlerCount) bool { return c.Succeeded }),
		texts(whole, func(c store.HandlerCount) string { return readable(c.LastError) }),
		moments(whole, func(c store.HandlerCount) time.Time { return t.orNow(c.At) }))
}

// together is what a count and a later one of the same handler come to.
func together(before, after store.HandlerCount) store.HandlerCount {
	if !after.Succeeded {
		after.Failed += before.Failed
	}
	after.Succeeded = after.Succeeded || before.Succeeded
	if after.LastError == "" {
		after.LastError = before.LastError
	}
	if after.Fired == 0 || (before.Fired > 0 && before.At.After(after.At)) {
		after.At = before.At
	}
	after.Fired += before.Fired
	return after
}

// SwitchOff implements [store.Triggers].
func (t *tx) SwitchOff(ctx context.Context, name, reason string) (bool, error) {
	return t.switched(ctx, switchOff, name, readable(reason), moment(t.store.now()))
}

// SwitchOn implements [store.Triggers].
func (t *tx) SwitchOn(ctx context.Context, name string) (bool, error) {
	return t.switched(ctx, switchOn, name, moment(t.store.now()))
}

// switched says whether a statement raised the revision, and so changed something.
func (t *tx) switched(ctx context.Context, statement string, args ...any) (bool, error) {
	raised, err := t.count(ctx, "switch handler", statement, args...)
	return raised > 0, err
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
