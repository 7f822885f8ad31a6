package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type triggerRow struct {
	ID            string        `db:"id"`
	Account       string        `db:"account"`
	Handler       string        `db:"handler"`
	TransactionID string        `db:"transaction_id"`
	CallUUID      string        `db:"call_uuid"`
	Contact       string        `db:"contact"`
	EventType     string        `db:"event_type"`
	EventUUID     string        `db:"event_uuid"`
	EventAt       int64         `db:"event_at"`
	State         string        `db:"state"`
	Occasion      []byte        `db:"occasion"`
	CancelOn      string        `db:"cancel_on"`
	CancelScope   string        `db:"cancel_scope"`
	OnceKey       string        `db:"once_key"`
	Depth         int           `db:"depth"`
	CreatedAt     int64         `db:"created_at"`
	FireAt        sql.NullInt64 `db:"fire_at"`
	EndedAt       sql.NullInt64 `db:"ended_at"`
	Reason        string        `db:"reason"`
}

func triggersFrom(rows []triggerRow) ([]store.Trigger, error) {
	triggers := make([]store.Trigger, len(rows))
	for i, r := range rows {
		cancelOn, err := decodeKeys(r.CancelOn)
		if err != nil {
			return nil, fmt.Errorf("read trigger %s: %w", r.ID, err)
		}
		if len(cancelOn) == 0 {
			cancelOn = nil
		}
		triggers[i] = store.Trigger{
			ID: r.ID, Account: r.Account, Handler: r.Handler, TransactionID: r.TransactionID, CallUUID: r.CallUUID,
			Contact: r.Contact, EventType: r.EventType, EventUUID: r.EventUUID, EventAt: dialog.Time(r.EventAt),
			State: store.TriggerState(r.State), Occasion: r.Occasion, CancelOn: cancelOn, CancelScope: r.CancelScope,
			OnceKey: r.OnceKey, Depth: r.Depth, CreatedAt: momentOf(r.CreatedAt), FireAt: optionalMomentOf(r.FireAt),
			EndedAt: optionalMomentOf(r.EndedAt), Reason: r.Reason,
		}
	}
	return triggers, nil
}

const (
	triggerColumns = `id, account, handler, coalesce(transaction_id, '') as transaction_id,
       coalesce(call_uuid, '') as call_uuid, coalesce(contact, '') as contact, event_type, event_uuid, event_at, state,
       cancel_on, cancel_scope, coalesce(once_key, '') as once_key, depth, created_at, fire_at, ended_at, reason`

	addTrigger = `
insert into triggers (id, account, handler, transaction_id, call_uuid, contact, event_type, event_uuid, event_at, state,
                      occasion, cancel_on, cancel_scope, once_key, depth, created_at, fire_at, ended_at, reason)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do nothing
returning id`

	endTrigger = `
update triggers set state = ?2, ended_at = ?3, reason = ?4 where id = ?1 and state = 'pending'
returning id`

	triggerByID = `select ` + triggerColumns + `, occasion from triggers where id = ?`

	triggersOfTransaction = `select ` + triggerColumns + ` from triggers where account = ? and transaction_id = ?`

	onceTaken = `
select exists (
    select 1 from triggers
    where account = ? and handler = ? and once_key = ? and created_at > ? and state not in ('cancelled', 'skipped'))`

	// pendingOf has the conditions of the partial indexes word for word.
	pendingOf = `
select ` + triggerColumns + `
from triggers
where account = ?1 and call_uuid = ?2 and state = 'pending'
  and ?4 in (select value from json_each(triggers.cancel_on))
union all
select ` + triggerColumns + `
from triggers
where account = ?1 and contact = ?3 and state = 'pending' and cancel_scope = 'contact'
  and ?4 in (select value from json_each(triggers.cancel_on))`

	triggersOfCall = `
select ` + triggerColumns + ` from triggers where account = ? and call_uuid = ? order by created_at, id`

	triggersOfHandler = `
select ` + triggerColumns + ` from triggers where handler = ? order by created_at desc, id desc limit ?`
)

