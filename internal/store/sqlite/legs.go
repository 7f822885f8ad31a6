package sqlite

import (
	"context"

	"webhookd/internal/store"
)

type legRow struct {
	Account    string `db:"account"`
	DialogUUID string `db:"dialog_uuid"`
	CallUUID   string `db:"call_uuid"`
	Evidence   []byte `db:"evidence"`
}

func (r legRow) leg() store.Leg {
	r.Evidence = blob(r.Evidence)
	return store.Leg(r)
}

const legsOfCall = `
select account, dialog_uuid, call_uuid, evidence
from legs
where account = ?1
  and call_uuid in (?2, (select call_uuid from legs where account = ?1 and dialog_uuid = ?2))`

// Legs implements [store.Tx].
func (t *tx) Legs(ctx context.Context, keys []store.Key) ([]store.Leg, error) {
	rows, err := gather[legRow](ctx, t, "read legs", legsOfCall, keys, keyArgs)
	if err != nil {
		return nil, err
	}
	legs := make([]store.Leg, 0, len(rows))
	seen := make(map[store.Key]bool, len(rows))
	for _, row := range rows { // several keys may stand for one call
		key := store.Key{Account: row.Account, UUID: row.DialogUUID}
		if !seen[key] {
			seen[key] = true
			legs = append(legs, row.leg())
		}
	}
	return legs, nil
}

func keyArgs(key store.Key) []any { return []any{key.Account, key.UUID} }

// PutLegs implements [store.Tx].
func (t *tx) PutLegs(ctx context.Context, legs []store.Leg) error {
	t.touched = t.touched || len(legs) > 0
	return each(ctx, t, "write legs", `
insert into legs (account, dialog_uuid, call_uuid, evidence)
values (?, ?, ?, ?)
on conflict (account, dialog_uuid) do update set call_uuid = excluded.call_uuid, evidence = excluded.evidence`,
		legs, func(l store.Leg) []any { return []any{l.Account, l.DialogUUID, l.CallUUID, blob(l.Evidence)} })
}

// Dialog implements [store.Reader].
func (s *Store) Dialog(ctx context.Context, key store.Key) (store.Leg, error) {
	var row legRow
	err := s.read(ctx, "read dialog", &row,
		`select account, dialog_uuid, call_uuid, evidence from legs where account = ? and dialog_uuid = ?`,
		key.Account, key.UUID)
	return row.leg(), err
}
