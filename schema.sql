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
    body        bytea not null,
    rank        bytea
) with (toast_tuple_target = 8160);
alter table journal add constraint journal_rank_check check (octet_length(rank) = 32) not valid;
create unique index journal_sha256_key on journal (account, sha256);
create index journal_dialog_idx on journal (account, dialog_uuid) where dialog_uuid is not null;
create index journal_call_idx on journal (account, call_uuid) where call_uuid is not null;

comment on table journal is 'Every webhook and everything else that changes a call, in the order of arrival. Append only, but for what retention removes, and that a person may be taken out of a body; all other tables can be worked out again from it.';
comment on column journal.id is 'Order of commit. Numbers may be left out.';
comment on column journal.account is 'The tenant.';
comment on column journal.received_at is 'When it arrived here.';
comment on column journal.origin is 'pbx (a webhook), settle, timeout, manual or reconciled.';
comment on column journal.event_name is 'The webhook''s event_name, as sent.';
comment on column journal.event_time is 'The webhook''s event_time, whole seconds; null where it has none that can be read.';
comment on column journal.dialog_uuid is 'The dialog it is about, lower case; null for other families and for settle.';
comment on column journal.call_uuid is 'The call it is about; only of settle.';
comment on column journal.ignored is 'A webhook of another family, or of a dialog that retention has removed: kept, changes nothing.';
comment on column journal.sha256 is 'SHA-256 of body (for what webhookd wrote itself: of origin, a NUL byte and body). A body is kept once in an account.';
comment on column journal.body is 'The body byte for byte as received, but that a person may have been taken out (rank is not null then); bytes, because it need not be valid UTF-8.';
comment on column journal.rank is 'What orders it among entries that contradict it, where that is not sha256: the hash of the body before a person was taken out; else null.';

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
comment on column call_keys.key is 'project:<id>, consultant:<id or username>, number:<number> or transferred, of a missed call also with "missed " before it; very long ones as key-sha256:<hash>.';
comment on column call_keys.started_at is 'The call''s started_at.';
comment on column call_keys.call_uuid is 'The call.';

-- The outbox. Append only: how far the relay has come is one row in relay, not a mark on each row here.
create table outbox (
    id         bigint primary key,
    journal_id bigint not null,
    account    text collate "C" not null,
    call_uuid  text collate "C" not null,
    created_at timestamptz not null,
    record     text not null,
    events     text not null
) with (toast_tuple_target = 8160);
create index outbox_call_idx on outbox (account, call_uuid, id);

comment on table outbox is 'What is to be published, and the history of what was: one row for each change of a call, and for each trigger that published something. Append only, but for what retention removes, and that a person may be taken out.';
comment on column outbox.id is 'Order of commit, which is the order of publishing. Given by writer.outbox, without gaps.';
comment on column outbox.journal_id is 'The journal entry that made the change; 0 for what a trigger published.';
comment on column outbox.account is 'The tenant.';
comment on column outbox.call_uuid is 'The call that changed; the trigger''s id where there is no call.';
comment on column outbox.created_at is 'When it was written.';
comment on column outbox.record is 'The call''s record after the change, as published; empty for what a trigger published that has no call.';
comment on column outbox.events is 'The events of the change, in order.';

-- Who wrote last: one row. Whoever writes holds it: it serialises writes over all instances, says whether anybody else
-- has written since one's own last transaction, and gives outbox ids without gaps.
create table writer (
    single boolean primary key default true check (single),
    turn   text not null,
    outbox bigint not null
) with (fillfactor = 10);
insert into writer (turn, outbox) values ('', 0);

comment on table writer is 'Who wrote last: one row. It is locked by every transaction that writes.';
comment on column writer.single is 'Always true; there is one row.';
comment on column writer.turn is 'A name of the last transaction that wrote, different for each.';
comment on column writer.outbox is 'The id of the last outbox row.';

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
comment on column due.call_uuid is 'The call it is about; of the kinds trigger, request and broadcast the id of that row.';
comment on column due.kind is 'settle, reap, trigger, request, broadcast, tidy or retention.';
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

