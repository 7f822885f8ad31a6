package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type callRow struct {
	Account     string         `db:"account"`
	CallUUID    string         `db:"call_uuid"`
	MergedInto  string         `db:"merged_into"`
	Record      []byte         `db:"record"`
	Ledger      []byte         `db:"ledger"`
	Seq         int64          `db:"seq"`
	Revision    int            `db:"revision"`
	HeardAt     time.Time      `db:"heard_at"`
	UpdatedAt   time.Time      `db:"updated_at"`
	State       string         `db:"state"`
	Direction   string         `db:"direction"`
	Disposition string         `db:"disposition"`
	HangupBy    string         `db:"hangup_by"`
	Missed      bool           `db:"missed"`
	Connected   bool           `db:"connected"`
	StartedAt   time.Time      `db:"started_at"`
	EndedAt     sql.NullTime   `db:"ended_at"`
	Keys        pq.StringArray `db:"keys"`
}

const callColumns = `call.account, call.call_uuid, coalesce(call.merged_into, '') as merged_into, call.ledger,
       call.seq, call.revision, call.heard_at, call.updated_at, call.state, call.direction, call.disposition,
       call.hangup_by, call.missed, call.connected, call.started_at, call.ended_at, call.keys`

const wholeCallColumns = callColumns + `, call.record`

func (r callRow) call() store.Call {
	return store.Call{
		Account: r.Account, CallUUID: r.CallUUID, MergedInto: r.MergedInto, Record: r.Record, Ledger: r.Ledger,
		Seq: r.Seq, Revision: r.Revision, HeardAt: r.HeardAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		Index: store.Index{
			State: r.State, Direction: r.Direction, Disposition: r.Disposition, HangupBy: r.HangupBy,
			Missed: r.Missed, Connected: r.Connected,
			StartedAt: dialog.Time(r.StartedAt.Unix()), EndedAt: dialog.TimeOf(r.EndedAt.Time), Keys: r.Keys,
		},
	}
}

func callsOf(rows []callRow) []store.Call {
	calls := make([]store.Call, len(rows))
	for i, row := range rows {
		calls[i] = row.call()
	}
	return calls
}

const callsOfKeys = `
from unnest($1::text[], $2::text[]) as key(account, uuid)
     join calls call on call.account = key.account collate "C" and call.call_uuid = key.uuid collate "C"`

const (
	callsByKey      = `select ` + callColumns + callsOfKeys
	wholeCallsByKey = `select ` + wholeCallColumns + callsOfKeys
)

// Calls implements [store.Tx].
func (t *tx) Calls(ctx context.Context, keys []store.Key) ([]store.Call, error) {
	return t.calls(ctx, callsByKey, keys)
}

// WholeCalls implements [store.Tx].
func (t *tx) WholeCalls(ctx context.Context, keys []store.Key) ([]store.Call, error) {
	return t.calls(ctx, wholeCallsByKey, keys)
}

func (t *tx) calls(ctx context.Context, query string, keys []store.Key) ([]store.Call, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	keys = latest(keys, func(k store.Key) store.Key { return k })
	var rows []callRow
	err := t.SelectContext(ctx, &rows, query,
		texts(keys, func(k store.Key) string { return k.Account }),
		texts(keys, func(k store.Key) string { return k.UUID }))
	if err != nil {
		return nil, t.fail(ctx, "read calls", err)
	}
	calls := callsOf(rows)
	for i := range calls {
		stored := calls[i].Index
		calls[i].Stored = &stored
	}
	return calls, nil
}

