package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"webhookd/internal/store"
)

//go:embed migrations/*.sql
var embedded embed.FS

const versionTable = "schema_version"

// Migrate brings the schema of the database at url to the version of this program. Any number of instances may do so
// at once; one does the work and the others wait for it.
func Migrate(ctx context.Context, url string) error {
	// Building an index takes as long as it takes, and so does waiting for the instance that does.
	dsn, err := Config{URL: url}.dsn("statement_timeout", "0", "lock_timeout", "0",
		"idle_in_transaction_session_timeout", "0", "application_name", "webhookd migrate")
	if err != nil {
		return err
	}
	db, connector, err := openDB(dsn, 0)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// A server that does not answer any more would be waited for beyond the end of ctx.
	defer context.AfterFunc(ctx, connector.cut)()
	var schema sql.NullString
	if err := db.GetContext(ctx, &schema, `select current_schema()`); err != nil {
		return fmt.Errorf("migrate database: %w", classify(ctx, err))
	}
	if !schema.Valid {
		return errors.New("migrate database: no schema of the search_path exists")
	}
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db.DB, files,
		goose.WithTableName(versionTable),
		goose.WithSessionLocker(migrationLock{}),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", classify(ctx, err))
	}
	return nil
}

// Schema says how far the schema of the database at url is. It changes nothing.
func Schema(ctx context.Context, url string) (store.Schema, error) {
	found := store.Schema{}
	var err error
	if found.Known, err = latestVersion(); err != nil {
		return found, err
	}
	dsn, err := Config{URL: url}.dsn()
	if err != nil {
		return found, err
	}
	db, connector, err := openDB(dsn, answerTimeout)
	if err != nil {
		return found, err
	}
	defer func() { _ = db.Close() }()
	defer context.AfterFunc(ctx, connector.cut)()
	var made bool
	err = db.GetContext(ctx, &made, `
select exists (select from pg_class where relnamespace = current_schema()::regnamespace and relname = '`+versionTable+`')`)
	if err == nil && made {
		err = db.GetContext(ctx, &found.Version, `select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`)
	}
	if err != nil {
		return found, fmt.Errorf("read schema version: %w", classify(ctx, err))
	}
	return found, nil
}

// migrationLock serialises migrations of one schema. The lock belongs to the connection that goose keeps for it.
type migrationLock struct{}

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `select pg_advisory_lock(`+migrateLock+`)`); err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	return nil
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `select pg_advisory_unlock(`+migrateLock+`)`); err != nil {
		return fmt.Errorf("unlock migrations: %w", err)
	}
	return nil
}

// latestVersion is the version of the schema that this program knows.
func latestVersion() (int64, error) {
	files, err := fs.ReadDir(embedded, "migrations")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	var latest int64
	for _, file := range files {
		version, err := goose.NumericComponent(file.Name())
		if err != nil {
			return 0, fmt.Errorf("read migrations: %w", err)
		}
		latest = max(latest, version)
	}
	return latest, nil
}
