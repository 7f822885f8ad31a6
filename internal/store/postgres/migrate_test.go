package postgres_test

import (
	"database/sql"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
)

func TestMigrateCanBeDoneByManyAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	s := openURL(t, url)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrUnavailable, "there is no schema yet")
	var group sync.WaitGroup
	errs := make(chan error, 5)
	for range cap(errs) {
		group.Go(func() { errs <- postgres.Migrate(t.Context(), url) })
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, postgres.Migrate(t.Context(), url))
	require.NoError(t, s.Ping(t.Context()))
}

func TestMigrateNeedsASchema(t *testing.T) {
	t.Parallel()
	err := postgres.Migrate(t.Context(), pgtest.With(t, pgtest.URL(t), "search_path", "no_such_schema"))
	require.ErrorContains(t, err, "search_path")
}

func TestPingSaysThatTheSchemaIsOlderThanTheKnownOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.open(t)
	require.NoError(t, s.Ping(t.Context()))
	_, err := b.admin(t).Exec(`insert into schema_version (version_id, is_applied) values (9999, true)`)
	require.NoError(t, err)
	require.NoError(t, s.Ping(t.Context()), "the version before goes on beside the one that migrated")
	require.NoError(t, postgres.Migrate(t.Context(), b.url), "and can be started again")
	_, err = b.admin(t).Exec(`delete from schema_version where version_id > 1`)
	require.NoError(t, err)
	err = s.Ping(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "version 1,")
}

// schema.sql is for people and for those who do not let a program change their schema: what it makes must be what the
// migrations make, comments included.
func TestSchemaFileIsWhatMigrationsMake(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile("../../../schema.sql")
	require.NoError(t, err)
	b := &bundle{url: pgtest.URL(t)}
	require.NoError(t, postgres.Migrate(t.Context(), b.url))
	byHand := &bundle{url: pgtest.URL(t)}
	_, err = byHand.admin(t).Exec(string(schema))
	require.NoError(t, err)

	migrated := describe(t, b.admin(t))
	require.NotEmpty(t, migrated)
	require.Equal(t, strings.Join(migrated, "\n"), strings.Join(describe(t, byHand.admin(t)), "\n"))
	for _, line := range migrated {
		require.NotContains(t, line, "undocumented")
	}

	require.NoError(t, byHand.open(t).Ping(t.Context()))
	require.NoError(t, postgres.Migrate(t.Context(), byHand.url), "there is nothing left to migrate")
	require.NoError(t, appendBody(t.Context(), byHand.open(t), "one"))
}

// No migration looks through the journal, which holds webhooks up for as long as that takes.
func TestWhatIsCheckedOfTheJournalLaterIsNotLookedThroughFor(t *testing.T) {
	t.Parallel()
	b := &bundle{url: pgtest.URL(t)}
	require.NoError(t, postgres.Migrate(t.Context(), b.url))
	var validated bool
	require.NoError(t, b.admin(t).QueryRow(`
select convalidated from pg_constraint where conrelid = 'journal'::regclass and conname = 'journal_rank_check'`).Scan(&validated))
	require.False(t, validated)
	_, err := b.admin(t).Exec(`
insert into journal (account, received_at, origin, event_name, ignored, sha256, body, rank)
values ('acme', now(), 'pbx', 'x', true, sha256('x'), 'x', 'short')`)
	require.ErrorContains(t, err, "journal_rank_check")
}

// describe tells everything of the current schema, one line for each thing.
func describe(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.Query(`
select format('table %s %s%s%s: %s', relname, coalesce(reloptions::text, ''), coalesce(pg_get_expr(relpartbound, oid), ''),
              coalesce(pg_get_partkeydef(oid), ''), coalesce(obj_description(oid), 'undocumented'))
from pg_class where relnamespace = current_schema()::regnamespace and relkind not in ('i', 'I', 'S', 't')
union all
select format('column %s.%s %s collate %s null %s default %s identity %s generated %s: %s', relname, attname,
              format_type(atttypid, atttypmod), attcollation, not attnotnull,
              coalesce(pg_get_expr(adbin, adrelid), ''), attidentity, attgenerated,
              case when relispartition then 'of a partition' else coalesce(col_description(c.oid, attnum), 'undocumented') end)
from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = attnum
where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
union all
select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint where connamespace = current_schema()::regnamespace
union all
select replace('index ' || indexdef, schemaname || '.', '') from pg_indexes where schemaname = current_schema()
union all
select format('sequence %s %s', sequencename, data_type) from pg_sequences where schemaname = current_schema()
union all
select format('function %s', proname) from pg_proc where pronamespace = current_schema()::regnamespace
union all
select format('row of relay: %s', r) from relay r
union all
select format('row of schema_version: %s %s', version_id, is_applied) from schema_version`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	slices.Sort(lines)
	return lines
}

func TestTheSchemaOfADatabaseIsLookedUp(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	found, err := postgres.Schema(t.Context(), url)
	require.NoError(t, err)
	require.Zero(t, found.Version, "nothing was made there")
	require.NotZero(t, found.Known)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	migrated, err := postgres.Schema(t.Context(), url)
	require.NoError(t, err)
	require.Equal(t, store.Schema{Version: found.Known, Known: found.Known}, migrated)

	found, err = postgres.Schema(t.Context(), pgtest.With(t, url, "search_path", "no_such_schema"))
	require.NoError(t, err)
	require.Zero(t, found.Version)
}
