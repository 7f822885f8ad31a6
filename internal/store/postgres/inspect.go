package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/doctor"
)

// connsAtMost is how many connections one instance may have: the pool, one for the lease, one that waits to be woken,
// and one that migrates.
const connsAtMost = defaultMaxConns + 1 + 1 + 1

// Inspection is what Inspect finds: the facts of the database, and its clock compared with this machine's.
type Inspection struct {
	doctor.Database

	Ahead time.Duration // of this machine's clock; negative: behind it
	Blur  time.Duration // how far Ahead may be wrong
}

// Inspect finds out what there is to know of the database at url before anything is done with it. It changes nothing: all
// it does is one read-only transaction. What keeps it from asking is in Trouble; the error is for a url that cannot be
// read, and does not repeat it.
func Inspect(ctx context.Context, url string) (Inspection, error) {
	found := Inspection{Database: doctor.Database{Need: connsAtMost}}
	found.Known, _ = latestVersion() // the files are part of the program
	dsn, err := Config{URL: url}.dsn("application_name", "webhookd doctor")
	if err != nil {
		return found, err
	}
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return found, fmt.Errorf("read database url: %w", err)
	}
	for _, other := range append([]pq.ConfigMultihost{{Host: config.Host, Hostaddr: config.Hostaddr}}, config.Multi...) {
		found.Remote = found.Remote || !isLoopback(other.Host, other.Hostaddr)
	}
	db, connector, err := openDB(dsn, answerTimeout)
	if err != nil {
		return found, err
	}
	defer func() { _ = db.Close() }()
	defer context.AfterFunc(ctx, connector.cut)()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		err = found.read(ctx, tx)
		_ = tx.Rollback()
	}
	if err != nil {
		found.Trouble, found.Problem = trouble(ctx, err)
	}
	return found, nil
}

// trouble says what kept us from asking.
func trouble(ctx context.Context, err error) (doctor.Trouble, string) {
	if ended := context.Cause(ctx); ended != nil {
		return doctor.Unreachable, ended.Error()
	}
	reported, ok := errors.AsType[*pq.Error](err)
	network, away := errors.AsType[net.Error](err)
	switch {
	case ok:
	case away:
		return doctor.Unreachable, network.Error()
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return doctor.Unreachable, err.Error()
	default:
		return doctor.Broken, err.Error() // it has no TLS, or a certificate that is not to be trusted
	}
	switch {
	case reported.Code.Class() == "28":
		return doctor.Refused, reported.Message
	case reported.Code == "3D000":
		return doctor.Absent, reported.Message
	case reported.Code == "53300":
		return doctor.Crowded, reported.Message
	case reported.Code.Class() == "57": // it starts, or stops
		return doctor.Unreachable, reported.Message
	default:
		return doctor.Broken, reported.Message
	}
}

// read asks everything.
func (found *Inspection) read(ctx context.Context, tx *sql.Tx) error {
	var number string
	var now time.Time
	var schema sql.NullString
	asked := time.Now()
	if err := tx.QueryRowContext(ctx, `select clock_timestamp()`).Scan(&now); err != nil {
		return err
	}
	found.Blur = time.Since(asked) / 2
	found.Ahead = now.Sub(asked.Add(found.Blur))
	err := tx.QueryRowContext(ctx, `
select current_setting('server_version'), current_setting('server_version_num'), current_schema(),
       pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on',
       not coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
       coalesce(not has_schema_privilege(current_schema(), 'create'), true),
       (select coalesce(sum(numbackends), 0) from pg_stat_database),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`).Scan(
		&found.Version, &number, &schema, &found.Standby, &found.Plain, &found.NoCreate, &found.Connections, &found.Places)
	if err != nil {
		return err
	}
	version, _ := strconv.Atoi(number)
	found.Major = version / 10_000
	found.NoSchema = !schema.Valid
	if err := found.readSettings(ctx, tx); err != nil || found.NoSchema {
		return err
	}
	return found.readTables(ctx, tx)
}

// readSettings asks for the settings that a session begins with, whatever ours has set for itself since.
func (found *Inspection) readSettings(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `select name, reset_val from pg_settings where name in
	('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'server_encoding')`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	found.Settings = map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		found.Settings[name] = value
	}
	return rows.Err()
}

// readTables asks how far schema and outbox have come. Tables of later versions are not asked for, for an old schema has
// none of them.
func (found *Inspection) readTables(ctx context.Context, tx *sql.Tx) error {
	var tables int
	err := tx.QueryRowContext(ctx, `
select count(*) filter (where relname in ('`+versionTable+`', 'outbox', 'relay', 'outbox_held')),
       coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)
from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')`).Scan(&tables, &found.Size)
	if err != nil {
		return err
	}
	if found.New = tables < 4; found.New {
		return nil
	}
	err = tx.QueryRowContext(ctx, `select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`).Scan(&found.Schema)
	if err != nil {
		return err
	}
	var oldest float64
	err = tx.QueryRowContext(ctx, `
select greatest((select coalesce(max(id), 0) from outbox) - relay.through, 0),
       coalesce(extract(epoch from clock_timestamp() -
           (select created_at from outbox where id > relay.through order by id limit 1)), 0),
       (select count(*) from outbox_held)
from relay`).Scan(&found.Unpublished, &oldest, &found.Held)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	found.Oldest = max(0, time.Duration(oldest*float64(time.Second)))
	return err
}
