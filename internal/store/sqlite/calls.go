package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type callRow struct {
	Account     string  `db:"account"`
	CallUUID    string  `db:"call_uuid"`
	MergedInto  string  `db:"merged_into"`
	Record      *string `db:"record"`
	Ledger      []byte  `db:"ledger"`
	Seq         int64   `db:"seq"`
	Revision    int     `db:"revision"`
	HeardAt     int64   `db:"heard_at"`
	UpdatedAt   int64   `db:"updated_at"`
	State       string  `db:"state"`
	Direction   string  `db:"direction"`
	Disposition string  `db:"disposition"`
	HangupBy    string  `db:"hangup_by"`
	Missed      bool    `db:"missed"`
	Connected   bool    `db:"connected"`
	StartedAt   int64   `db:"started_at"`
	EndedAt     int64   `db:"ended_at"`
	Keys        string  `db:"keys"`
}

const callColumns = `call.account, call.call_uuid, coalesce(call.merged_into, '') as merged_into, call.ledger,
       call.seq, call.revision, call.heard_at, call.updated_at, call.state, call.direction, call.disposition,
       call.hangup_by, call.missed, call.connected, call.started_at, call.ended_at, call.keys`

const wholeCallColumns = callColumns + `, call.record`

func callsOf(rows []callRow) ([]store.Call, error) {
	calls := make([]store.Call, len(rows))
	for i, row := range rows {
		keys, err := decodeKeys(row.Keys)
		if err != nil {
			return nil, fmt.Errorf("read call %s: %w", row.CallUUID, err)
		}
		calls[i] = store.Call{
			Account: row.Account, CallUUID: row.CallUUID, MergedInto: row.MergedInto, Ledger: blob(row.Ledger),
			Seq: row.Seq, Revision: row.Revision, HeardAt: momentOf(row.HeardAt), UpdatedAt: momentOf(row.UpdatedAt),
			Index: store.Index{
				State: row.State, Direction: row.Direction, Disposition: row.Disposition, HangupBy: row.HangupBy,
				Missed: row.Missed, Connected: row.Connected,
				StartedAt: dialog.Time(row.StartedAt), EndedAt: dialog.Time(row.EndedAt), Keys: keys,
			},
		}
		if row.Record != nil {
			calls[i].Record = json.RawMessage(*row.Record)
		}
	}
	return calls, nil
}

// Calls implements [store.Tx].
func (t *tx) Calls(ctx context.Context, keys []store.Key) ([]store.Call, error) {
	return t.calls(ctx, callColumns, keys)
}

// WholeCalls implements [store.Tx].
func (t *tx) WholeCalls(ctx context.Context, keys []store.Key) ([]store.Call, error) {
	return t.calls(ctx, wholeCallColumns, keys)
}

func (t *tx) calls(ctx context.Context, columns string, keys []store.Key) ([]store.Call, error) {
	rows, err := gather[callRow](ctx, t, "read calls",
		`select `+columns+` from calls call where call.account = ? and call.call_uuid = ?`, distinct(keys), keyArgs)
	if err != nil {
		return nil, err
	}
	calls, err := callsOf(rows)
	for i := range calls {
		stored := calls[i].Index
		calls[i].Stored = &stored
	}
	return calls, t.fail("read calls", err)
}

func distinct(keys []store.Key) []store.Key {
	seen := make(map[store.Key]bool, len(keys))
	return slices.DeleteFunc(slices.Clone(keys), func(key store.Key) bool {
		known := seen[key]
		seen[key] = true
		return known
	})
}

const putCall = `
insert into calls (account, call_uuid, merged_into, record, ledger, seq, revision, heard_at, updated_at, state,
                   direction, disposition, hangup_by, missed, connected, started_at, ended_at, keys)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (account, call_uuid) do update set
    merged_into = excluded.merged_into, record = excluded.record, ledger = excluded.ledger, seq = excluded.seq,
    revision = excluded.revision, heard_at = excluded.heard_at, updated_at = excluded.updated_at,
    state = excluded.state, direction = excluded.direction, disposition = excluded.disposition,
    hangup_by = excluded.hangup_by, missed = excluded.missed, connected = excluded.connected,
    started_at = excluded.started_at, ended_at = excluded.ended_at, keys = excluded.keys`

