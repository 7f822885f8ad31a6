package postgres

import (
	"context"
	"database/sql"
	"time"

	"webhookd/internal/store"
)

type requestRow struct {
	ID          string       `db:"id"`
	Account     string       `db:"account"`
	TriggerID   string       `db:"trigger_id"`
	Handler     string       `db:"handler"`
	Spec        []byte       `db:"spec"`
	Attempts    int          `db:"attempts"`
	CreatedAt   time.Time    `db:"created_at"`
	LeasedUntil sql.NullTime `db:"leased_until"`
	LastError   string       `db:"last_error"`
}

func requestsFrom(rows []requestRow) []store.Request {
	requests := make([]store.Request, len(rows))
	for i, row := range rows {
		requests[i] = store.Request{
			ID: row.ID, Account: row.Account, TriggerID: row.TriggerID, Handler: row.Handler, Spec: row.Spec,
			Attempts: row.Attempts, CreatedAt: row.CreatedAt.UTC(), LeasedUntil: momentOf(row.LeasedUntil),
			LastError: row.LastError,
		}
	}
	return requests
}

const (
	requestColumns = `id, account, trigger_id, handler, spec, attempts, created_at, leased_until, last_error`

	putRequests = `
insert into requests (id, account, trigger_id, handler, spec, attempts, created_at, leased_until, last_error)
select id, account, trigger_id, handler, substring($5::bytea from spec_at for spec_size), attempts,
       created_at::timestamptz, nullif(leased_until, '')::timestamptz, last_error
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $6::integer[], $7::integer[], $8::integer[], $9::text[],
            $10::text[], $11::text[])
     as new(id, account, trigger_id, handler, spec_at, spec_size, attempts, created_at, leased_until, last_error)
on conflict (id) do update set
    account = excluded.account, trigger_id = excluded.trigger_id, handler = excluded.handler, spec = excluded.spec,
    attempts = excluded.attempts, created_at = excluded.created_at, leased_until = excluded.leased_until,
    last_error = excluded.last_error`

	claimRequests = `
update requests set leased_until = $2::timestamptz
where id = any($1::text[]) and (leased_until is null or leased_until <= $3::timestamptz)
returning ` + requestColumns

	selectRequests = `select ` + requestColumns + ` from requests where id = any($1::text[])`

	dropRequests = `delete from requests where id = any($1::text[])`
)

// PutRequests implements [store.Triggers].
func (t *tx) PutRequests(ctx context.Context, requests []store.Request) error {
	if len(requests) == 0 {
		return nil
	}
	requests = latest(requests, func(r store.Request) string { return r.ID })
	specs := pack(requests, func(r store.Request) []byte { return r.Spec })
	return t.exec(ctx, "write requests", putRequests,
		texts(requests, func(r store.Request) string { return r.ID }),
		texts(requests, func(r store.Request) string { return r.Account }),
		texts(requests, func(r store.Request) string { return r.TriggerID }),
		texts(requests, func(r store.Request) string { return r.Handler }),
		specs.data, specs.at, specs.size,
		ints(requests, func(r store.Request) int64 { return int64(r.Attempts) }),
		moments(requests, func(r store.Request) time.Time { return t.orNow(r.CreatedAt) }),
		optionalMoments(requests, func(r store.Request) time.Time { return r.LeasedUntil }),
		texts(requests, func(r store.Request) string { return readable(r.LastError) }))
}

// ClaimRequests implements [store.Triggers].
func (t *tx) ClaimRequests(ctx context.Context, ids []string, until time.Time) ([]store.Request, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []requestRow
	err := t.change(ctx, &rows, claimRequests, list(ids), moment(until), moment(t.store.now()))
	if err != nil {
		return nil, t.fail(ctx, "claim requests", err)
	}
	return requestsFrom(rows), nil
}

// Requests implements [store.Triggers].
func (t *tx) Requests(ctx context.Context, ids []string) ([]store.Request, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []requestRow
	if err := t.SelectContext(ctx, &rows, selectRequests, list(ids)); err != nil {
		return nil, t.fail(ctx, "read requests", err)
	}
	return requestsFrom(rows), nil
}

// DropRequests implements [store.Triggers].
func (t *tx) DropRequests(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return t.exec(ctx, "drop requests", dropRequests, list(ids))
}
