-- +goose Up

-- The tables are those of the Postgres schema. Moments are whole microseconds and event times whole seconds since
-- 1970-01-01T00:00:00Z; booleans are 0 and 1.

-- The journal: every webhook for good, and every other thing that changes a call. Append only.
create table journal (
    id          integer primary key,
    account     text not null,
    received_at integer not null, -- microseconds
    origin      text not null,
    event_name  text not null,
    event_time  integer not null, -- seconds; 0 where it has none that can be read
    dialog_uuid text,
    call_uuid   text,
    ignored     integer not null,
    sha256      blob not null check (length(sha256) = 32),
    body        blob not null
) strict;
create unique index journal_sha256_key on journal (account, sha256);
create index journal_dialog_idx on journal (account, dialog_uuid) where dialog_uuid is not null;
create index journal_call_idx on journal (account, call_uuid) where call_uuid is not null;

-- Legs: one dialog each, with what was merged for it, and the call it belongs to.
create table legs (
    account     text not null,
    dialog_uuid text not null,
    call_uuid   text not null,
    evidence    blob not null,
    primary key (account, dialog_uuid)
) strict;
create index legs_call_idx on legs (account, call_uuid);

-- Calls, also those that were merged into another one.
create table calls (
    account     text not null,
    call_uuid   text not null,
    merged_into text,
    record      text check (json_valid(record)), -- null if merged
    ledger      blob not null,
    seq         integer not null,
    revision    integer not null,
    heard_at    integer not null, -- microseconds
    updated_at  integer not null, -- microseconds
    state       text not null,
    direction   text not null,
    disposition text not null,
    hangup_by   text not null,
    missed      integer not null,
    connected   integer not null,
    started_at  integer not null, -- seconds
    ended_at    integer not null, -- seconds; 0 while not ended
    keys        text not null check (json_valid(keys)), -- what is in call_keys
    primary key (account, call_uuid)
) strict;
create index calls_page_idx on calls (account, started_at, call_uuid) where merged_into is null;
create index calls_open_idx on calls (account, started_at, call_uuid) where state <> 'ended' and merged_into is null;
create index calls_missed_idx on calls (account, started_at, call_uuid) where missed and merged_into is null;

-- Search keys of calls that were not merged; the primary key is in page order.
create table call_keys (
    account    text not null,
    key        text not null,
    started_at integer not null, -- seconds
    call_uuid  text not null,
    primary key (account, key, started_at, call_uuid)
) strict, without rowid;

-- The outbox. Append only: how far the relay has come is one row in relay.
create table outbox (
    id         integer primary key,
    journal_id integer not null,
    account    text not null,
    call_uuid  text not null,
    created_at integer not null, -- microseconds
    record     text not null check (json_valid(record)),
    events     text not null check (json_valid(events))
) strict;
create index outbox_call_idx on outbox (account, call_uuid, id);

create table relay (
    single  integer primary key check (single = 1),
    through integer not null
) strict;
insert into relay (single, through) values (1, 0);

create table outbox_held (
    outbox_id integer primary key,
    account   text not null,
    call_uuid text not null,
    poison    integer not null,
    reason    text not null,
    held_at   integer not null -- microseconds
) strict;

-- Rows that wait for their time.
create table due (
    account   text not null,
    call_uuid text not null,
    kind      text not null,
    due_at    integer not null, -- microseconds
    primary key (account, call_uuid, kind)
) strict, without rowid;
create index due_at_idx on due (due_at);

-- Bodies that were refused.
create table quarantine (
    id          integer primary key,
    account     text not null,
    received_at integer not null, -- microseconds
    last_at     integer not null, -- microseconds
    count       integer not null,
    code        text not null,
    reason      text not null,
    sha256      blob not null check (length(sha256) = 32),
    body        blob not null,
    truncated   integer not null
) strict;
create unique index quarantine_sha256_key on quarantine (account, sha256);
create index quarantine_last_idx on quarantine (account, last_at, id);
