package sqlite

import (
	"context"
	"time"

	"webhookd/internal/store"
)

const (
	selectIdempotent = `select status, body, answered_at from idempotent_answers where account = ? and key = ?`

	keepIdempotent = `
insert into idempotent_answers (account, key, status, body, answered_at)
values (?, ?, ?, ?, ?)
on conflict (account, key) do update set
    status = excluded.status, body = excluded.body, answered_at = excluded.answered_at`

	dropIdempotent = `
delete from idempotent_answers
where (account, key) in (
    select account, key from idempotent_answers where answered_at < ? order by answered_at limit ?)
returning 1`
)

// Idempotent implements [store.Triggers].
func (t *tx) Idempotent(ctx context.Context, account string, key [32]byte) (store.Idempotent, bool, error) {
	type answerRow struct {
		Status     int    `db:"status"`
		Body       []byte `db:"body"`
		AnsweredAt int64  `db:"answered_at"`
	}
	rows, err := ask[answerRow](ctx, t, "read idempotent answer", selectIdempotent, account, key[:])
	if err != nil || len(rows) == 0 {
		return store.Idempotent{}, false, err
	}
	return store.Idempotent{
		Account: account, Key: key, Status: rows[0].Status, Body: blob(rows[0].Body), At: momentOf(rows[0].AnsweredAt),
	}, true, nil
}

// KeepIdempotent implements [store.Triggers].
func (t *tx) KeepIdempotent(ctx context.Context, answer store.Idempotent) error {
	return each(ctx, t, "write idempotent answer", keepIdempotent, []store.Idempotent{answer},
		func(a store.Idempotent) []any {
			return []any{a.Account, a.Key[:], a.Status, blob(a.Body), t.orNow(a.At)}
		})
}

// DropIdempotent implements [store.Triggers].
func (t *tx) DropIdempotent(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "drop idempotent answers", dropIdempotent, moment(before), max(0, limit))
}
