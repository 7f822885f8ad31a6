-- +goose Up

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