-- Handlers: what is to happen on which events. Counting must not touch an index, so none has a column that is counted.
create table handlers (
    name       text collate "C" primary key,
    account    text collate "C" not null,
    source     text collate "C" not null,
    definition text not null,
    enabled    boolean not null,
    failures   bigint not null,
    last_error text not null,
    fired      bigint not null,
    fired_at   timestamptz,
    updated_at timestamptz not null
) with (fillfactor = 50, toast_tuple_target = 8160);

comment on table handlers is 'Handlers: what is to happen on which events, and how each has been doing.';
comment on column handlers.name is 'The handler''s name.';
comment on column handlers.account is 'The tenant that it is for; empty for every one.';
comment on column handlers.source is 'file (of the configuration) or api.';
comment on column handlers.definition is 'The definition. JSON, kept as text; the program''s own form. It may hold secrets.';
comment on column handlers.enabled is 'Whether it is on. This counts, whatever the definition says.';
comment on column handlers.failures is 'How often in a row it failed; 0 after a success, and when it is switched on.';
comment on column handlers.last_error is 'Why it failed last, or was switched off, for people; empty if never.';
comment on column handlers.fired is 'How often it fired.';
comment on column handlers.fired_at is 'When it fired last; null if never.';
comment on column handlers.updated_at is 'When its definition, account or source was changed, or it was switched on or off.';

-- One row, so that looking whether any handler has changed costs one page.
create table handler_revision (
    single   boolean primary key default true check (single),
    revision bigint not null
) with (fillfactor = 10);
insert into handler_revision (revision) values (0);

comment on table handler_revision is 'How often the handlers were changed: one row.';
comment on column handler_revision.single is 'Always true; there is one row.';
comment on column handler_revision.revision is 'Raised in the transaction that changes, adds, drops or switches handlers. Counting does not raise it.';

-- Triggers: one row for each time that a handler matched. Only few are pending, so what looks for these has indexes of
-- its own, which stay small.
create table triggers (
    id             text collate "C" primary key,
    account        text collate "C" not null,
    handler        text collate "C" not null,
    transaction_id text collate "C" check (octet_length(transaction_id) <= 400),
    call_uuid      text collate "C",
    contact        text collate "C",
    event_type     text collate "C" not null,
    event_uuid     text collate "C" not null,
    event_at       timestamptz,
    state          text collate "C" not null,
    occasion       bytea not null,
    cancel_on      text[] collate "C" not null,
    cancel_scope   text collate "C" not null,
    once_key       text collate "C",
    depth          integer not null,
    created_at     timestamptz not null,
    fire_at        timestamptz,
    ended_at       timestamptz,
    reason         text not null
) with (autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 8160);
create index triggers_call_idx on triggers (account, call_uuid) where call_uuid is not null;
create index triggers_handler_idx on triggers (handler, created_at);
create index triggers_transaction_idx on triggers (account, transaction_id) where transaction_id is not null;
create index triggers_once_idx on triggers (account, handler, once_key, created_at) where once_key is not null;
create index triggers_callless_idx on triggers (account, created_at) where call_uuid is null;
create index triggers_pending_call_idx on triggers (account, call_uuid)
    where state = 'pending' and call_uuid is not null;
create index triggers_pending_contact_idx on triggers (account, contact)
    where state = 'pending' and cancel_scope = 'contact' and contact is not null;

