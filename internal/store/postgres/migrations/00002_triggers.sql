-- +goose Up

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

-- Tables that were there take rows of triggers, too.
comment on column due.call_uuid is 'The call it is about; of the kinds trigger, request and broadcast the id of that row.';
comment on column due.kind is 'settle, reap, trigger, request, broadcast or tidy.';
comment on table outbox is 'What is to be published, and the history of what was: one row for each change of a call, and for each trigger that published something. Append only.';
comment on column outbox.journal_id is 'The journal entry that made the change; 0 for what a trigger published.';
comment on column outbox.call_uuid is 'The call that changed; the trigger''s id where there is no call.';
comment on column outbox.record is 'The call''s record after the change, as published; empty for what a trigger published that has no call.';
