package postgres

import (
	"context"
	"math"
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

const refusedColumns = `id, account, received_at, last_at, count, code, reason, sha256, truncated`

// refusedRow is a row of quarantine.
type refusedRow struct {
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
	Size       int       `db:"size"`
}

func (r refusedRow) refused() store.Refused {
	return store.Refused{
		ID: r.ID, Account: r.Account, ReceivedAt: r.ReceivedAt.UTC(), LastAt: r.LastAt.UTC(), Count: r.Count, Code: r.Code,
		Reason: r.Reason, SHA256: [32]byte(r.SHA256), Body: r.Body, Truncated: r.Truncated, Size: r.Size,
	}
}

const selectQuarantined = `
select ` + refusedColumns + `, body
from quarantine
where account = $1
order by last_at desc, id desc
limit $2`

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
select ` + refusedColumns + `, substr(body, 1, $3) as body, octet_length(body) as size
from quarantine
where account = $1 and (last_at, id) < ($4::timestamptz, $5::bigint)
order by last_at desc, id desc
limit $2`

// RefusedPage implements [store.Reader].
func (s *Store) RefusedPage(
	ctx context.Context, account string, before *store.RefusedCursor, limit int,
) ([]store.Refused, error) {
	last, id := any("infinity"), int64(math.MaxInt64)
	if before != nil {
		last, id = moment(before.LastAt), before.ID
	}
	return s.listRefused(ctx, selectRefusedPage, account, max(0, limit), store.RefusedBeginning, last, id)
}

const selectRefused = `
select ` + refusedColumns + `, body
from quarantine
where account = $1 and id = $2`

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
	var dropped []int64
	err := s.list(ctx, "drop from quarantine", &dropped,
		`delete from quarantine where account = $1 and id = $2 returning id`, account, id)
	switch {
	case err != nil:
		return err
	case len(dropped) == 0:
		return store.ErrNotFound
	}
	return nil
}
