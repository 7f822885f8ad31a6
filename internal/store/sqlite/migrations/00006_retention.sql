-- +goose Up

-- Tombstones: dialogs and calls of which retention removed everything. Nothing of a call but its ids.
create table tombstones (
    account text not null,
    uuid    text not null,
    at      integer not null, -- microseconds
    primary key (account, uuid)
) strict, without rowid;
create index tombstones_at_idx on tombstones (at);

-- How far retention has looked through tables that are in the order of arrival. The columns are explained in the Postgres
-- schema.
create table retention_marks (
    account    text not null,
    what       text not null,
    through    integer not null,
    journal_id integer not null,
    primary key (account, what)
) strict, without rowid;

-- Ids go on above what was removed, and are never given twice: SQLite would go on from the greatest that is there.
create table last_ids (
    single  integer primary key check (single = 1),
    journal integer not null,
    outbox  integer not null
) strict;
insert into last_ids (single, journal, outbox) values (1, 0, 0);

-- Triggers that belong to no call go by their age.
create index triggers_callless_idx on triggers (account, created_at) where call_uuid is null;
