package postgres

import (
	"slices"

	"webhookd/internal/store"
)

// putKeys replaces the search keys that differ from what is stored: what is stored is read as it was
// when the statement began, whatever else it writes.
const putKeys = `
keys_given as (
    select account collate "C" as account, call_uuid collate "C" as call_uuid, started_at::timestamptz as started_at,
           keys::text[] collate "C" as keys
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as given(account, call_uuid, started_at, keys)
), keys_stored as (
    select call.account, call.call_uuid, call.started_at, call.keys
    from keys_given new join calls call on call.account = new.account and call.call_uuid = new.call_uuid
), keys_before as (
    select account, key, started_at, call_uuid from keys_stored, unnest(keys) as key
), keys_new as (
    select account, key, started_at, call_uuid from keys_given, unnest(keys) as key
), keys_dropped as (
    delete from call_keys
    using (
        select account, key, started_at, call_uuid from keys_before
        except select account, key, started_at, call_uuid from keys_new
    ) as gone
    where call_keys.account = gone.account and call_keys.key = gone.key
      and call_keys.started_at = gone.started_at and call_keys.call_uuid = gone.call_uuid
), keys_put as (
    insert into call_keys (account, key, started_at, call_uuid)
    select account, key, started_at, call_uuid from keys_new
    except select account, key, started_at, call_uuid from keys_before
    on conflict do nothing
)`

func keysPiece(calls []store.Call) piece {
	var changed []store.Call
	for _, call := range calls {
		if was := call.Stored; was == nil || was.StartedAt != call.Index.StartedAt || call.MergedInto != "" ||
			!slices.Equal(was.Keys, call.Index.Keys) {
			changed = append(changed, call)
		}
	}
	if len(changed) == 0 {
		return piece{}
	}
	return piece{sql: putKeys, args: []any{
		texts(changed, func(c store.Call) string { return c.Account }),
		texts(changed, func(c store.Call) string { return c.CallUUID }),
		texts(changed, func(c store.Call) string { return second(c.Index.StartedAt) }),
		texts(changed, func(c store.Call) string { return literal(searchKeys(c)) }),
	}}
}