// AddTriggers implements [store.Triggers].
func (t *tx) AddTriggers(ctx context.Context, triggers []*store.Trigger) error {
	if len(triggers) == 0 {
		return nil
	}
	insert, err := t.prepare(ctx, "write triggers", addTrigger)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, g := range triggers {
		var added []string
		err := insert.list(&added, g.ID, g.Account, g.Handler, optional(g.TransactionID), optional(g.CallUUID),
			optional(store.BoundedKey(g.Contact)), g.EventType, g.EventUUID, int64(g.EventAt), string(g.State),
			blob(g.Occasion), encodeKeys(g.CancelOn), g.CancelScope, optional(store.BoundedKey(g.OnceKey)), g.Depth,
			t.orNow(g.CreatedAt), optionalMoment(g.FireAt), optionalMoment(g.EndedAt), g.Reason)
		if err != nil {
			return err
		}
		g.Known = len(added) == 0
	}
	return nil
}

// EndTriggers implements [store.Triggers].
func (t *tx) EndTriggers(ctx context.Context, triggers []store.Trigger) ([]string, error) {
	return gather[string](ctx, t, "end triggers", endTrigger, triggers, func(g store.Trigger) []any {
		return []any{g.ID, string(g.State), t.orNow(g.EndedAt), g.Reason}
	})
}

// triggersOnce reads the triggers of all questions, each once.
func triggersOnce[T any](ctx context.Context, t *tx, query string, items []T, args func(T) []any) ([]store.Trigger, error) {
	const doing = "read triggers"
	rows, err := gather[triggerRow](ctx, t, doing, query, items, args)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(rows))
	once := rows[:0]
	for _, row := range rows {
		if !seen[row.ID] {
			seen[row.ID] = true
			once = append(once, row)
		}
	}
	triggers, err := triggersFrom(once)
	return triggers, t.fail(doing, err)
}

// TriggersByID implements [store.Triggers].
func (t *tx) TriggersByID(ctx context.Context, ids []string) ([]store.Trigger, error) {
	triggers, err := triggersOnce(ctx, t, triggerByID, ids, one)
	for i := range triggers {
		triggers[i].Occasion = blob(triggers[i].Occasion)
	}
	return triggers, err
}

// TriggersOf implements [store.Triggers].
func (t *tx) TriggersOf(ctx context.Context, account, transactionID string) ([]store.Trigger, error) {
	return triggersOnce(ctx, t, triggersOfTransaction, []string{transactionID},
		func(id string) []any { return []any{account, id} })
}

// OnceTaken implements [store.Triggers].
func (t *tx) OnceTaken(ctx context.Context, queries []store.OnceQuery) ([]bool, error) {
	return gather[bool](ctx, t, "read triggers", onceTaken, queries, func(q store.OnceQuery) []any {
		return []any{q.Account, q.Handler, store.BoundedKey(q.OnceKey), moment(q.Since)}
	})
}

// PendingOf implements [store.Triggers].
func (t *tx) PendingOf(ctx context.Context, queries []store.CancelQuery) ([]store.Trigger, error) {
	return triggersOnce(ctx, t, pendingOf, queries, func(q store.CancelQuery) []any {
		return []any{q.Account, q.CallUUID, store.BoundedKey(q.Contact), q.EventType}
	})
}

func (s *Store) triggers(ctx context.Context, query string, args ...any) ([]store.Trigger, error) {
	var rows []triggerRow
	if err := s.list(ctx, "read triggers", &rows, query, args...); err != nil {
		return nil, err
	}
	return triggersFrom(rows)
}

// TriggersOfCall implements [store.TriggerReader].
func (s *Store) TriggersOfCall(ctx context.Context, call store.Key) ([]store.Trigger, error) {
	return s.triggers(ctx, triggersOfCall, call.Account, call.UUID)
}

// TriggersOfHandler implements [store.TriggerReader].
func (s *Store) TriggersOfHandler(ctx context.Context, name string, limit int) ([]store.Trigger, error) {
	return s.triggers(ctx, triggersOfHandler, name, max(0, limit))
}
