-- +goose Up

-- Persons that were taken out of everything, without their numbers. The columns are explained in the Postgres schema.
create table erasures (
    id          text primary key,
    account     text not null,
    erased_at   integer not null, -- microseconds
    pseudonym   text not null,
    marks       text, -- a JSON list
    guard_until integer not null, -- microseconds
    certificate text
) strict, without rowid;
create index erasures_guard_idx on erasures (guard_until) where marks is not null;

create table erasure_secret (
    single integer primary key check (single = 1),
    secret blob not null
) strict;

alter table journal add column rank blob;
