package sqlite

import (
	"context"
	"database/sql"
	"time"

	"webhookd/internal/store"
)

type requestRow struct {
	ID          string        `db:"id"`
	Account     string        `db:"account"`
	TriggerID   string        `db:"trigger_id"`
	Handler     string        `db:"handler"`
	Spec        []byte        `db:"spec"`
	Attempts    int           `db:"attempts"`
	CreatedAt   int64         `db:"created_at"`
	LeasedUntil sql.NullInt64 `db:"leased_until"`
	LastError   string        `db:"last_error"`
}

func requestsFrom(rows []requestRow) []store.Request {
	requests := make([]store.Request, len(rows))
	for i, row := range rows {
		requests[i] = store.Request{
			ID: row.ID, Account: row.Account, TriggerID: row.TriggerID, Handler: row.Handler, Spec: blob(row.Spec),
			Attempts: row.Attempts, CreatedAt: momentOf(row.CreatedAt), LeasedUntil: optionalMomentOf(row.LeasedUntil),
			LastError: row.LastError,
		}
	}
	return requests
}

const (
	requestColumns = `id, account, trigger_id, handler, spec, attempts, created_at, leased_until, last_error`

	putRequest = `
insert into requests (id, account, trigger_id, handler, spec, attempts, created_at, leased_until, last_error)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update set
    account = excluded.account, trigger_id = excluded.trigger_id, handler = excluded.handler, spec = excluded.spec,
    attempts = excluded.attempts, created_at = excluded.created_at, leased_until = excluded.leased_until,
    last_error = excluded.last_error`

	claimRequest = `
update requests set leased_until = ?2
where id = ?1 and (leased_until is null or leased_until <= ?3)
returning ` + requestColumns

	selectRequests = `select ` + requestColumns + ` from requests where id in (select value from json_each(?))`

	dropRequest = `delete from requests where id = ?`
)

// PutRequests implements [store.Triggers].
func (t *tx) PutRequests(ctx context.Context, requests []store.Request) error {
	return each(ctx, t, "write requests", putRequest, requests, func(r store.Request) []any {
		return []any{
			r.ID, r.Account, r.TriggerID, r.Handler, blob(r.Spec), r.Attempts, t.orNow(r.CreatedAt),
			optionalMoment(r.LeasedUntil), r.LastError,
		}
	})
}

// ClaimRequests implements [store.Triggers].
func (t *tx) ClaimRequests(ctx context.Context, ids []string, until time.Time) ([]store.Request, error) {
	now := moment(t.store.now())
	seen := make(map[string]bool, len(ids))
	var once []string // a lease that is over at once must not be given twice
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	rows, err := gather[requestRow](ctx, t, "claim requests", claimRequest, once,
		func(id string) []any { return []any{id, moment(until), now} })
	return requestsFrom(rows), err
}

// Requests implements [store.Triggers].
func (t *tx) Requests(ctx context.Context, ids []string) ([]store.Request, error) {
	rows, err := ask[requestRow](ctx, t, "read requests", selectRequests, encodeKeys(ids))
	return requestsFrom(rows), err
}

// DropRequests implements [store.Triggers].
func (t *tx) DropRequests(ctx context.Context, ids []string) error {
	return each(ctx, t, "drop requests", dropRequest, ids, one)
}