const putCalls = `
calls_put as (
insert into calls (account, call_uuid, merged_into, record, ledger, seq, revision, heard_at, updated_at, state, open,
                   direction, disposition, hangup_by, missed, connected, started_at, ended_at, keys)
select account, call_uuid, nullif(merged_into, ''),
       nullif(convert_from(substring($4::bytea from record_at for record_size), 'UTF8'), ''),
       substring($5::bytea from ledger_at for ledger_size), seq, revision, heard_at::timestamptz,
       updated_at::timestamptz, state, state <> 'ended', direction, disposition, hangup_by, missed, connected,
       started_at::timestamptz, nullif(ended_at, '')::timestamptz, keys::text[]
from unnest($1::text[], $2::text[], $3::text[], $6::bigint[], $7::integer[], $8::text[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::text[], $14::boolean[], $15::boolean[], $16::text[], $17::text[],
            $18::text[], $19::integer[], $20::integer[], $21::integer[], $22::integer[])
     as new(account, call_uuid, merged_into, seq, revision, heard_at, updated_at, state, direction, disposition,
            hangup_by, missed, connected, started_at, ended_at, keys, record_at, record_size, ledger_at, ledger_size)
on conflict (account, call_uuid) do update set
    merged_into = excluded.merged_into, record = excluded.record, ledger = excluded.ledger, seq = excluded.seq,
    revision = excluded.revision, heard_at = excluded.heard_at, updated_at = excluded.updated_at,
    state = excluded.state, open = excluded.open, direction = excluded.direction,
    disposition = excluded.disposition, hangup_by = excluded.hangup_by, missed = excluded.missed,
    connected = excluded.connected, started_at = excluded.started_at, ended_at = excluded.ended_at,
    keys = excluded.keys
)`

// PutCalls implements [store.Tx].
func (t *tx) PutCalls(ctx context.Context, calls []store.Call) error {
	calls = latest(calls, keyOfCall)
	t.touched = t.touched || len(calls) > 0
	added, replaced := factPieces(calls)
	return t.keep(ctx, "write calls", keysPiece(calls), added, replaced, callsPiece(calls))
}

// callsPiece takes each call once.
func callsPiece(calls []store.Call) piece {
	if len(calls) == 0 {
		return piece{}
	}
	records := pack(calls, func(c store.Call) []byte { return c.Record })
	ledgers := pack(calls, func(c store.Call) []byte { return c.Ledger })
	return piece{sql: putCalls, args: []any{
		texts(calls, func(c store.Call) string { return c.Account }),
		texts(calls, func(c store.Call) string { return c.CallUUID }),
		texts(calls, func(c store.Call) string { return c.MergedInto }),
		records.data, ledgers.data,
		ints(calls, func(c store.Call) int64 { return c.Seq }),
		ints(calls, func(c store.Call) int64 { return int64(c.Revision) }),
		moments(calls, func(c store.Call) time.Time { return c.HeardAt }),
		moments(calls, func(c store.Call) time.Time { return c.UpdatedAt }),
		texts(calls, func(c store.Call) string { return c.Index.State }),
		texts(calls, func(c store.Call) string { return c.Index.Direction }),
		texts(calls, func(c store.Call) string { return c.Index.Disposition }),
		texts(calls, func(c store.Call) string { return c.Index.HangupBy }),
		bools(calls, func(c store.Call) bool { return c.Index.Missed }),
		bools(calls, func(c store.Call) bool { return c.Index.Connected }),
		texts(calls, func(c store.Call) string { return second(c.Index.StartedAt) }),
		texts(calls, func(c store.Call) string { return optional(c.Index.EndedAt) }),
		texts(calls, func(c store.Call) string { return literal(searchKeys(c)) }),
		records.at, records.size, ledgers.at, ledgers.size,
	}}
}

func keyOfCall(c store.Call) store.Key { return store.Key{Account: c.Account, UUID: c.CallUUID} }

// searchKeys are the keys to store: none for a call that went into another one.
func searchKeys(call store.Call) []string {
	if call.MergedInto != "" {
		return nil
	}
	keys := make([]string, len(call.Index.Keys))
	for i, key := range call.Index.Keys {
		keys[i] = searchKey(key)
	}
	return keys
}

// maxKey is what a search key may have, in bytes; an index entry cannot hold more than some 2700.
const maxKey = 400

// searchKey replaces a key that is too long by its hash: a sender's nonsense must not refuse the whole webhook.
func searchKey(key string) string {
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "key-sha256:" + hex.EncodeToString(sum[:])
}

const selectCall = `select ` + wholeCallColumns + ` from calls call where call.account = $1 and call.call_uuid = $2`

// Call implements [store.Reader].
func (s *Store) Call(ctx context.Context, key store.Key) (store.Call, error) {
	var row callRow
	if err := s.read(ctx, "read call", &row, selectCall, key.Account, key.UUID); err != nil {
		return store.Call{}, err
	}
	return row.call(), nil
}
