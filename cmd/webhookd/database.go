package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

// cannotWork says why a command could not do its work on the database; beside is what there is to do instead of stopping a
// service that has the embedded one.
func cannotWork(cfg config.Config, err error, beside string) error {
	var schema *store.SchemaError
	switch {
	case errors.Is(err, store.ErrNoDatabase):
		return &beginError{noDatabase(cfg)}
	case errors.As(err, &schema):
		return &beginError{otherSchema(cfg, schema)}
	case errors.Is(err, sqlite.ErrInUse):
		return &beginError{fmt.Errorf("%w: stop the service first, or %s", err, beside)}
	default:
		return cannotBegin(err)
	}
}

// noDatabase is for somebody who, most likely, has not given the command what the service is given.
func noDatabase(cfg config.Config) error {
	key := "data_dir"
	if !cfg.DatabaseURL.Empty() {
		key = "database_url"
	}
	return fmt.Errorf("there is no database of webhookd at %s (%s is from: %s), so nothing was done. Give this command the "+
		"set-up of the service: its file with --config, or its environment. (A new database is made by serve, and by "+
		"webhookd migrate)", app.DatabaseName(cfg), key, cfg.Origin(key))
}

// otherSchema is for a command that must not change the database.
func otherSchema(cfg config.Config, schema *store.SchemaError) error {
	mend := "start the service with this version of webhookd, or run webhookd migrate, and then this again"
	if schema.Newer() {
		mend = "use the newer webhookd that made it"
	}
	return fmt.Errorf("the database at %s cannot be used as it is, so nothing was done: %w; %s",
		app.DatabaseName(cfg), schema, mend)
}

// sayDatabase tells which database was worked on: nobody should have to believe that it was the right one.
func sayDatabase(proc process, cfg config.Config) {
	_, _ = fmt.Fprintln(proc.err, "database: "+app.DatabaseName(cfg))
}

// sayNATS tells which NATS was.
func sayNATS(proc process, cfg config.Config) {
	where := cfg.NATSURL.String()
	if cfg.NATSURL.Empty() {
		where = "embedded, in " + cfg.DataDir
		if dir, err := filepath.Abs(cfg.DataDir); err == nil {
			where = "embedded, in " + dir
		}
	}
	_, _ = fmt.Fprintln(proc.err, "NATS: "+where)
}
