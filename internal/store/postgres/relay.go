package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/store"
)

type heldRow struct {
	Through  int64          `db:"through"`
	OutboxID sql.NullInt64  `db:"outbox_id"`
	Account  sql.NullString `db:"account"`
	CallUUID sql.NullString `db:"call_uuid"`
	Poison   sql.NullBool   `db:"poison"`
	Reason   sql.NullString `db:"reason"`
	HeldAt   sql.NullTime   `db:"held_at"`
}

// Position implements [store.Outbox]. It is one statement, so that position and held rows are of one moment.
func (s *Store) Position(ctx context.Context) (store.Position, error) {
	var rows []heldRow
	err := s.list(ctx, "read relay position", &rows, `
select relay.through, held.outbox_id, held.account, held.call_uuid, held.poison, held.reason, held.held_at
from relay left join outbox_held held on true
order by held.outbox_id`)
	if err != nil {
		return store.Position{}, err
	}
	var position store.Position
	for _, row := range rows {
		position.Through = row.Through
		if !row.OutboxID.Valid {
			continue
		}
		position.Held = append(position.Held, store.Held{
			OutboxID: row.OutboxID.Int64, Account: row.Account.String, CallUUID: row.CallUUID.String,
			Poison: row.Poison.Bool, Reason: row.Reason.String, At: row.HeldAt.Time.UTC(),
		})
	}
	return position, nil
}

const advance = `
with moved as (
    update relay set through = $1 where through < $1
), gone as (
    delete from outbox_held where outbox_id = any($2::bigint[]) and outbox_id <> all($3::bigint[])
)
insert into outbox_held (outbox_id, account, call_uuid, poison, reason, held_at)
select outbox_id, account, call_uuid, poison, reason, held_at::timestamptz
from unnest($3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
     as new(outbox_id, account, call_uuid, poison, reason, held_at)
on conflict (outbox_id) do update set poison = excluded.poison, reason = excluded.reason`

// Advance implements [store.Outbox]. The position never moves back: a leader that was replaced without noticing may
// still report what it has published. A row that is both held and let go is held.
func (s *Store) Advance(ctx context.Context, through int64, hold []store.Held, letGo []int64) error {
	now := s.now()
	hold = latest(hold, func(h store.Held) int64 { return h.OutboxID })
	return s.exec(ctx, "move relay position", advance,
		through, pq.Int64Array(append([]int64{}, letGo...)),
		ints(hold, func(h store.Held) int64 { return h.OutboxID }),
		texts(hold, func(h store.Held) string { return h.Account }),
		texts(hold, func(h store.Held) string { return h.CallUUID }),
		bools(hold, func(h store.Held) bool { return h.Poison }),
		texts(hold, func(h store.Held) string { return readable(h.Reason) }),
		moments(hold, func(h store.Held) time.Time {
			if h.At.IsZero() {
				return now
			}
			return h.At
		}))
}
