-- The schema of webhookd for PostgreSQL 13 or newer: a public contract. Reading it is fine, writing is for webhookd.
--
-- "webhookd serve" makes it by itself. Where a program may not change the schema, run this file in an empty one (the
-- first of the search_path); it also says that its version was applied. A test keeps this file and the migrations in
-- internal/store/postgres/migrations the same.
--
-- Moments are UTC. Texts in "C" order are compared byte by byte, so that no upgrade of the system's locales can spoil
-- an index. Records and events are JSON kept as text: every one was written by webhookd itself, and checking it again
-- would cost a tenth of a batch. record::json reads one.

-- The journal: every webhook for good, and every other thing that changes a call.
create table journal (
    id          bigint generated always as identity primary key,
    account     text collate "C" not null,
    received_at timestamptz not null,
    origin      text not null,
    event_name  text not null,
    event_time  timestamptz,
    dialog_uuid text collate "C",
    call_uuid   text collate "C",
    ignored     boolean not null,
    sha256      bytea not null check (octet_length(sha256) = 32),
    body        bytea not null
) with (toast_tuple_target = 8160);
create unique index journal_sha256_key on journal (account, sha256);
create index journal_dialog_idx on journal (account, dialog_uuid) where dialog_uuid is not null;
create index journal_call_idx on journal (account, call_uuid) where call_uuid is not null;

comment on table journal is 'Every webhook and everything else that changes a call, in the order of arrival. Append only; all other tables can be worked out again from it.';
comment on column journal.id is 'Order of commit. Numbers may be left out.';
comment on column journal.account is 'The tenant.';
comment on column journal.received_at is 'When it arrived here.';
comment on column journal.origin is 'pbx (a webhook), settle, timeout, manual or reconciled.';
comment on column journal.event_name is 'The webhook''s event_name, as sent.';
comment on column journal.event_time is 'The webhook''s event_time, whole seconds; null where it has none that can be read.';
comment on column journal.dialog_uuid is 'The dialog it is about, lower case; null for other families and for settle.';
comment on column journal.call_uuid is 'The call it is about; only of settle.';
comment on column journal.ignored is 'A webhook of another family: kept, changes nothing.';
comment on column journal.sha256 is 'SHA-256 of body (for what webhookd wrote itself: of origin, a NUL byte and body). A body is kept once in an account.';
comment on column journal.body is 'The body byte for byte as received; bytes, because it need not be valid UTF-8.';

