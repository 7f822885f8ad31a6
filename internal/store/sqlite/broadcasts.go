package sqlite

import (
	"context"
	"fmt"

	"webhookd/internal/store"
)

type broadcastRow struct {
	Account       string `db:"account"`
	ID            string `db:"id"`
	Name          string `db:"name"`
	TransactionID string `db:"transaction_id"`
	Spec          []byte `db:"spec"`
	AfterID       string `db:"after_id"`
	Sent          int64  `db:"sent"`
	Total         int64  `db:"total"`
	State         string `db:"state"`
	CreatedAt     int64  `db:"created_at"`
	UpdatedAt     int64  `db:"updated_at"`
}

func (r broadcastRow) broadcast() store.Broadcast {
	return store.Broadcast{
		ID: r.ID, Account: r.Account, Name: r.Name, TransactionID: r.TransactionID, Spec: blob(r.Spec), After: r.AfterID,
		Sent: r.Sent, Total: r.Total, State: r.State, CreatedAt: momentOf(r.CreatedAt), UpdatedAt: momentOf(r.UpdatedAt),
	}
}

const (
	putBroadcast = `
insert into broadcasts (account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (account, id) do update set
    name = excluded.name, transaction_id = excluded.transaction_id, spec = excluded.spec, after_id = excluded.after_id,
    sent = excluded.sent, total = excluded.total, state = excluded.state, created_at = excluded.created_at,
    updated_at = excluded.updated_at`

	selectBroadcast = `
select account, id, name, transaction_id, spec, after_id, sent, total, state, created_at, updated_at
from broadcasts
where account = ? and id = ?`
)

// PutBroadcast implements [store.Triggers].
func (t *tx) PutBroadcast(ctx context.Context, broadcast store.Broadcast) error {
	return each(ctx, t, "write broadcast", putBroadcast, []store.Broadcast{broadcast}, func(b store.Broadcast) []any {
		return []any{
			b.Account, b.ID, b.Name, b.TransactionID, blob(b.Spec), b.After, b.Sent, b.Total, b.State,
			t.orNow(b.CreatedAt), t.orNow(b.UpdatedAt),
		}
	})
}

// Broadcast implements [store.Triggers].
func (t *tx) Broadcast(ctx context.Context, account, id string) (store.Broadcast, error) {
	const doing = "read broadcast"
	rows, err := ask[broadcastRow](ctx, t, doing, selectBroadcast, account, id)
	if err != nil {
		return store.Broadcast{}, err
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
