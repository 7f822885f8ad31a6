package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type triggerRow struct {
	ID            string         `db:"id"`
	Account       string         `db:"account"`
	Handler       string         `db:"handler"`
	TransactionID string         `db:"transaction_id"`
	CallUUID      string         `db:"call_uuid"`
	Contact       string         `db:"contact"`
	EventType     string         `db:"event_type"`
	EventUUID     string         `db:"event_uuid"`
	EventAt       sql.NullTime   `db:"event_at"`
	State         string         `db:"state"`
	Occasion      []byte         `db:"occasion"`
	CancelOn      pq.StringArray `db:"cancel_on"`
	CancelScope   string         `db:"cancel_scope"`
	OnceKey       string         `db:"once_key"`
	Depth         int            `db:"depth"`
	CreatedAt     time.Time      `db:"created_at"`
	FireAt        sql.NullTime   `db:"fire_at"`
	EndedAt       sql.NullTime   `db:"ended_at"`
	Reason        string         `db:"reason"`
}

func (r triggerRow) trigger() store.Trigger {
	if len(r.CancelOn) == 0 {
		r.CancelOn = nil
	}
	return store.Trigger{
		ID: r.ID, Account: r.Account, Handler: r.Handler, TransactionID: r.TransactionID, CallUUID: r.CallUUID,
		Contact: r.Contact, EventType: r.EventType, EventUUID: r.EventUUID, EventAt: dialog.TimeOf(r.EventAt.Time),
		State: store.TriggerState(r.State), Occasion: r.Occasion, CancelOn: r.CancelOn, CancelScope: r.CancelScope,
		OnceKey: r.OnceKey, Depth: r.Depth, CreatedAt: r.CreatedAt.UTC(), FireAt: momentOf(r.FireAt),
		EndedAt: momentOf(r.EndedAt), Reason: r.Reason,
	}
}

func triggersFrom(rows []triggerRow) []store.Trigger {
	triggers := make([]store.Trigger, len(rows))
	for i, row := range rows {
		triggers[i] = row.trigger()
	}
	return triggers
}

const (
	triggerColumns = `id, account, handler, coalesce(transaction_id, '') as transaction_id,
       coalesce(call_uuid, '') as call_uuid, coalesce(contact, '') as contact, event_type, event_uuid, event_at, state,
       cancel_on, cancel_scope, coalesce(once_key, '') as once_key, depth, created_at, fire_at, ended_at, reason`

	addTriggers = `
insert into triggers (id, account, handler, transaction_id, call_uuid, contact, event_type, event_uuid, event_at, state,
                      occasion, cancel_on, cancel_scope, once_key, depth, created_at, fire_at, ended_at, reason)
select id, account, handler, nullif(transaction_id, ''), nullif(call_uuid, ''), nullif(contact, ''), event_type,
       event_uuid, nullif(event_at, '')::timestamptz, state, substring($11::bytea from occasion_at for occasion_size),
       cancel_on::text[], cancel_scope, nullif(once_key, ''), depth, created_at::timestamptz,
       nullif(fire_at, '')::timestamptz, nullif(ended_at, '')::timestamptz, reason
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $12::integer[], $13::integer[], $14::text[], $15::text[], $16::text[],
            $17::integer[], $18::text[], $19::text[], $20::text[], $21::text[])
     as new(id, account, handler, transaction_id, call_uuid, contact, event_type, event_uuid, event_at, state,
            occasion_at, occasion_size, cancel_on, cancel_scope, once_key, depth, created_at, fire_at, ended_at, reason)
on conflict (id) do nothing
returning id`

	endTriggers = `
update triggers set state = new.state, ended_at = new.ended_at::timestamptz, reason = new.reason
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new(id, state, ended_at, reason)
where triggers.id = new.id collate "C" and triggers.state = 'pending'
returning triggers.id`

	triggersByID = `select ` + triggerColumns + `, occasion from triggers where id = any($1::text[])`

	triggersOfTransaction = `select ` + triggerColumns + ` from triggers where account = $1 and transaction_id = $2`

	onceTaken = `
select exists (
    select from triggers
    where triggers.account = asked.account collate "C" and triggers.handler = asked.handler collate "C"
      and triggers.once_key = asked.once_key collate "C" and triggers.created_at > asked.since::timestamptz
      and triggers.state not in ('cancelled', 'skipped'))
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     with ordinality as asked(account, handler, once_key, since, place)
order by place`

	// pendingOf has the conditions of the partial indexes word for word, and looks into them once for each query. Left
	// the choice ("offset 0" takes it), the planner would read all that is pending whenever it believes that this is
	// little, and what it believes is as old as the table's statistics.
	pendingOf = `
with asked as (
    select distinct account collate "C" as account, call_uuid collate "C" as call_uuid, contact collate "C" as contact,
           event_type collate "C" as event_type
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as given(account, call_uuid, contact, event_type)
), found as (
    select pending.id
    from asked cross join lateral (
        select id, cancel_on from triggers
        where triggers.account = asked.account and triggers.call_uuid = asked.call_uuid and state = 'pending'
        offset 0) as pending
    where asked.event_type = any(pending.cancel_on)
    union
    select pending.id
    from asked cross join lateral (
        select id, cancel_on from triggers
        where triggers.account = asked.account and triggers.contact = asked.contact and state = 'pending'
          and cancel_scope = 'contact'
        offset 0) as pending
    where asked.event_type = any(pending.cancel_on)
)
select ` + triggerColumns + ` from triggers where id = any(array(select id from found))`

	triggersOfCall = `
select ` + triggerColumns + ` from triggers where account = $1 and call_uuid = $2 order by created_at, id`

	triggersOfHandler = `
select ` + triggerColumns + ` from triggers where handler = $1 order by created_at desc, id desc limit $2`
)

