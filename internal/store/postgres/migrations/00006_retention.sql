-- +goose Up

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

-- Triggers that belong to no call go by their age.
create index triggers_callless_idx on triggers (account, created_at) where call_uuid is null;

comment on column due.kind is 'settle, reap, trigger, request, broadcast, tidy or retention.';
comment on column journal.ignored is 'A webhook of another family, or of a dialog that retention has removed: kept, changes nothing.';
comment on table outbox is 'What is to be published, and the history of what was: one row for each change of a call, and for each trigger that published something. Append only, but for what retention removes.';
comment on table journal is 'Every webhook and everything else that changes a call, in the order of arrival. Append only, but for what retention removes; all other tables can be worked out again from it.';
