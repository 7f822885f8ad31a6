package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"webhookd/internal/store"
)

// Position implements [store.Outbox]. It is one statement, so that position and held rows are of one moment.
func (s *Store) Position(ctx context.Context) (store.Position, error) {
	var rows []struct {
		Through  int64          `db:"through"`
		OutboxID sql.NullInt64  `db:"outbox_id"`
		Account  sql.NullString `db:"account"`
		CallUUID sql.NullString `db:"call_uuid"`
		Poison   sql.NullBool   `db:"poison"`
		Reason   sql.NullString `db:"reason"`
		HeldAt   sql.NullInt64  `db:"held_at"`
	}
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
			Poison: row.Poison.Bool, Reason: row.Reason.String, At: momentOf(row.HeldAt.Int64),
		})
	}
	return position, nil
}

// Advance implements [store.Outbox]. The position never moves back: a leader that was replaced without noticing may
// still report what it has published. A row that is both held and let go is held.
func (s *Store) Advance(ctx context.Context, through int64, hold []store.Held, letGo []int64) error {
	const doing = "move relay position"
	now := s.now()
	return s.transact(ctx, func(t *tx) error {
		err := each(ctx, t, doing, `update relay set through = ?1 where through < ?1`, []int64{through}, idArgs)
		if err != nil {
			return err
		}
		letGo := slices.DeleteFunc(slices.Clone(letGo), func(id int64) bool {
			return slices.ContainsFunc(hold, func(h store.Held) bool { return h.OutboxID == id })
		})
		err = each(ctx, t, doing, `delete from outbox_held where outbox_id = ?`, letGo, idArgs)
		if err != nil {
			return err
		}
		return each(ctx, t, doing, `
insert into outbox_held (outbox_id, account, call_uuid, poison, reason, held_at)
values (?, ?, ?, ?, ?, ?)
on conflict (outbox_id) do update set poison = excluded.poison, reason = excluded.reason`, hold,
			func(h store.Held) []any {
				if h.At.IsZero() {
					h.At = now
				}
				return []any{h.OutboxID, h.Account, h.CallUUID, h.Poison, h.Reason, moment(h.At)}
			})
	})
}

func idArgs(id int64) []any { return []any{id} }

// Wake implements [store.Outbox]. All commits are this process's own.
func (s *Store) Wake(ctx context.Context) (<-chan struct{}, error) {
	if s.open.Err() != nil {
		return nil, fmt.Errorf("listen for commits: %w: store is closed", store.ErrUnavailable)
	}
	return s.bell.ListenUntil(ctx, s.open), nil
}

// lease is leadership of the relay within this process.
type lease struct {
	store *Store
	lost  chan struct{}
}

// Lead implements [store.Outbox].
func (s *Store) Lead(ctx context.Context) (store.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("take lead: %w", classify(err))
	}
	s.leading.Lock()
	defer s.leading.Unlock()
	switch {
	case s.open.Err() != nil:
		return nil, fmt.Errorf("take lead: %w: store is closed", store.ErrUnavailable)
	case s.leader != nil:
		return nil, fmt.Errorf("take lead: %w", store.ErrLeaderElsewhere)
	}
	s.leader = &lease{store: s, lost: make(chan struct{})}
	return s.leader, nil
}

// Lost implements [store.Lease].
func (l *lease) Lost() <-chan struct{} { return l.lost }

// Release implements [store.Lease].
func (l *lease) Release() error {
	l.store.leading.Lock()
	defer l.store.leading.Unlock()
	if l.store.leader == l {
		l.store.leader = nil
	}
	return nil
}

// loseLeader ends a lease for the store's own end.
func (s *Store) loseLeader() {
	s.leading.Lock()
	defer s.leading.Unlock()
	if s.leader != nil {
		close(s.leader.lost)
		s.leader = nil
	}
}
