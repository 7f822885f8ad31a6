-- +goose Up

-- Facts: what counts of ended calls in statistics. Of each there is a row of its own, and one for each consultant that it
-- came to. The columns are explained in the Postgres schema.
create table call_facts (
    account       text not null,
    of_consultant integer not null,
    started_at    integer not null, -- seconds
    call_uuid     text not null,
    consultant    text not null,
    project       text not null,
    class         integer not null,
    wait_s        integer,
    talk_s        integer,
    hold_s        integer,
    primary key (account, of_consultant, started_at, call_uuid, consultant)
) strict, without rowid;

-- How far the facts of calls have come that ended before there were any. Without a row they are all there.
create table fact_backlog (
    single    integer primary key check (single = 1),
    account   text not null,
    call_uuid text not null
) strict;
insert into fact_backlog (single, account, call_uuid)
select 1, '', '' where exists (select 1 from calls where state = 'ended' and merged_into is null);