comment on table triggers is 'One row for each time that a handler matched: what is to be fired, and the history of what was.';
comment on column triggers.id is 'Identity: a UUID made of the handler and what it matched.';
comment on column triggers.account is 'The tenant.';
comment on column triggers.handler is 'The handler''s name. It may be gone by now.';
comment on column triggers.transaction_id is 'The transaction of the trigger API; null for what an event made.';
comment on column triggers.call_uuid is 'The call; null where there is none.';
comment on column triggers.contact is 'The number that the call is with; null where there is none; a very long one as sha256:<hash>.';
comment on column triggers.event_type is 'The type of the event that matched.';
comment on column triggers.event_uuid is 'The event that matched.';
comment on column triggers.event_at is 'When that event happened, whole seconds; null if not known.';
comment on column triggers.state is 'pending, done, cancelled, failed or skipped. Only a pending one ever changes.';
comment on column triggers.occasion is 'What it is fired over; the program''s own form.';
comment on column triggers.cancel_on is 'Event types that call it off.';
comment on column triggers.cancel_scope is 'call or contact: whose events call it off.';
comment on column triggers.once_key is 'What it may be made once for within a time; null for no such limit; a very long one as sha256:<hash>.';
comment on column triggers.depth is 'How many triggers led to it, itself included.';
comment on column triggers.created_at is 'When it was made.';
comment on column triggers.fire_at is 'When it is to fire; null for one that fired at once.';
comment on column triggers.ended_at is 'When it ceased to be pending; null while it is.';
comment on column triggers.reason is 'Why it ended as it did, for people.';

