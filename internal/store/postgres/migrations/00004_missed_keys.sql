-- +goose Up

-- Missed calls are found by each of their keys also as "missed <key>": a page of a project's missed calls is one scan of
-- the index then. Very long keys stand here as hashes, of which none can be made; their calls get it when they change.

-- Batches of instances that run meanwhile wait, and forget what they remember of calls: it lacks these keys.
update writer set turn = 'migration 4';

create temporary table missed_again on commit drop as
select account, call_uuid, started_at, 'missed ' || key as key
from calls, unnest(keys) as key
where missed and merged_into is null and key not like 'missed %' and key not like 'key-sha256:%'
  and octet_length(key) < 394;

insert into call_keys (account, key, started_at, call_uuid)
select account, key, started_at, call_uuid from missed_again
on conflict do nothing;

update calls
set keys = array(select key from (select unnest(calls.keys) as key union select unnest(again.keys)) as all_keys
                 order by key collate "C")
from (select account, call_uuid, array_agg(key) as keys from missed_again group by account, call_uuid) as again
where calls.account = again.account and calls.call_uuid = again.call_uuid;

comment on column call_keys.key is 'project:<id>, consultant:<id or username>, number:<number> or transferred, of a missed call also with "missed " before it; very long ones as key-sha256:<hash>.';
