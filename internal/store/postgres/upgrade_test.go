package postgres

import (
	"io/fs"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/storetest"
)

// An installation from before triggers goes on with everything that it had.
func TestMigrateKeepsWhatVersionOneHad(t *testing.T) {
	t.Parallel()
	ctx, url := t.Context(), pgtest.URL(t)
	db, _, err := openDB(url, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	files, err := fs.Sub(embedded, "migrations")
	require.NoError(t, err)
	old, err := goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = old.UpTo(ctx, 1)
	require.NoError(t, err)
	_, err = db.Exec(`
insert into journal (account, received_at, origin, event_name, dialog_uuid, ignored, sha256, body)
values ('acme', now(), 'pbx', 'dialog_create', '1', false, sha256('one'), 'one');
insert into calls (account, call_uuid, record, ledger, seq, revision, heard_at, updated_at, state, open, direction,
                   disposition, hangup_by, missed, connected, started_at, keys)
values ('acme', '1', '{"a":1}', '', 1, 0, '2024-05-17Z', now(), 'talking', true, 'inbound', '', '', false, true, now(), '{}');
insert into calls (account, call_uuid, record, ledger, seq, revision, heard_at, updated_at, state, open, direction,
                   disposition, hangup_by, missed, connected, started_at, keys)
values ('acme', '2', '{"a":2}', '', 1, 1, '2024-05-17Z', now(), 'ended', false, 'inbound', 'abandoned', '', true, false,
        now(), '{number:1,project:7}');
insert into call_keys (account, key, started_at, call_uuid)
select account, unnest(keys), started_at, call_uuid from calls where missed;
insert into legs (account, dialog_uuid, call_uuid, evidence) values ('acme', '1', '1', 'e');
insert into outbox (journal_id, account, call_uuid, created_at, record, events)
values (1, 'acme', '1', now(), '{"a":1}', '[{"uuid":"u","type":"call_started","seq":1,"created_on":null}]');
insert into due (account, call_uuid, kind, due_at) values ('acme', '1', 'reap', '2024-05-17T09:30:15Z')`)
	require.NoError(t, err)

	require.NoError(t, Migrate(ctx, url))
	s, err := Open(ctx, Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Ping(ctx))
	key := store.Key{Account: "acme", UUID: "1"}
	call, err := s.Call(ctx, key)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(call.Record))
	missed, err := s.Calls(ctx, store.CallFilter{Account: "acme", Missed: new(true), Keys: []string{"project:7"}})
	require.NoError(t, err)
	require.Len(t, missed, 1)
	require.Equal(t, []string{"missed number:1", "missed project:7", "number:1", "project:7"}, missed[0].Index.Keys)
	entries, err := s.Entries(ctx, key)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	rows, err := s.Unsent(ctx, 0, 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "call_started", rows[0].Events[0].Type)
	at, ok, err := s.NextDue(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, time.Date(2024, 5, 17, 9, 30, 15, 0, time.UTC), at)

	require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
		row := &store.OutboxRow{Change: rows[0].Change}
		if err := tx.AppendOutbox(ctx, []*store.OutboxRow{row}); err != nil {
			return err
		}
		require.Greater(t, row.ID, rows[0].ID)
		return tx.AddTriggers(ctx, []*store.Trigger{{ID: "t", Account: "acme", CallUUID: "1", State: store.TriggerDone}})
	}))
	triggers, err := s.TriggersOfCall(ctx, key)
	require.NoError(t, err)
	require.Len(t, triggers, 1)
}

// Calls that ended before there were statistics wait to be counted, page by page; calls that go on do not.
func TestMigrateLeavesWhatHasEndedToBeCounted(t *testing.T) {
	t.Parallel()
	ctx, url := t.Context(), pgtest.URL(t)
	db, _, err := openDB(url, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	files, err := fs.Sub(embedded, "migrations")
	require.NoError(t, err)
	old, err := goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = old.UpTo(ctx, 4)
	require.NoError(t, err)
	_, err = db.Exec(`
insert into calls (account, call_uuid, merged_into, record, ledger, seq, revision, heard_at, updated_at, state, open, direction,
                   disposition, hangup_by, missed, connected, started_at, keys)
select account, id, into_id, '{}', '', 1, 0, '2024-05-17Z', now(), state, state <> 'ended', 'inbound', '', '', false, true, '2024-05-17Z', '{}'
from (values ('a', '1', null, 'ended'), ('a', '2', null, 'talking'), ('a', '3', '1', 'ended'), ('a', '4', null, 'ended'),
             ('b', '0', null, 'ended')) as was(account, id, into_id, state)`)
	require.NoError(t, err)
	require.NoError(t, Migrate(ctx, url))
	s, err := Open(ctx, Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Backlog(t, s, []store.Key{{Account: "a", UUID: "1"}, {Account: "a", UUID: "4"}, {Account: "b", UUID: "0"}})
}
