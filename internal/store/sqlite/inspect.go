package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/doctor"
)

// Inspect finds out what there is to know of a database file, also while a service has it, and changes nothing.
func Inspect(ctx context.Context, path string) doctor.Database {
	found := doctor.Database{Embedded: true, Where: path}
	found.Known, _ = latestVersion() // the files are part of the program
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.New = true
		return found
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no file", path)
	}
	if err == nil {
		err = inspect(ctx, path, &found)
	}
	if err != nil {
		found.Trouble, found.Problem = doctor.Broken, err.Error()
	}
	return found
}

func inspect(ctx context.Context, path string, found *doctor.Database) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", patience}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		// Nobody has it open, and everything is in the one file: asked in any other way SQLite would make the other two.
		query.Set("immutable", "1")
	}
	slashed := filepath.ToSlash(path)
	if slashed[0] != '/' { // it begins with a drive
		slashed = "/" + slashed
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: slashed}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sqlx.Open("sqlite", dsn.String())
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if err := db.GetContext(ctx, &found.Version, `select sqlite_version()`); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	err = db.GetContext(ctx, &found.Size, `select page_count * page_size from pragma_page_count, pragma_page_size`)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	var tables int
	err = db.GetContext(ctx, &tables, `select count(*) from sqlite_schema where type = 'table' and name in
	('`+versionTable+`', 'outbox', 'relay', 'outbox_held')`)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	if found.New = tables < 4; found.New {
		return nil
	}
	err = db.GetContext(ctx, &found.Schema, `select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	var waiting struct {
		Count  int64         `db:"count"`
		Oldest sql.NullInt64 `db:"oldest"` // microseconds
		Held   int64         `db:"held"`
	}
	err = db.GetContext(ctx, &waiting, `
select max((select coalesce(max(id), 0) from outbox) - relay.through, 0) as count,
       (select created_at from outbox where id > relay.through order by id limit 1) as oldest,
       (select count(*) from outbox_held) as held
from relay`)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read outbox: %w", err)
	}
	found.Unpublished, found.Held = waiting.Count, waiting.Held
	if waiting.Oldest.Valid {
		found.Oldest = max(0, time.Since(time.UnixMicro(waiting.Oldest.Int64)))
	}
	return nil
}