// PutCalls implements [store.Tx].
func (t *tx) PutCalls(ctx context.Context, calls []store.Call) error {
	t.touched = t.touched || len(calls) > 0
	calls = latest(calls)
	if err := t.putKeys(ctx, calls); err != nil {
		return err
	}
	if err := t.PutFacts(ctx, calls); err != nil { // before the call: it says where those are that are stored
		return err
	}
	return each(ctx, t, "write calls", putCall, calls, func(c store.Call) []any {
		return []any{
			c.Account, c.CallUUID, optional(c.MergedInto), optional(string(c.Record)), blob(c.Ledger), c.Seq,
			c.Revision, moment(c.HeardAt), moment(c.UpdatedAt), c.Index.State, c.Index.Direction, c.Index.Disposition,
			c.Index.HangupBy, c.Index.Missed, c.Index.Connected, int64(c.Index.StartedAt), int64(c.Index.EndedAt),
			encodeKeys(searchKeys(c)),
		}
	})
}

// latest drops calls that a later one replaces: the search keys are compared with what was stored before the batch.
func latest(calls []store.Call) []store.Call {
	last := make(map[store.Key]int, len(calls))
	for i, call := range calls {
		last[store.Key{Account: call.Account, UUID: call.CallUUID}] = i
	}
	kept := make([]store.Call, 0, len(last))
	for i, call := range calls {
		if last[store.Key{Account: call.Account, UUID: call.CallUUID}] == i {
			kept = append(kept, call)
		}
	}
	return kept
}

// putKeys writes call_keys where they differ from what calls says is there.
func (t *tx) putKeys(ctx context.Context, calls []store.Call) error {
	const doing = "write search keys"
	type stored struct {
		StartedAt int64  `db:"started_at"`
		Keys      string `db:"keys"`
	}
	type keyRow struct {
		account, key string
		startedAt    int64
		callUUID     string
	}
	args := func(r keyRow) []any { return []any{r.account, r.key, r.startedAt, r.callUUID} }
	var dropped, added []keyRow
	known, err := t.prepare(ctx, doing, `select started_at, keys from calls where account = ? and call_uuid = ?`)
	if err != nil {
		return err
	}
	defer func() { _ = known.Close() }()
	for _, call := range calls {
		if was := call.Stored; was != nil && was.StartedAt == call.Index.StartedAt && call.MergedInto == "" &&
			slices.Equal(was.Keys, call.Index.Keys) {
			continue
		}
		var before []stored
		if err := known.list(&before, call.Account, call.CallUUID); err != nil {
			return err
		}
		var keysBefore []string
		startedAt := int64(call.Index.StartedAt)
		startedBefore := startedAt
		if len(before) == 1 {
			startedBefore = before[0].StartedAt
			if keysBefore, err = decodeKeys(before[0].Keys); err != nil {
				return t.fail(doing, err)
			}
		}
		keys := searchKeys(call)
		if startedBefore == startedAt && slices.Equal(keysBefore, keys) {
			continue
		}
		for _, key := range keysBefore {
			if startedBefore != startedAt || !slices.Contains(keys, key) {
				dropped = append(dropped, keyRow{call.Account, key, startedBefore, call.CallUUID})
			}
		}
		for _, key := range keys {
			added = append(added, keyRow{call.Account, key, startedAt, call.CallUUID})
		}
	}
	err = each(ctx, t, doing,
		`delete from call_keys where account = ? and key = ? and started_at = ? and call_uuid = ?`, dropped, args)
	if err != nil {
		return err
	}
	return each(ctx, t, doing,
		`insert into call_keys (account, key, started_at, call_uuid) values (?, ?, ?, ?) on conflict do nothing`,
		added, args)
}

// searchKeys are the keys to store: none for a call that went into another one.
func searchKeys(call store.Call) []string {
	if call.MergedInto != "" {
		return nil
	}
	return call.Index.Keys
}

func encodeKeys(keys []string) string {
	if len(keys) == 0 {
		return "[]"
	}
	text, err := json.Marshal(keys)
	if err != nil { // a list of strings has none
		panic(err)
	}
	return string(text)
}

func decodeKeys(text string) ([]string, error) {
	var keys []string
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return nil, fmt.Errorf("decode search keys: %w", err)
	}
	return keys, nil
}

// Call implements [store.Reader].
func (s *Store) Call(ctx context.Context, key store.Key) (store.Call, error) {
	var row callRow
	err := s.read(ctx, "read call", &row,
		`select `+wholeCallColumns+` from calls call where call.account = ? and call.call_uuid = ?`, key.Account, key.UUID)
	if err != nil {
		return store.Call{}, err
	}
	calls, err := callsOf([]callRow{row})
	if err != nil {
		return store.Call{}, err
	}
	return calls[0], nil
}
