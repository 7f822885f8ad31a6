package sqlite

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/storetest"
)

// An installation from before triggers goes on with everything that it had.
func TestOpenKeepsWhatVersionOneHad(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "calls.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	db, err := connect(path, 1, "journal_mode(WAL)")
	require.NoError(t, err)
	files, err := fs.Sub(embedded, "migrations")
	require.NoError(t, err)
	old, err := goose.NewProvider(goose.DialectSQLite3, db.DB, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = old.UpTo(ctx, 1)
	require.NoError(t, err)
	for _, statement := range []string{
		`insert into calls values ('acme', '1', null, '{"a":1}', x'', 1, 0, 5, 5, 'talking', 'inbound', '', '', 0, 1, 5, 0, '[]')`,
		`insert into calls values ('acme', '2', null, '{"a":2}', x'', 1, 1, 5, 5, 'ended', 'inbound', 'abandoned', '', 1, 0, 5, 6,
			'["number:1","project:7"]')`,
		`insert into call_keys values ('acme', 'number:1', 5, '2'), ('acme', 'project:7', 5, '2')`,
		`insert into legs values ('acme', '1', '1', x'65')`,
		`insert into outbox values (7, 1, 'acme', '1', 5, '{"a":1}', '[{"uuid":"u","type":"call_started","seq":1,"created_on":null}]')`,
		`insert into outbox values (9, 2, 'acme', '1', 6, '{"a":2}', '[]')`,
		`insert into due values ('acme', '1', 'reap', 1715938215000000)`,
		`update relay set through = 7`,
	} {
		_, err = db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())

	s, err := Open(ctx, Config{Path: path})
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
	changes, err := s.Changes(ctx, key)
	require.NoError(t, err)
	require.Len(t, changes, 2)
	require.Equal(t, []int64{7, 9}, []int64{changes[0].ID, changes[1].ID})
	require.Equal(t, "call_started", changes[0].Events[0].Type)
	require.EqualValues(t, 2, changes[1].JournalID)
	require.JSONEq(t, `{"a":2}`, string(changes[1].Record))
	at, ok, err := s.NextDue(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1715938215, at.Unix())

	require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
		row := &store.OutboxRow{Change: changes[1].Change}
		if err := tx.AppendOutbox(ctx, []*store.OutboxRow{row}); err != nil {
			return err
		}
		require.EqualValues(t, 10, row.ID)
		return tx.AddTriggers(ctx, []*store.Trigger{{ID: "t", Account: "acme", CallUUID: "1", State: store.TriggerDone}})
	}))
	triggers, err := s.TriggersOfCall(ctx, key)
	require.NoError(t, err)
	require.Len(t, triggers, 1)
}

// Calls that ended before there were statistics wait to be counted, page by page; calls that go on do not.
func TestOpenLeavesWhatHasEndedToBeCounted(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "calls.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	db, err := connect(path, 1, "journal_mode(WAL)")
	require.NoError(t, err)
	files, err := fs.Sub(embedded, "migrations")
	require.NoError(t, err)
	old, err := goose.NewProvider(goose.DialectSQLite3, db.DB, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = old.UpTo(ctx, 4)
	require.NoError(t, err)
	_, err = db.Exec(`
with was(account, id, into_id, state) as (
    values ('a', '1', null, 'ended'), ('a', '2', null, 'talking'), ('a', '3', '1', 'ended'), ('a', '4', null, 'ended'),
           ('b', '0', null, 'ended'))
insert into calls select account, id, into_id, '{}', x'', 1, 0, 5, 5, state, 'inbound', '', '', 0, 1, 5, 0, '[]' from was`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	s, err := Open(ctx, Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Backlog(t, s, []store.Key{{Account: "a", UUID: "1"}, {Account: "a", UUID: "4"}, {Account: "b", UUID: "0"}})
}
