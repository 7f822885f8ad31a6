-- +goose Up

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

-- The check is not valid for what is there already, where the column is null: to look through the journal for it would hold
-- webhooks up.
alter table journal add column rank bytea;
alter table journal add constraint journal_rank_check check (octet_length(rank) = 32) not valid;
comment on column journal.rank is 'What orders it among entries that contradict it, where that is not sha256: the hash of the body before a person was taken out; else null.';
comment on table journal is 'Every webhook and everything else that changes a call, in the order of arrival. Append only, but for what retention removes, and that a person may be taken out of a body; all other tables can be worked out again from it.';
comment on column journal.body is 'The body byte for byte as received, but that a person may have been taken out (rank is not null then); bytes, because it need not be valid UTF-8.';
comment on table outbox is 'What is to be published, and the history of what was: one row for each change of a call, and for each trigger that published something. Append only, but for what retention removes, and that a person may be taken out.';
