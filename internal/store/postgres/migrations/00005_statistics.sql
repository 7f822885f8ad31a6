-- +goose Up

-- Facts: what counts of ended calls in statistics. Of each there is a row of its own, and one for each consultant that it
-- came to; they are written once, when the call has ended, and again when evidence that comes later changes them. The
-- primary key is in the order of time and has all columns, so that a question reads a stretch of the index and nothing
-- else; and calls and consultants' parts, of which no question asks together, lie apart. Old instances that run beside new ones write none: `webhookd rebuild` adds what is missing then.
create table call_facts (
    account       text collate "C" not null,
    of_consultant boolean not null,
    started_at    timestamptz not null,
    call_uuid     text collate "C" not null,
    consultant    text collate "C" not null,
    project       text collate "C" not null,
    class         smallint not null,
    wait_s        integer,
    talk_s        integer,
    hold_s        integer,
    primary key (account, of_consultant, started_at, call_uuid, consultant)
        include (project, class, wait_s, talk_s, hold_s)
) partition by list (of_consultant);
create table call_facts_of_calls partition of call_facts for values in (false)
    with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05);
create table call_facts_of_consultants partition of call_facts for values in (true)
    with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05);

comment on table call_facts_of_calls is 'The rows of call_facts that are of calls.';
comment on table call_facts_of_consultants is 'The rows of call_facts that are of consultants'' parts in calls.';
comment on table call_facts is 'What counts of ended calls in statistics: one row for each call, and one for each consultant that it came to.';
comment on column call_facts.account is 'The tenant.';
comment on column call_facts.of_consultant is 'False: the call itself. True: the part that one consultant had in it.';
comment on column call_facts.started_at is 'The call''s started_at.';
comment on column call_facts.call_uuid is 'The call.';
comment on column call_facts.consultant is 'The consultant''s id, or username where there is no id, in lower case; empty for the call itself.';
comment on column call_facts.project is 'The id of the call''s project; empty if there is none.';
comment on column call_facts.class is 'How it ended, as four digits. Direction: 1 inbound, 2 outbound, 3 unknown. Outcome: 0 other, 1 answered, 2 self_service, 3 abandoned, 4 no_answer, 5 busy, 6 rejected, 7 failed, 8 cancelled, 9 answered_elsewhere. Hung up by: 0 nobody, 1 external, 2 consultant, 3 system, 4 unknown, 5 other. On the side: 0 none, 1 callee, 2 caller.';
comment on column call_facts.wait_s is 'Seconds: of a call, its wait; of a consultant, how long it rang. Null if not known.';
comment on column call_facts.talk_s is 'Seconds of talk, time on hold included. Null if nobody talked, or it is not known.';
comment on column call_facts.hold_s is 'Seconds of talk_s on hold.';

-- How far the facts of calls have come that ended before there were any. Without a row they are all there.
create table fact_backlog (
    single    boolean primary key default true check (single),
    account   text collate "C" not null,
    call_uuid text collate "C" not null
);

comment on table fact_backlog is 'How far call_facts of calls that ended before there was such a table have come: one row while some are missing, else none.';
comment on column fact_backlog.single is 'Always true; there is one row at most.';
comment on column fact_backlog.account is 'Facts of the calls up to this account and call_uuid are written.';
comment on column fact_backlog.call_uuid is 'Likewise.';
insert into fact_backlog (account, call_uuid)
select '', '' where exists (select 1 from calls where not open and merged_into is null);