// AddTriggers implements [store.Triggers].
func (t *tx) AddTriggers(ctx context.Context, triggers []*store.Trigger) error {
	if len(triggers) == 0 {
		return nil
	}
	first := make(map[string]*store.Trigger, len(triggers))
	fresh := make([]*store.Trigger, 0, len(triggers))
	for _, trigger := range triggers {
		trigger.Known = true // until it turns out to be new
		if first[trigger.ID] == nil {
			first[trigger.ID] = trigger
			fresh = append(fresh, trigger)
		}
	}
	occasions := pack(fresh, func(g *store.Trigger) []byte { return g.Occasion })
	var added []string
	err := t.change(ctx, &added, addTriggers,
		texts(fresh, func(g *store.Trigger) string { return g.ID }),
		texts(fresh, func(g *store.Trigger) string { return g.Account }),
		texts(fresh, func(g *store.Trigger) string { return g.Handler }),
		texts(fresh, func(g *store.Trigger) string { return g.TransactionID }),
		texts(fresh, func(g *store.Trigger) string { return g.CallUUID }),
		texts(fresh, func(g *store.Trigger) string { return store.BoundedKey(g.Contact) }),
		texts(fresh, func(g *store.Trigger) string { return g.EventType }),
		texts(fresh, func(g *store.Trigger) string { return g.EventUUID }),
		texts(fresh, func(g *store.Trigger) string { return optional(g.EventAt) }),
		texts(fresh, func(g *store.Trigger) string { return string(g.State) }),
		occasions.data, occasions.at, occasions.size,
		texts(fresh, func(g *store.Trigger) string { return literal(g.CancelOn) }),
		texts(fresh, func(g *store.Trigger) string { return g.CancelScope }),
		texts(fresh, func(g *store.Trigger) string { return store.BoundedKey(g.OnceKey) }),
		ints(fresh, func(g *store.Trigger) int64 { return int64(g.Depth) }),
		moments(fresh, func(g *store.Trigger) time.Time { return t.orNow(g.CreatedAt) }),
		optionalMoments(fresh, func(g *store.Trigger) time.Time { return g.FireAt }),
		optionalMoments(fresh, func(g *store.Trigger) time.Time { return g.EndedAt }),
		texts(fresh, func(g *store.Trigger) string { return readable(g.Reason) }))
	if err != nil {
		return t.fail(ctx, "write triggers", err)
	}
	for _, id := range added {
		first[id].Known = false
	}
	return nil
}

