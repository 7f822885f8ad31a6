package postgres

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

func (r legRow) leg() store.Leg { return store.Leg(r) }

const legsOfCalls = `
with wanted as (
    select account collate "C" as account, uuid collate "C" as uuid
    from unnest($1::text[], $2::text[]) as key(account, uuid)
), found as (
    select account, uuid as call_uuid from wanted
    union
    select legs.account, legs.call_uuid
    from wanted join legs on legs.account = wanted.account and legs.dialog_uuid = wanted.uuid
)
select legs.account, legs.dialog_uuid, legs.call_uuid, legs.evidence
from found join legs on legs.account = found.account and legs.call_uuid = found.call_uuid`

// Legs implements [store.Tx].
func (t *tx) Legs(ctx context.Context, keys []store.Key) ([]store.Leg, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []legRow
	err := t.SelectContext(ctx, &rows, legsOfCalls,
		texts(keys, func(k store.Key) string { return k.Account }),
		texts(keys, func(k store.Key) string { return k.UUID }))
	if err != nil {
		return nil, t.fail(ctx, "read legs", err)
	}
	legs := make([]store.Leg, len(rows))
	for i, row := range rows {
		legs[i] = row.leg()
	}
	return legs, nil
}

const putLegs = `
legs_put as (
insert into legs (account, dialog_uuid, call_uuid, evidence)
select account, dialog_uuid, call_uuid, substring($4::bytea from evidence_at for evidence_size)
from unnest($1::text[], $2::text[], $3::text[], $5::integer[], $6::integer[])
     as new(account, dialog_uuid, call_uuid, evidence_at, evidence_size)
on conflict (account, dialog_uuid) do update set call_uuid = excluded.call_uuid, evidence = excluded.evidence
)`

// PutLegs implements [store.Tx].
func (t *tx) PutLegs(ctx context.Context, legs []store.Leg) error {
	t.touched = t.touched || len(legs) > 0
	return t.keep(ctx, "write legs", legsPiece(legs))
}

func legsPiece(legs []store.Leg) piece {
	if len(legs) == 0 {
		return piece{}
	}
	legs = latest(legs, func(l store.Leg) store.Key { return store.Key{Account: l.Account, UUID: l.DialogUUID} })
	evidence := pack(legs, func(l store.Leg) []byte { return l.Evidence })
	return piece{sql: putLegs, args: []any{
		texts(legs, func(l store.Leg) string { return l.Account }),
		texts(legs, func(l store.Leg) string { return l.DialogUUID }),
		texts(legs, func(l store.Leg) string { return l.CallUUID }),
		evidence.data, evidence.at, evidence.size,
	}}
}

const selectDialog = `
select account, dialog_uuid, call_uuid, evidence from legs where account = $1 and dialog_uuid = $2`

// Dialog implements [store.Reader].
func (s *Store) Dialog(ctx context.Context, key store.Key) (store.Leg, error) {
	var row legRow
	err := s.read(ctx, "read dialog", &row, selectDialog, key.Account, key.UUID)
	return row.leg(), err
}
