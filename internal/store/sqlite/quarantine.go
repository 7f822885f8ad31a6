package sqlite

import (
	"context"

	"webhookd/internal/store"
)

// Quarantine implements [store.Writer].
func (s *Store) Quarantine(ctx context.Context, refused store.Refused) error {
	return s.transact(ctx, func(t *tx) error {
		return each(ctx, t, "write quarantine", `
insert into quarantine (account, received_at, last_at, count, code, reason, sha256, body, truncated)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (account, sha256) do update set
    count = count + excluded.count, last_at = max(last_at, excluded.last_at)`,
			[]store.Refused{refused}, s.refusedArgs)
	})
}

func (s *Store) refusedArgs(r store.Refused) []any {
	if r.ReceivedAt.IsZero() {
		r.ReceivedAt = s.now()
	}
	if r.LastAt.Before(r.ReceivedAt) {
		r.LastAt = r.ReceivedAt
	}
	return []any{
		r.Account, moment(r.ReceivedAt), moment(r.LastAt), max(1, r.Count), r.Code, r.Reason, r.SHA256[:],
		blob(r.Body), r.Truncated,
	}
}

const selectQuarantined = `
select id, account, received_at, last_at, count, code, reason, sha256, body, truncated
from quarantine
where account = ?
order by last_at desc, id desc
limit ?`

// Quarantined implements [store.Reader]: the newest is the one that came last.
func (s *Store) Quarantined(ctx context.Context, account string, limit int) ([]store.Refused, error) {
	var rows []struct {
		ID         int64  `db:"id"`
		Account    string `db:"account"`
		ReceivedAt int64  `db:"received_at"`
		LastAt     int64  `db:"last_at"`
		Count      int    `db:"count"`
		Code       string `db:"code"`
		Reason     string `db:"reason"`
		SHA256     []byte `db:"sha256"`
		Body       []byte `db:"body"`
		Truncated  bool   `db:"truncated"`
	}
	err := s.list(ctx, "read quarantine", &rows, selectQuarantined, account, max(0, limit))
	if err != nil {
		return nil, err
	}
	refused := make([]store.Refused, len(rows))
	for i, row := range rows {
		refused[i] = store.Refused{
			ID: row.ID, Account: row.Account, ReceivedAt: momentOf(row.ReceivedAt), LastAt: momentOf(row.LastAt),
			Count: row.Count, Code: row.Code, Reason: row.Reason, SHA256: [32]byte(row.SHA256), Body: blob(row.Body),
			Truncated: row.Truncated,
		}
	}
	return refused, nil
}
