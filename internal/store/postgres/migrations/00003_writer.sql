-- +goose Up

-- Whoever writes holds this row: it serialises writes over all instances, says whether anybody else has written since
-- one's own last Write, and gives outbox ids without gaps.
create table writer (
    single boolean primary key default true check (single),
    turn   text not null,
    outbox bigint not null
) with (fillfactor = 10);
insert into writer (turn, outbox) select '', coalesce(max(id), 0) from outbox;
alter table outbox alter column id drop identity;

comment on table writer is 'Who wrote last: one row. It is locked by every transaction that writes.';
comment on column writer.single is 'Always true; there is one row.';
comment on column writer.turn is 'A name of the last transaction that wrote, different for each.';
comment on column writer.outbox is 'The id of the last outbox row.';
comment on column outbox.id is 'Order of commit, which is the order of publishing. Given by writer.outbox, without gaps.';
