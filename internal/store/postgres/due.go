package postgres

import (
	"context"
	"database/sql"
	"time"

	"webhookd/internal/store"
)

type dueKey struct {
	account, callUUID string
	kind              store.DueKind
}

func keyOfDue(d store.Due) dueKey { return dueKey{d.Account, d.CallUUID, d.Kind} }

const (
	putDue = `
due_put as (
insert into due (account, call_uuid, kind, due_at)
select account, call_uuid, kind, due_at::timestamptz
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new(account, call_uuid, kind, due_at)
on conflict (account, call_uuid, kind) do update set due_at = excluded.due_at where due.due_at <> excluded.due_at
)`

	dropDue = `
due_dropped as (
delete from due
using unnest($1::text[], $2::text[], $3::text[]) as done(account, call_uuid, kind)
where due.account = done.account collate "C" and due.call_uuid = done.call_uuid collate "C"
  and due.kind = done.kind collate "C"
)`

	selectDue = `
select account, call_uuid, kind, due_at
from due
where due_at <= $1
order by due_at, account, call_uuid, kind
limit $2`

	nextDue = `select min(due_at) from due`
)

// PutDue implements [store.Tx]. A row that has its time already is not written again.
func (t *tx) PutDue(ctx context.Context, rows []store.Due) error {
	return t.keep(ctx, "write due rows", putDuePiece(rows))
}

func putDuePiece(rows []store.Due) piece {
	if len(rows) == 0 {
		return piece{}
	}
	rows = latest(rows, keyOfDue)
	return piece{sql: putDue, args: []any{
		texts(rows, func(d store.Due) string { return d.Account }),
		texts(rows, func(d store.Due) string { return d.CallUUID }),
		texts(rows, func(d store.Due) string { return string(d.Kind) }),
		moments(rows, func(d store.Due) time.Time { return d.At }),
	}}
}

// DropDue implements [store.Tx].
func (t *tx) DropDue(ctx context.Context, rows []store.Due) error {
	return t.keep(ctx, "drop due rows", dropDuePiece(rows))
}

func dropDuePiece(rows []store.Due) piece {
	if len(rows) == 0 {
		return piece{}
	}
	return piece{sql: dropDue, args: []any{
		texts(rows, func(d store.Due) string { return d.Account }),
		texts(rows, func(d store.Due) string { return d.CallUUID }),
		texts(rows, func(d store.Due) string { return string(d.Kind) }),
	}}
}

// Due implements [store.Tx].
func (t *tx) Due(ctx context.Context, now time.Time, limit int) ([]store.Due, error) {
	var rows []struct {
		Account  string    `db:"account"`
		CallUUID string    `db:"call_uuid"`
		Kind     string    `db:"kind"`
		DueAt    time.Time `db:"due_at"`
	}
	err := t.SelectContext(ctx, &rows, selectDue, moment(now), max(0, limit))
	if err != nil {
		return nil, t.fail(ctx, "read due rows", err)
	}
	due := make([]store.Due, len(rows))
	for i, row := range rows {
		due[i] = store.Due{
			Account: row.Account, CallUUID: row.CallUUID, Kind: store.DueKind(row.Kind), At: row.DueAt.UTC(),
		}
	}
	return due, nil
}

// NextDue implements [store.Reader].
func (s *Store) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var next sql.NullTime
	if err := s.read(ctx, "read due rows", &next, nextDue); err != nil || !next.Valid {
		return time.Time{}, false, err
	}
	return next.Time.UTC(), true, nil
}
