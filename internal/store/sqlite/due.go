package sqlite

import (
	"context"
	"database/sql"
	"time"

	"webhookd/internal/store"
)

// PutDue implements [store.Tx].
func (t *tx) PutDue(ctx context.Context, rows []store.Due) error {
	return each(ctx, t, "write due rows", `
insert into due (account, call_uuid, kind, due_at)
values (?, ?, ?, ?)
on conflict (account, call_uuid, kind) do update set due_at = excluded.due_at where due_at <> excluded.due_at`,
		rows, func(d store.Due) []any { return []any{d.Account, d.CallUUID, string(d.Kind), moment(d.At)} })
}

// DropDue implements [store.Tx].
func (t *tx) DropDue(ctx context.Context, rows []store.Due) error {
	return each(ctx, t, "drop due rows", `delete from due where account = ? and call_uuid = ? and kind = ?`,
		rows, func(d store.Due) []any { return []any{d.Account, d.CallUUID, string(d.Kind)} })
}

const (
	selectDue = `
select account, call_uuid, kind, due_at
from due
where due_at <= ?
order by due_at, account, call_uuid, kind
limit ?`

	nextDue = `select min(due_at) from due`
)

// Due implements [store.Tx].
func (t *tx) Due(ctx context.Context, now time.Time, limit int) ([]store.Due, error) {
	type dueRow struct {
		Account  string `db:"account"`
		CallUUID string `db:"call_uuid"`
		Kind     string `db:"kind"`
		DueAt    int64  `db:"due_at"`
	}
	rows, err := gather[dueRow](ctx, t, "read due rows", selectDue, []time.Time{now},
		func(now time.Time) []any { return []any{moment(now), max(0, limit)} })
	if err != nil {
		return nil, err
	}
	due := make([]store.Due, len(rows))
	for i, row := range rows {
		due[i] = store.Due{
			Account: row.Account, CallUUID: row.CallUUID, Kind: store.DueKind(row.Kind), At: momentOf(row.DueAt),
		}
	}
	return due, nil
}

// NextDue implements [store.Reader].
func (s *Store) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var next sql.NullInt64
	if err := s.read(ctx, "read due rows", &next, nextDue); err != nil || !next.Valid {
		return time.Time{}, false, err
	}
	return momentOf(next.Int64), true, nil
}