-- Legs: one dialog each, with what was merged for it. Rewritten at every webhook, on no indexed column.
create table legs (
    account     text collate "C" not null,
    dialog_uuid text collate "C" not null,
    call_uuid   text collate "C" not null,
    evidence    bytea not null,
    primary key (account, dialog_uuid)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index legs_call_idx on legs (account, call_uuid);

comment on table legs is 'One row for each dialog: what its webhooks said, merged, and the call it belongs to.';
comment on column legs.account is 'The tenant.';
comment on column legs.dialog_uuid is 'The dialog, lower case.';
comment on column legs.call_uuid is 'The call it belongs to; changes when a late webhook links it elsewhere.';
comment on column legs.evidence is 'What was merged from its webhooks; the program''s own form.';

-- Calls. "open" repeats "state <> 'ended'": the partial index needs a column that does not change at every webhook,
-- or no update of a call would be a heap-only one.
create table calls (
    account     text collate "C" not null,
    call_uuid   text collate "C" not null,
    merged_into text collate "C",
    record      text,
    ledger      bytea not null,
    seq         bigint not null,
    revision    integer not null,
    heard_at    timestamptz not null,
    updated_at  timestamptz not null,
    state       text not null,
    open        boolean not null,
    direction   text not null,
    disposition text not null,
    hangup_by   text not null,
    missed      boolean not null,
    connected   boolean not null,
    started_at  timestamptz not null,
    ended_at    timestamptz,
    keys        text[] collate "C" not null,
    primary key (account, call_uuid)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 8160);
create index calls_page_idx on calls (account, started_at, call_uuid) where merged_into is null;
create index calls_open_idx on calls (account, started_at, call_uuid) where open and merged_into is null;
create index calls_missed_idx on calls (account, started_at, call_uuid) where missed and merged_into is null;

comment on table calls is 'One row for each call, also those that were merged into another one.';
comment on column calls.account is 'The tenant.';
comment on column calls.call_uuid is 'The call''s id, lower case.';
comment on column calls.merged_into is 'The call that this one went into; null for a call of its own.';
comment on column calls.record is 'The call''s record as readers get it; null if merged. JSON, kept as text as it was written: reading it as json is the reader''s choice and cost.';
comment on column calls.ledger is 'The count of events published so far; the program''s own form.';
comment on column calls.seq is 'The number of the call''s last event.';
comment on column calls.revision is 'How often call_settled was published.';
comment on column calls.heard_at is 'Arrival of its last webhook.';
comment on column calls.updated_at is 'When the record last changed.';
comment on column calls.state is 'The record''s state, for searching.';
comment on column calls.open is 'The state is not ended.';
comment on column calls.direction is 'The record''s direction, for searching.';
comment on column calls.disposition is 'The record''s disposition; empty while there is none.';
comment on column calls.hangup_by is 'The record''s hangup_by; empty while there is none.';
comment on column calls.missed is 'The record''s missed.';
comment on column calls.connected is 'Whether the call was connected.';
comment on column calls.started_at is 'The record''s started_at; 1970-01-01 if not known.';
comment on column calls.ended_at is 'The record''s ended_at; null while not ended.';
comment on column calls.keys is 'What is in call_keys for this call.';

-- Search keys of calls. The primary key is in page order, so a page of a filter is one index scan.
create table call_keys (
    account    text collate "C" not null,
    key        text collate "C" not null,
    started_at timestamptz not null,
    call_uuid  text collate "C" not null,
    primary key (account, key, started_at, call_uuid)
);

comment on table call_keys is 'What calls are searched by: one row for each key of a call that was not merged.';
comment on column call_keys.account is 'The tenant.';
comment on column call_keys.key is 'project:<id>, consultant:<id or username> or number:<number>; very long ones as key-sha256:<hash>.';
comment on column call_keys.started_at is 'The call''s started_at.';
comment on column call_keys.call_uuid is 'The call.';

-- The outbox. Append only: how far the relay has come is one row in relay, not a mark on each row here.
create table outbox (
    id         bigint generated always as identity primary key,
    journal_id bigint not null,
    account    text collate "C" not null,
    call_uuid  text collate "C" not null,
    created_at timestamptz not null,
    record     text not null,
    events     text not null
) with (toast_tuple_target = 8160);
create index outbox_call_idx on outbox (account, call_uuid, id);

comment on table outbox is 'What is to be published, and the history of what was: one row for each change of a call. Append only.';
comment on column outbox.id is 'Order of commit, which is the order of publishing. Numbers may be left out.';
comment on column outbox.journal_id is 'The journal entry that made the change.';
comment on column outbox.account is 'The tenant.';
comment on column outbox.call_uuid is 'The call that changed.';
comment on column outbox.created_at is 'When it was written.';
comment on column outbox.record is 'The call''s record after the change, as published.';
comment on column outbox.events is 'The events of the change, in order.';

-- How far the relay has come: one row.
create table relay (
    single  boolean primary key default true check (single),
    through bigint not null
) with (fillfactor = 10);
insert into relay (through) values (0);

comment on table relay is 'How far the outbox was published: one row.';
comment on column relay.single is 'Always true; there is one row.';
comment on column relay.through is 'Every outbox row up to this id was published or is in outbox_held.';

create table outbox_held (
    outbox_id bigint primary key,
    account   text collate "C" not null,
    call_uuid text collate "C" not null,
    poison    boolean not null,
    reason    text not null,
    held_at   timestamptz not null
);

comment on table outbox_held is 'Outbox rows at or below relay.through that were not published.';
comment on column outbox_held.outbox_id is 'The outbox row.';
comment on column outbox_held.account is 'The tenant.';
comment on column outbox_held.call_uuid is 'The call.';
comment on column outbox_held.poison is 'True: it cannot be published. False: it waits behind such a row of its call.';
comment on column outbox_held.reason is 'Why, for people.';
comment on column outbox_held.held_at is 'Since when.';

-- Rows that wait for their time.
create table due (
    account   text collate "C" not null,
    call_uuid text collate "C" not null,
    kind      text collate "C" not null,
    due_at    timestamptz not null,
    primary key (account, call_uuid, kind)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index due_at_idx on due (due_at);

comment on table due is 'What is to be done at a time. A row is removed when it is done.';
comment on column due.account is 'The tenant.';
comment on column due.call_uuid is 'The call it is about.';
comment on column due.kind is 'settle or reap.';
comment on column due.due_at is 'When. An old one means that nothing works these rows off.';

-- Bodies that were refused.
create table quarantine (
    id          bigint generated always as identity primary key,
    account     text collate "C" not null,
    received_at timestamptz not null,
    last_at     timestamptz not null,
    count       bigint not null,
    code        text not null,
    reason      text not null,
    sha256      bytea not null check (octet_length(sha256) = 32),
    body        bytea not null,
    truncated   boolean not null
);
create unique index quarantine_sha256_key on quarantine (account, sha256);
create index quarantine_last_idx on quarantine (account, last_at, id);

comment on table quarantine is 'Bodies that were refused, with the reason.';
comment on column quarantine.id is 'Identity.';
comment on column quarantine.account is 'The tenant.';
comment on column quarantine.received_at is 'When it came first.';
comment on column quarantine.last_at is 'When it came last.';
comment on column quarantine.count is 'How often it came.';
comment on column quarantine.code is 'Why, for programs.';
comment on column quarantine.reason is 'Why, for people.';
comment on column quarantine.sha256 is 'SHA-256 of what was sent. A body is kept once in an account.';
comment on column quarantine.body is 'The body byte for byte as received.';
comment on column quarantine.truncated is 'The body is only the beginning of what was sent.';

-- Which migrations were applied.
create table schema_version (
    id         integer primary key generated by default as identity,
    version_id bigint not null,
    is_applied boolean not null,
    tstamp     timestamp not null default now()
);
insert into schema_version (version_id, is_applied) values (0, true), (1, true);

comment on table schema_version is 'Which migrations were applied; kept by pressly/goose.';
comment on column schema_version.id is 'Identity.';
comment on column schema_version.version_id is 'The migration.';
comment on column schema_version.is_applied is 'Always true.';
comment on column schema_version.tstamp is 'When, by the session''s clock.';
