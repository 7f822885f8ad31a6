package postgres

import (
	"context"
	"time"

	"webhookd/internal/store"
)

const (
	selectIdempotent = `select status, body, answered_at from idempotent_answers where account = $1 and key = $2`

	keepIdempotent = `
insert into idempotent_answers (account, key, status, body, answered_at)
values ($1, $2, $3, $4, $5)
on conflict (account, key) do update set
    status = excluded.status, body = excluded.body, answered_at = excluded.answered_at`

	dropIdempotent = `
delete from idempotent_answers
where (account, key) in (
    select account, key from idempotent_answers where answered_at < $1::timestamptz order by answered_at limit $2)`
)

// Idempotent implements [store.Triggers].
func (t *tx) Idempotent(ctx context.Context, account string, key [32]byte) (store.Idempotent, bool, error) {
	var rows []struct {
		Status     int       `db:"status"`
		Body       []byte    `db:"body"`
		AnsweredAt time.Time `db:"answered_at"`
	}
	if err := t.SelectContext(ctx, &rows, selectIdempotent, account, key[:]); err != nil {
		return store.Idempotent{}, false, t.fail(ctx, "read idempotent answer", err)
	}
	if len(rows) == 0 {
		return store.Idempotent{}, false, nil
	}
	return store.Idempotent{
		Account: account, Key: key, Status: rows[0].Status, Body: rows[0].Body, At: rows[0].AnsweredAt.UTC(),
	}, true, nil
}

// KeepIdempotent implements [store.Triggers].
func (t *tx) KeepIdempotent(ctx context.Context, answer store.Idempotent) error {
	return t.exec(ctx, "write idempotent answer", keepIdempotent, answer.Account, answer.Key[:], answer.Status,
		append([]byte{}, answer.Body...), moment(t.orNow(answer.At)))
}

// DropIdempotent implements [store.Triggers].
func (t *tx) DropIdempotent(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.count(ctx, "drop idempotent answers", dropIdempotent, moment(before), max(0, limit))
}
