-- +goose Up

-- The tables are those of the Postgres schema. Moments are whole microseconds and event times whole seconds since
-- 1970-01-01T00:00:00Z; booleans are 0 and 1. In due, rows of the kinds trigger, request and broadcast have the id of
-- that row as call_uuid; in outbox, what a trigger published has journal_id 0.

-- Handlers: what is to happen on which events, and how each has been doing.
create table handlers (
    name       text primary key,
    account    text not null, -- empty for every one
    source     text not null, -- file or api
    definition text not null check (json_valid(definition)),
    enabled    integer not null,
    failures   integer not null, -- in a row
    last_error text not null,
    fired      integer not null,
    fired_at   integer, -- microseconds; null if never
    updated_at integer not null -- microseconds
) strict, without rowid;

create table handler_revision (
    single   integer primary key check (single = 1),
    revision integer not null
) strict;
insert into handler_revision (single, revision) values (1, 0);

-- Triggers: one row for each time that a handler matched; also the history of what was fired.
create table triggers (
    id             text primary key,
    account        text not null,
    handler        text not null,
    transaction_id text check (octet_length(transaction_id) <= 400),
    call_uuid      text,
    contact        text,
    event_type     text not null,
    event_uuid     text not null,
    event_at       integer not null, -- seconds; 0 if not known
    state          text not null, -- pending, done, cancelled, failed or skipped
    occasion       blob not null,
    cancel_on      text not null check (json_valid(cancel_on)), -- list of event types
    cancel_scope   text not null, -- call or contact
    once_key       text,
    depth          integer not null,
    created_at     integer not null, -- microseconds
    fire_at        integer, -- microseconds; null for one that fired at once
    ended_at       integer, -- microseconds; null while pending
    reason         text not null
) strict;
create index triggers_call_idx on triggers (account, call_uuid) where call_uuid is not null;
create index triggers_handler_idx on triggers (handler, created_at);
create index triggers_transaction_idx on triggers (account, transaction_id) where transaction_id is not null;
create index triggers_once_idx on triggers (account, handler, once_key, created_at) where once_key is not null;
create index triggers_pending_call_idx on triggers (account, call_uuid)
    where state = 'pending' and call_uuid is not null;
create index triggers_pending_contact_idx on triggers (account, contact)
    where state = 'pending' and cancel_scope = 'contact' and contact is not null;

-- Events that call triggers off: the last one of each call or contact and type.
create table cancel_marks (
    account    text not null,
    key        text not null, -- call:<call_uuid> or contact:<number>
    event_type text not null,
    event_at   integer not null, -- seconds
    seen_at    integer not null, -- microseconds
    primary key (account, key, event_type)
) strict, without rowid;
create index cancel_marks_seen_idx on cancel_marks (seen_at);

-- Requests that triggers make to the outside and that are not done yet.
create table requests (
    id           text primary key,
    account      text not null,
    trigger_id   text not null,
    handler      text not null,
    spec         blob not null,
    attempts     integer not null,
    created_at   integer not null, -- microseconds
    leased_until integer, -- microseconds; null if nobody ever was at it
    last_error   text not null
) strict;

-- Whom triggers go to.
create table subscribers (
    account    text not null,
    id         text not null check (octet_length(id) <= 400),
    email      text not null,
    phone      text not null,
    first_name text not null,
    last_name  text not null,
    locale     text not null,
    avatar     text not null,
    data       text check (json_valid(data)), -- null if nothing
    created_at integer not null, -- microseconds
    updated_at integer not null, -- microseconds
    primary key (account, id)
) strict, without rowid;

create table topics (
    account    text not null,
    key        text not null check (octet_length(key) <= 400),
    name       text not null,
    created_at integer not null, -- microseconds
    primary key (account, key)
) strict, without rowid;

create table topic_subscribers (
    account       text not null,
    topic_key     text not null,
    subscriber_id text not null,
    primary key (account, topic_key, subscriber_id)
) strict, without rowid;
create index topic_subscribers_subscriber_idx on topic_subscribers (account, subscriber_id);

-- Triggers for all subscribers of an account, and how far each has come.
create table broadcasts (
    account        text not null,
    id             text not null,
    name           text not null,
    transaction_id text not null,
    spec           blob not null,
    after_id       text not null, -- the last subscriber that it went to
    sent           integer not null,
    total          integer not null,
    state          text not null, -- running, done, cancelled or failed
    created_at     integer not null, -- microseconds
    updated_at     integer not null, -- microseconds
    primary key (account, id)
) strict, without rowid;

-- Answers that are given again when the same request comes again.
create table idempotent_answers (
    account     text not null,
    key         blob not null check (length(key) = 32),
    status      integer not null,
    body        blob not null,
    answered_at integer not null, -- microseconds
    primary key (account, key)
) strict, without rowid;
create index idempotent_answers_at_idx on idempotent_answers (answered_at);

-- What a trigger without a call publishes has no record, so the check of outbox lets an empty one pass now. SQLite
-- changes a check only by making the table again.
create table outbox_again (
    id         integer primary key,
    journal_id integer not null, -- 0 for what a trigger published
    account    text not null,
    call_uuid  text not null, -- the trigger's id where there is no call
    created_at integer not null, -- microseconds
    record     text not null check (record = '' or json_valid(record)),
    events     text not null check (json_valid(events))
) strict;
insert into outbox_again (id, journal_id, account, call_uuid, created_at, record, events)
select id, journal_id, account, call_uuid, created_at, record, events from outbox order by id;
drop table outbox;
alter table outbox_again rename to outbox;
create index outbox_call_idx on outbox (account, call_uuid, id);
