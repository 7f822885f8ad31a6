package postgres

import (
	"context"
	"fmt"
	"time"

	"webhookd/internal/store"
)

type broadcastRow struct {
	Account       string    `db:"account"`
	ID            string    `db:"id"`
	Name          string    `db:"name"`
	TransactionID string    `db:"transaction_id"`
	Spec          []byte    `db:"spec"`
	AfterID       string    `db:"after_id"`
	Sent          int64     `db:"sent"`
	Total         int64     `db:"total"`
	State         string    `db:"state"`
	CreatedAt     time.Time `db:"created_at"`
	UpdatedAt     time.Time `db:"updated_at"`
}

func (r broadcastRow) broadcast() store.Broadcast {
	return store.Broadcast{
		ID: r.ID, Account: r.Account, Name: r.Name, TransactionID: r.TransactionID, Spec: r.Spec, After: r.AfterID,
		Sent: r.Sent, Total: r.Total, State: r.State, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

const (
	putBroadcast = `
insert into broadcasts (account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (account, id) do update set
    name = excluded.name, transaction_id = excluded.transaction_id, spec = excluded.spec, after_id = excluded.after_id,
    sent = excluded.sent, total = excluded.total, state = excluded.state, created_at = excluded.created_at,
    updated_at = excluded.updated_at`

	selectBroadcast = `
select account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at
from broadcasts
where account = $1 and id = $2`
)

// PutBroadcast implements [store.Triggers].
func (t *tx) PutBroadcast(ctx context.Context, b store.Broadcast) error {
	return t.exec(ctx, "write broadcast", putBroadcast, b.Account, b.ID, b.Name, b.TransactionID,
		append([]byte{}, b.Spec...), b.After, b.Sent, b.Total, b.State, moment(t.orNow(b.CreatedAt)),
		moment(t.orNow(b.UpdatedAt)))
}

// Broadcast implements [store.Triggers].
func (t *tx) Broadcast(ctx context.Context, account, id string) (store.Broadcast, error) {
	const doing = "read broadcast"
	var rows []broadcastRow
	if err := t.SelectContext(ctx, &rows, selectBroadcast, account, id); err != nil {
		return store.Broadcast{}, t.fail(ctx, doing, err)
	}
	if len(rows) == 0 { // no statement failed: the transaction can go on
		return store.Broadcast{}, fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	}
	return rows[0].broadcast(), nil
}

// ReadBroadcast implements [store.TriggerReader].
func (s *Store) ReadBroadcast(ctx context.Context, account, id string) (store.Broadcast, error) {
	var row broadcastRow
	if err := s.read(ctx, "read broadcast", &row, selectBroadcast, account, id); err != nil {
		return store.Broadcast{}, err
	}
	return row.broadcast(), nil
}
