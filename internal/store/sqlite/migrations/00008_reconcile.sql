-- +goose Up

-- Questions: how asking the PBX for its own records of a call went, the last time. The columns are explained in the
-- Postgres schema.
create table questions (
    account   text not null,
    call_uuid text not null,
    asked     integer not null,
    asked_at  integer not null, -- microseconds
    outcome   text not null,
    reason    text not null,
    primary key (account, call_uuid)
) strict, without rowid;
create index questions_by_time on questions (asked_at);

-- Backfills: how far imports of history have come.
create table backfills (
    account    text not null,
    from_at    integer not null, -- seconds
    to_at      integer not null, -- seconds
    publish    integer not null,
    reached_at integer not null, -- seconds
    records    integer not null,
    taken      integer not null,
    updated_at integer not null, -- microseconds
    primary key (account, from_at, to_at, publish)
) strict, without rowid;
