package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// refreshEvery is how often the handlers are compared with the database: how long another instance may go on with old
// ones.
const refreshEvery = 2 * time.Second

// Book holds all handlers, compiled. The database is the truth about them; the book follows it.
type Book struct {
	reader store.TriggerReader
	env    trigger.Environment
	log    *slog.Logger

	refreshing sync.Mutex
	edition    atomic.Pointer[edition]
}

// edition is what the book says at one time. It never changes.
type edition struct {
	revision int64
	set      *trigger.Set
}

// NewBook makes an empty book: nothing was read yet.
func NewBook(reader store.TriggerReader, env trigger.Environment, log *slog.Logger) *Book {
	return &Book{reader: reader, env: env, log: log}
}

// Environment is what configuration names and handlers may refer to.
func (b *Book) Environment() trigger.Environment { return b.env }

// Run keeps the book up to date until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	failing := false
	for {
		err := b.Refresh(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			b.log.Warn("handlers could not be read; the ones known stay in force", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Refresh reads the handlers if they have changed.
func (b *Book) Refresh(ctx context.Context) error {
	b.refreshing.Lock()
	defer b.refreshing.Unlock()
	if known := b.edition.Load(); known != nil {
		revision, err := b.reader.HandlersRevision(ctx)
		if err != nil {
			return fmt.Errorf("read revision of handlers: %w", err)
		}
		if revision == known.revision {
			return nil
		}
	}
	rows, revision, err := b.reader.AllHandlers(ctx)
	if err != nil {
		return fmt.Errorf("read handlers: %w", err)
	}
	b.edition.Store(&edition{revision: revision, set: b.compile(rows)})
	return nil
}

// set gives the handlers as they are known. The first transaction may be before the first Refresh; it reads them itself,
// so that no event goes by unseen.
func (b *Book) set(ctx context.Context, tx store.Tx) (*trigger.Set, error) {
	if known := b.edition.Load(); known != nil {
		return known.set, nil
	}
	rows, err := tx.Handlers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read handlers: %w", err)
	}
	return b.compile(rows), nil
}

// compile makes a set of what is kept. A handler that cannot be compiled any more, for example because configuration no
// longer names its flow, is left out and told; it is there again when it can.
func (b *Book) compile(rows []store.Handler) *trigger.Set {
	handlers := make([]*trigger.Compiled, 0, len(rows))
	for _, row := range rows {
		compiled, err := compileRow(row, b.env)
		if err != nil {
			b.log.Error("a handler cannot be used; nothing is triggered by it", "handler", row.Name, "error", err)
			continue
		}
		handlers = append(handlers, compiled)
	}
	return trigger.NewSet(handlers)
}

func compileRow(row store.Handler, env trigger.Environment) (*trigger.Compiled, error) {
	handler, err := trigger.ReadJSON(row.Definition)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	handler.Account, handler.Enabled, handler.Source = row.Account, row.Enabled, row.Source
	compiled, err := trigger.Compile(handler, env)
	if err != nil {
		return nil, fmt.Errorf("compile definition: %w", err)
	}
	return compiled, nil
}

// rowOf is a handler as it is kept.
func rowOf(handler trigger.Handler, source string) (store.Handler, error) {
	definition, err := handler.Encode()
	if err != nil {
		return store.Handler{}, fmt.Errorf("encode handler: %w", err)
	}
	return store.Handler{
		Name: handler.Name, Account: handler.Account, Source: source, Definition: definition, Enabled: handler.Enabled,
	}, nil
}