// EndTriggers implements [store.Triggers].
func (t *tx) EndTriggers(ctx context.Context, triggers []store.Trigger) ([]string, error) {
	if len(triggers) == 0 {
		return nil, nil
	}
	seen := make(map[string]bool, len(triggers))
	first := make([]store.Trigger, 0, len(triggers))
	for _, trigger := range triggers {
		if !seen[trigger.ID] {
			seen[trigger.ID] = true
			first = append(first, trigger)
		}
	}
	var ended []string
	err := t.change(ctx, &ended, endTriggers,
		texts(first, func(g store.Trigger) string { return g.ID }),
		texts(first, func(g store.Trigger) string { return string(g.State) }),
		moments(first, func(g store.Trigger) time.Time { return t.orNow(g.EndedAt) }),
		texts(first, func(g store.Trigger) string { return readable(g.Reason) }))
	if err != nil {
		return nil, t.fail(ctx, "end triggers", err)
	}
	changed := make(map[string]bool, len(ended))
	for _, id := range ended {
		changed[id] = true
	}
	ended = ended[:0]
	for _, trigger := range first {
		if changed[trigger.ID] {
			ended = append(ended, trigger.ID)
		}
	}
	return ended, nil
}

func (t *tx) triggers(ctx context.Context, query string, args ...any) ([]store.Trigger, error) {
	var rows []triggerRow
	if err := t.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, t.fail(ctx, "read triggers", err)
	}
	return triggersFrom(rows), nil
}

// TriggersByID implements [store.Triggers].
func (t *tx) TriggersByID(ctx context.Context, ids []string) ([]store.Trigger, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.triggers(ctx, triggersByID, list(ids))
}

// TriggersOf implements [store.Triggers].
func (t *tx) TriggersOf(ctx context.Context, account, transactionID string) ([]store.Trigger, error) {
	return t.triggers(ctx, triggersOfTransaction, account, transactionID)
}

// OnceTaken implements [store.Triggers].
func (t *tx) OnceTaken(ctx context.Context, queries []store.OnceQuery) ([]bool, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	taken := make([]bool, 0, len(queries))
	err := t.SelectContext(ctx, &taken, onceTaken,
		texts(queries, func(q store.OnceQuery) string { return q.Account }),
		texts(queries, func(q store.OnceQuery) string { return q.Handler }),
		texts(queries, func(q store.OnceQuery) string { return store.BoundedKey(q.OnceKey) }),
		moments(queries, func(q store.OnceQuery) time.Time { return q.Since }))
	if err != nil {
		return nil, t.fail(ctx, "read triggers", err)
	}
	return taken, nil
}

// PendingOf implements [store.Triggers].
func (t *tx) PendingOf(ctx context.Context, queries []store.CancelQuery) ([]store.Trigger, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	return t.triggers(ctx, pendingOf,
		texts(queries, func(q store.CancelQuery) string { return q.Account }),
		texts(queries, func(q store.CancelQuery) string { return q.CallUUID }),
		texts(queries, func(q store.CancelQuery) string { return store.BoundedKey(q.Contact) }),
		texts(queries, func(q store.CancelQuery) string { return q.EventType }))
}

func (s *Store) triggers(ctx context.Context, query string, args ...any) ([]store.Trigger, error) {
	var rows []triggerRow
	if err := s.list(ctx, "read triggers", &rows, query, args...); err != nil {
		return nil, err
	}
	return triggersFrom(rows), nil
}

// TriggersOfCall implements [store.TriggerReader].
func (s *Store) TriggersOfCall(ctx context.Context, call store.Key) ([]store.Trigger, error) {
	return s.triggers(ctx, triggersOfCall, call.Account, call.UUID)
}

// TriggersOfHandler implements [store.TriggerReader].
func (s *Store) TriggersOfHandler(ctx context.Context, name string, limit int) ([]store.Trigger, error) {
	return s.triggers(ctx, triggersOfHandler, name, max(0, limit))
}