-- What has called triggers off, so that those are found, too, that are armed later only because their event came late.
create table cancel_marks (
    account    text collate "C" not null,
    key        text collate "C" not null,
    event_type text collate "C" not null,
    event_at   timestamptz not null,
    seen_at    timestamptz not null,
    primary key (account, key, event_type)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index cancel_marks_seen_idx on cancel_marks (seen_at);

comment on table cancel_marks is 'Events that call triggers off: the last one of each call or contact and type. Old ones are removed.';
comment on column cancel_marks.account is 'The tenant.';
comment on column cancel_marks.key is 'call:<call_uuid> or contact:<number>; very long numbers as contact:sha256:<hash>.';
comment on column cancel_marks.event_type is 'The event''s type.';
comment on column cancel_marks.event_at is 'When such an event happened last, whole seconds; 1970-01-01 if not known.';
comment on column cancel_marks.seen_at is 'When such an event became known last.';

-- Requests that leave the process. A row in due says when the next attempt is.
create table requests (
    id           text collate "C" primary key,
    account      text collate "C" not null,
    trigger_id   text collate "C" not null,
    handler      text collate "C" not null,
    spec         bytea not null,
    attempts     integer not null,
    created_at   timestamptz not null,
    leased_until timestamptz,
    last_error   text not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

comment on table requests is 'Requests that triggers make to the outside and that are not done yet. A row is removed when it is done.';
comment on column requests.id is 'Identity.';
comment on column requests.account is 'The tenant.';
comment on column requests.trigger_id is 'The trigger that makes it.';
comment on column requests.handler is 'The handler of that trigger.';
comment on column requests.spec is 'What to ask and whom; the program''s own form. It may hold secrets.';
comment on column requests.attempts is 'How often it was tried.';
comment on column requests.created_at is 'When it was made.';
comment on column requests.leased_until is 'Until when an instance is at it; null if none ever was.';
comment on column requests.last_error is 'Why the last attempt failed, for people; empty if none did.';

-- Whom triggers go to.
create table subscribers (
    account    text collate "C" not null,
    id         text collate "C" not null check (octet_length(id) <= 400),
    email      text not null,
    phone      text not null,
    first_name text not null,
    last_name  text not null,
    locale     text not null,
    avatar     text not null,
    data       text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (account, id)
);

comment on table subscribers is 'Whom triggers go to: given over the API, or external parties of calls.';
comment on column subscribers.account is 'The tenant.';
comment on column subscribers.id is 'The id that the client gave; of a party of a call its number.';
comment on column subscribers.email is 'Address of mail; empty if not known.';
comment on column subscribers.phone is 'Number; empty if not known.';
comment on column subscribers.first_name is 'First name; empty if not known.';
comment on column subscribers.last_name is 'Last name; empty if not known.';
comment on column subscribers.locale is 'Language and country; empty if not known.';
comment on column subscribers.avatar is 'Address of a picture; empty if not known.';
comment on column subscribers.data is 'Whatever else the client gave. JSON, kept as text; null if nothing.';
comment on column subscribers.created_at is 'When it was first written.';
comment on column subscribers.updated_at is 'When it was last written.';

create table topics (
    account    text collate "C" not null,
    key        text collate "C" not null check (octet_length(key) <= 400),
    name       text not null,
    created_at timestamptz not null,
    primary key (account, key)
);

comment on table topics is 'Lists of subscribers.';
comment on column topics.account is 'The tenant.';
comment on column topics.key is 'The key that the client gave.';
comment on column topics.name is 'The name, for people; empty if none was given.';
comment on column topics.created_at is 'When it was first written.';

create table topic_subscribers (
    account       text collate "C" not null,
    topic_key     text collate "C" not null,
    subscriber_id text collate "C" not null,
    primary key (account, topic_key, subscriber_id)
);
create index topic_subscribers_subscriber_idx on topic_subscribers (account, subscriber_id);

comment on table topic_subscribers is 'Who is on which list.';
comment on column topic_subscribers.account is 'The tenant.';
comment on column topic_subscribers.topic_key is 'The topic.';
comment on column topic_subscribers.subscriber_id is 'The subscriber.';

-- Broadcasts. A row in due says that the next page is to be done.
create table broadcasts (
    account        text collate "C" not null,
    id             text collate "C" not null,
    name           text not null,
    transaction_id text not null,
    spec           bytea not null,
    after_id       text collate "C" not null,
    sent           bigint not null,
    total          bigint not null,
    state          text collate "C" not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (account, id)
) with (fillfactor = 70);

comment on table broadcasts is 'Triggers for all subscribers of an account, and how far each has come.';
comment on column broadcasts.account is 'The tenant.';
comment on column broadcasts.id is 'Identity.';
comment on column broadcasts.name is 'The handler or flow.';
comment on column broadcasts.transaction_id is 'The transaction of the trigger API.';
comment on column broadcasts.spec is 'What goes to each subscriber; the program''s own form.';
comment on column broadcasts.after_id is 'The last subscriber that it went to, in order of ids; empty at the beginning.';
comment on column broadcasts.sent is 'How many subscribers it went to.';
comment on column broadcasts.total is 'How many subscribers there were at the beginning.';
comment on column broadcasts.state is 'running, done, cancelled or failed.';
comment on column broadcasts.created_at is 'When it was asked for.';
comment on column broadcasts.updated_at is 'When it last went on.';

-- Answers that are given again when the same request comes again.
create table idempotent_answers (
    account     text collate "C" not null,
    key         bytea not null check (octet_length(key) = 32),
    status      integer not null,
    body        bytea not null,
    answered_at timestamptz not null,
    primary key (account, key)
);
create index idempotent_answers_at_idx on idempotent_answers (answered_at);

comment on table idempotent_answers is 'Answers that are given again when the same request comes again. Old ones are removed.';
comment on column idempotent_answers.account is 'The tenant.';
comment on column idempotent_answers.key is 'SHA-256 of what makes a request the same.';
comment on column idempotent_answers.status is 'The status of HTTP.';
comment on column idempotent_answers.body is 'The body.';
comment on column idempotent_answers.answered_at is 'When it was answered.';

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

-- Tombstones: dialogs and calls of which retention removed everything. Small: nothing of a call but its ids.
create table tombstones (
    account text collate "C" not null,
    uuid    text collate "C" not null,
    at      timestamptz not null,
    primary key (account, uuid)
);
create index tombstones_at_idx on tombstones (at);

comment on table tombstones is 'Dialogs and calls that retention removed: a webhook about one that comes later is kept as ignored, and begins no call. Kept for a year.';
comment on column tombstones.account is 'The tenant.';
comment on column tombstones.uuid is 'The dialog or the call.';
comment on column tombstones.at is 'When it was removed.';

-- How far retention has looked through tables that are in the order of arrival.
create table retention_marks (
    account    text collate "C" not null,
    what       text collate "C" not null,
    through    bigint not null,
    journal_id bigint not null,
    primary key (account, what)
) with (fillfactor = 70);

comment on table retention_marks is 'How far retention has looked through journal and outbox. What it had to remove up to there is gone.';
comment on column retention_marks.account is 'The tenant.';
comment on column retention_marks.what is 'journal or outbox.';
comment on column retention_marks.through is 'Rows of that table up to this id were looked at.';
comment on column retention_marks.journal_id is 'Of outbox: the last journal entry of which the events were removed; 0 if there is none.';
-- Questions: how asking the PBX for its own records of a call went, the last time.
create table questions (
    account   text collate "C" not null,
    call_uuid text collate "C" not null,
    asked     integer not null,
    asked_at  timestamptz not null,
    outcome   text not null,
    reason    text not null,
    primary key (account, call_uuid)
);
create index questions_by_time on questions (asked_at);

comment on table questions is 'How asking the PBX for its own records of a call went. Rows go 30 days after the call was last asked about.';
comment on column questions.account is 'The tenant.';
comment on column questions.call_uuid is 'The call.';
comment on column questions.asked is 'How often the PBX was asked about it.';
comment on column questions.asked_at is 'When it was asked last.';
comment on column questions.outcome is 'changed, unchanged, missing (no record that would help) or failed (no answer, or none that can be used).';
comment on column questions.reason is 'What went wrong, for people; empty if nothing did.';

-- Backfills: how far imports of history have come.
create table backfills (
    account    text collate "C" not null,
    from_at    timestamptz not null,
    to_at      timestamptz not null,
    publish    boolean not null,
    reached_at timestamptz not null,
    records    bigint not null,
    taken      bigint not null,
    updated_at timestamptz not null,
    primary key (account, from_at, to_at, publish)
);

comment on table backfills is 'How far imports of history from the PBX''s records have come.';
comment on column backfills.account is 'The tenant.';
comment on column backfills.from_at is 'Dialogs that began at this time or later are imported.';
comment on column backfills.to_at is 'Dialogs that began before this time are imported.';
comment on column backfills.publish is 'Whether what is imported is published.';
comment on column backfills.reached_at is 'Everything before this time is imported.';
comment on column backfills.records is 'How many records the PBX gave.';
comment on column backfills.taken is 'How many of these told something new.';
comment on column backfills.updated_at is 'When it went on last.';
-- Persons that were taken out of everything. Their numbers are not here.
create table erasures (
    id          text collate "C" primary key,
    account     text collate "C" not null,
    erased_at   timestamptz not null,
    pseudonym   text collate "C" not null,
    marks       text[] collate "C",
    guard_until timestamptz not null,
    certificate text
);
create index erasures_guard_idx on erasures (guard_until) where marks is not null;

comment on table erasures is 'Persons that were taken out of everything that is kept, without their numbers.';
comment on column erasures.id is 'Identity.';
comment on column erasures.account is 'The tenant.';
comment on column erasures.erased_at is 'When it was asked for.';
comment on column erasures.pseudonym is 'What stands in the number''s place now.';
comment on column erasures.marks is 'Salted hashes that recognise the person in webhooks that come late; null once guard_until has come.';
comment on column erasures.guard_until is 'Until when these are kept.';
comment on column erasures.certificate is 'What was done. JSON, kept as text; null until it is done.';

create table erasure_secret (
    single boolean primary key default true check (single),
    secret bytea not null
);

comment on table erasure_secret is 'What the hashes of erasures are salted with: one row, from the first erasure on.';
comment on column erasure_secret.single is 'Always true; there is one row at most.';
comment on column erasure_secret.secret is 'The salt.';

-- Which migrations were applied.
create table schema_version (
    id         integer primary key generated by default as identity,
    version_id bigint not null,
    is_applied boolean not null,
    tstamp     timestamp not null default now()
);
insert into schema_version (version_id, is_applied) values (0, true), (1, true), (2, true), (3, true), (4, true), (5, true), (6, true), (7, true), (8, true);

comment on table schema_version is 'Which migrations were applied; kept by pressly/goose.';
comment on column schema_version.id is 'Identity.';
comment on column schema_version.version_id is 'The migration.';
comment on column schema_version.is_applied is 'Always true.';
comment on column schema_version.tstamp is 'When, by the session''s clock.';
