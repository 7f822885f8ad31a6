package postgres

import (
	"context"
	"time"

	"webhookd/internal/store"
)

// Quarantine implements [store.Writer].
func (s *Store) Quarantine(ctx context.Context, refused store.Refused) error {
	received := refused.ReceivedAt
	if received.IsZero() {
		received = s.now()
	}
	last := refused.LastAt
	if last.Before(received) {
		last = received
	}
	return s.exec(ctx, "write quarantine", `
insert into quarantine (account, received_at, last_at, count, code, reason, sha256, body, truncated)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (account, sha256) do update set
    count = quarantine.count + excluded.count, last_at = greatest(quarantine.last_at, excluded.last_at)`,
		readable(refused.Account), moment(received), moment(last), max(1, refused.Count), readable(refused.Code),
		readable(refused.Reason), refused.SHA256[:], append([]byte{}, refused.Body...), refused.Truncated)
}

const selectQuarantined = `
select id, account, received_at, last_at, count, code, reason, sha256, body, truncated
from quarantine
where account = $1
order by last_at desc, id desc
limit $2`

// Quarantined implements [store.Reader]: the newest is the one that came last.
func (s *Store) Quarantined(ctx context.Context, account string, limit int) ([]store.Refused, error) {
	var rows []struct {
		ID         int64     `db:"id"`
		Account    string    `db:"account"`
		ReceivedAt time.Time `db:"received_at"`
		LastAt     time.Time `db:"last_at"`
		Count      int       `db:"count"`
		Code       string    `db:"code"`
		Reason     string    `db:"reason"`
		SHA256     []byte    `db:"sha256"`
		Body       []byte    `db:"body"`
		Truncated  bool      `db:"truncated"`
	}
	err := s.list(ctx, "read quarantine", &rows, selectQuarantined, account, max(0, limit))
	if err != nil {
		return nil, err
	}
	refused := make([]store.Refused, len(rows))
	for i, row := range rows {
		refused[i] = store.Refused{
			ID: row.ID, Account: row.Account, ReceivedAt: row.ReceivedAt.UTC(), LastAt: row.LastAt.UTC(),
			Count: row.Count, Code: row.Code, Reason: row.Reason, SHA256: [32]byte(row.SHA256), Body: row.Body,
			Truncated: row.Truncated,
		}
	}
	return refused, nil
}
