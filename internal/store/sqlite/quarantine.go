package sqlite

import (
	"context"
	"math"

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

const refusedColumns = `id, account, received_at, last_at, count, code, reason, sha256, truncated`

// refusedRow is a row of quarantine.
type refusedRow struct {
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
	Size       int    `db:"size"`
}

func (r refusedRow) refused() store.Refused {
	return store.Refused{
		ID: r.ID, Account: r.Account, ReceivedAt: momentOf(r.ReceivedAt), LastAt: momentOf(r.LastAt), Count: r.Count,
		Code: r.Code, Reason: r.Reason, SHA256: [32]byte(r.SHA256), Body: blob(r.Body), Truncated: r.Truncated, Size: r.Size,
	}
}

const selectQuarantined = `
select ` + refusedColumns + `, body
from quarantine
where account = ?
order by last_at desc, id desc
limit ?`

// Quarantined implements [store.Reader]: the newest is the one that came last.
func (s *Store) Quarantined(ctx context.Context, account string, limit int) ([]store.Refused, error) {
	return s.listRefused(ctx, selectQuarantined, account, max(0, limit))
}

func (s *Store) listRefused(ctx context.Context, query string, args ...any) ([]store.Refused, error) {
	var rows []refusedRow
	if err := s.list(ctx, "read quarantine", &rows, query, args...); err != nil {
		return nil, err
	}
	refused := make([]store.Refused, len(rows))
	for i, row := range rows {
		refused[i] = row.refused()
	}
	return refused, nil
}

const selectRefusedPage = `
select ` + refusedColumns + `, substr(body, 1, ?) as body, length(body) as size
from quarantine
where account = ? and (last_at, id) < (?, ?)
order by last_at desc, id desc
limit ?`

// RefusedPage implements [store.Reader].
func (s *Store) RefusedPage(
	ctx context.Context, account string, before *store.RefusedCursor, limit int,
) ([]store.Refused, error) {
	last, id := int64(math.MaxInt64), int64(math.MaxInt64)
	if before != nil {
		last, id = moment(before.LastAt), before.ID
	}
	return s.listRefused(ctx, selectRefusedPage, store.RefusedBeginning, account, last, id, max(0, limit))
}

const selectRefused = `
select ` + refusedColumns + `, body
from quarantine
where account = ? and id = ?`

// Refused implements [store.Reader].
func (s *Store) Refused(ctx context.Context, account string, id int64) (store.Refused, error) {
	found, err := s.listRefused(ctx, selectRefused, account, id)
	switch {
	case err != nil:
		return store.Refused{}, err
	case len(found) == 0:
		return store.Refused{}, store.ErrNotFound
	}
	return found[0], nil
}

// DropRefused implements [store.Writer].
func (s *Store) DropRefused(ctx context.Context, account string, id int64) error {
	return s.transact(ctx, func(t *tx) error {
		dropped, err := t.drop(ctx, "drop from quarantine",
			`delete from quarantine where account = ? and id = ? returning id`, account, id)
		switch {
		case err != nil:
			return err
		case dropped == 0:
			return store.ErrNotFound
		}
		return nil
	})
}
