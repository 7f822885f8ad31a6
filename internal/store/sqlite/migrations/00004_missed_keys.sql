-- +goose Up

-- Missed calls are found by each of their keys also as "missed <key>", as in the Postgres schema.
insert or ignore into call_keys (account, key, started_at, call_uuid)
select account, 'missed ' || each.value, started_at, call_uuid
from calls, json_each(calls.keys) as each
where missed and merged_into is null and each.value not like 'missed %';

update calls
set keys = (select json_group_array(key) from (
        select each.value as key from json_each(calls.keys) as each
        union
        select 'missed ' || each.value from json_each(calls.keys) as each where each.value not like 'missed %'
        order by key))
where missed and merged_into is null;
