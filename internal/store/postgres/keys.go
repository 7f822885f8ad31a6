package postgres

import (
	"context"
	"slices"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// keysOf is what call_keys holds for a call.
type keysOf struct {
	startedAt dialog.Time
	keys      []string
}

// remember keeps what this transaction has read of calls, so that it knows which search keys it need not write: most
// webhooks change none.
func (t *tx) remember(calls []store.Call) {
	if t.keys == nil {
		t.keys = make(map[store.Key]keysOf, len(calls))
	}
	for _, call := range calls {
		t.keys[keyOfCall(call)] = keysOf{call.Index.StartedAt, call.Index.Keys}
	}
}

// putKeys replaces the search keys that differ from what is stored: "before" is what was there when the statement
// began. It goes before the calls themselves are written.
const putKeys = `
with new as (
    select account collate "C" as account, call_uuid collate "C" as call_uuid, started_at::timestamptz as started_at,
           keys::text[] collate "C" as keys
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as given(account, call_uuid, started_at, keys)
), before as (
    select call.account, call.call_uuid, call.started_at, call.keys
    from new join calls call on call.account = new.account and call.call_uuid = new.call_uuid
), keys_before as (
    select account, key, started_at, call_uuid from before, unnest(keys) as key
), keys_new as (
    select account, key, started_at, call_uuid from new, unnest(keys) as key
), dropped as (
    delete from call_keys
    using (
        select account, key, started_at, call_uuid from keys_before
        except select account, key, started_at, call_uuid from keys_new
    ) as gone
    where call_keys.account = gone.account and call_keys.key = gone.key
      and call_keys.started_at = gone.started_at and call_keys.call_uuid = gone.call_uuid
)
insert into call_keys (account, key, started_at, call_uuid)
select account, key, started_at, call_uuid from keys_new
except select account, key, started_at, call_uuid from keys_before
on conflict do nothing`

func (t *tx) putKeys(ctx context.Context, calls []store.Call) error {
	var changed []store.Call
	for _, call := range calls {
		is := keysOf{call.Index.StartedAt, searchKeys(call)}
		was, known := t.keys[keyOfCall(call)]
		if !known || was.startedAt != is.startedAt || !slices.Equal(was.keys, is.keys) {
			changed = append(changed, call)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	for _, call := range changed {
		if t.keys != nil {
			delete(t.keys, keyOfCall(call)) // what is stored is no longer what was read
		}
	}
	return t.exec(ctx, "write search keys", putKeys,
		texts(changed, func(c store.Call) string { return c.Account }),
		texts(changed, func(c store.Call) string { return c.CallUUID }),
		texts(changed, func(c store.Call) string { return second(c.Index.StartedAt) }),
		texts(changed, func(c store.Call) string { return literal(searchKeys(c)) }))
}
