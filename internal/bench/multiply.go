package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// loadedCalls tells of a database that calls were loaded into.
type loadedCalls struct {
	Calls   int     `json:"calls"`
	Open    int64   `json:"open"`
	Entries int64   `json:"journal_entries"`
	MiB     int64   `json:"mib"`
	Seconds float64 `json:"seconds"`
}

// copied are the tables that are multiplied, and copies how each column of a name is written; one that is not named is
// copied as it is. $1 is the mark of the copy in uuids, $2 that in numbers, $3 how much earlier it was, $4 and $5 what
// is added to the ids of journal and outbox. Bytes are replaced in hex, so that their form does not matter.
//
// The history in the outbox keeps its rows and so its index, but not its records: it is half of everything, and nobody
// reads below the relay's position.
var (
	copied = []string{"journal", "legs", "calls", "call_keys", "call_facts", "outbox"}

	copies = map[string]string{
		"journal.id":            "t.id + $4::bigint",
		"journal.received_at":   "t.received_at - $3::interval",
		"journal.event_time":    "t.event_time - $3::interval",
		"journal.body":          "convert_to(" + replaced("convert_from(t.body, 'UTF8')") + ", 'UTF8')",
		"journal.sha256":        "sha256(convert_to(" + replaced("convert_from(t.body, 'UTF8')") + ", 'UTF8'))",
		"journal.dialog_uuid":   replaced("t.dialog_uuid"),
		"journal.call_uuid":     replaced("t.call_uuid"),
		"legs.dialog_uuid":      replaced("t.dialog_uuid"),
		"legs.call_uuid":        replaced("t.call_uuid"),
		"legs.evidence":         replacedBytes("t.evidence"),
		"calls.call_uuid":       replaced("t.call_uuid"),
		"calls.merged_into":     replaced("t.merged_into"),
		"calls.record":          replaced("t.record"),
		"calls.ledger":          replacedBytes("t.ledger"),
		"calls.heard_at":        "t.heard_at - $3::interval",
		"calls.updated_at":      "t.updated_at - $3::interval",
		"calls.started_at":      startedEarlier,
		"calls.ended_at":        "t.ended_at - $3::interval",
		"calls.keys":            replaced("t.keys::text") + "::text[]",
		"call_keys.key":         replaced("t.key"),
		"call_keys.started_at":  startedEarlier,
		"call_keys.call_uuid":   replaced("t.call_uuid"),
		"call_facts.started_at": startedEarlier,
		"call_facts.call_uuid":  replaced("t.call_uuid"),
		"outbox.id":             "t.id + $5::bigint",
		"outbox.journal_id":     "t.journal_id + $4::bigint",
		"outbox.call_uuid":      replaced("t.call_uuid"),
		"outbox.created_at":     "t.created_at - $3::interval",
		"outbox.record":         "'{}'",
		"outbox.events":         "'[]'",
	}
)

// startedEarlier is when a copied call began.
const startedEarlier = "t.started_at - $3::interval"

func replaced(text string) string {
	return fmt.Sprintf("replace(replace(%s, '%s', $1::text), '50%s', '50' || $2::text)", text, uuidMark, numberMark)
}

func replacedBytes(value string) string {
	inHex := func(mark string) string { return hex.EncodeToString([]byte(mark)) }
	return fmt.Sprintf(
		"decode(replace(replace(encode(%s, 'hex'), '%s', encode($1::text::bytea, 'hex')), '%s', "+
			"'%s' || encode($2::text::bytea, 'hex')), 'hex')",
		value, inHex(uuidMark), inHex("50"+numberMark), inHex("50"))
}

// spread is over how long the copies are spread backwards: a quarter of a year.
const spread = 90 * 24 * time.Hour

// loader multiplies the templates in one schema into another.
type loader struct {
	b        *bench
	from, to string
	times    int // copies of the templates

	journal, outbox int64 // greatest ids of the templates
}

// multiply fills a new schema with so many calls.
func (b *bench) multiply(ctx context.Context, from string, calls int) (schema string, made loadedCalls, err error) {
	start := time.Now()
	l := &loader{b: b, from: from, to: fmt.Sprintf("calls_%d", calls), times: max(1, calls/templates)}
	if err := b.postgres.makeSchema(ctx, l.to); err != nil {
		return "", made, err
	}
	migrate := program(ctx, b.webhookd, "migrate", "--database-url", b.postgres.url(l.to))
	if _, err := execute(ctx, "webhookd migrate", migrate); err != nil {
		return "", made, err
	}
	if err := l.load(ctx); err != nil {
		return "", made, fmt.Errorf("load %d calls: %w", calls, err)
	}
	made = loadedCalls{Calls: l.times * templates}
	err = b.postgres.db.QueryRowContext(ctx, `
select (select count(*) from `+l.to+`.calls where open), (select count(*) from `+l.to+`.journal),
       (select sum(pg_total_relation_size(oid)) / 1048576 from pg_class
        where relnamespace = $1::regnamespace and relkind = 'r')::bigint`, l.to).Scan(&made.Open, &made.Entries, &made.MiB)
	if err != nil {
		return "", made, fmt.Errorf("count loaded calls: %w", err)
	}
	made.Seconds = time.Since(start).Seconds()
	return l.to, made, nil
}

// load writes everything in one transaction, in which the tables are emptied first: with wal_level=minimal that needs no
// write-ahead log. Indexes are made afterwards.
func (l *loader) load(ctx context.Context) (err error) {
	tx, err := l.b.postgres.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	err = tx.QueryRowContext(ctx, `select (select max(id) from `+l.from+`.journal), (select max(id) from `+l.from+`.outbox)`).
		Scan(&l.journal, &l.outbox)
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `set local search_path = `+l.to); err != nil {
		return fmt.Errorf("set search path: %w", err)
	}
	for _, table := range copied {
		if err := l.loadTable(ctx, tx, table); err != nil {
			return fmt.Errorf("load %s: %w", table, err)
		}
	}
	for _, statement := range []string{
		`select setval(pg_get_serial_sequence('journal', 'id'), (select max(id) from journal))`,
		`update writer set outbox = (select max(id) from outbox)`,
		`update relay set through = (select max(id) from outbox)`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("move on: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, table := range copied {
		if _, err := l.b.postgres.db.ExecContext(ctx, `vacuum (freeze, analyze) `+l.to+`.`+table); err != nil {
			return fmt.Errorf("vacuum %s: %w", table, err)
		}
	}
	return nil
}

func (l *loader) loadTable(ctx context.Context, tx *sql.Tx, table string) error {
	start := time.Now()
	indexes, err := dropIndexes(ctx, tx, table)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `truncate `+table); err != nil {
		return fmt.Errorf("empty: %w", err)
	}
	statement, err := l.copyStatement(ctx, tx, table)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = insert.Close() }()
	const numbers = 1000 // calls of a customer: 5 where there are a million
	for n := range l.times {
		earlier := spread / time.Duration(l.times) * time.Duration(l.times-n)
		_, err := insert.ExecContext(ctx, fmt.Sprintf("%012x", n+1), fmt.Sprintf("%04d", n%numbers),
			fmt.Sprintf("%d microseconds", earlier.Microseconds()), l.journal*int64(n), l.outbox*int64(n))
		if err != nil {
			return fmt.Errorf("copy: %w", err)
		}
	}
	filled := time.Since(start)
	for _, index := range indexes {
		if _, err := tx.ExecContext(ctx, index); err != nil {
			return fmt.Errorf("make index: %w", err)
		}
	}
	l.b.log.Info("loaded", "schema", l.to, "table", table, "copy", filled.Round(time.Millisecond),
		"index", (time.Since(start) - filled).Round(time.Millisecond))
	return nil
}

// copyStatement copies the templates of a table once. It mentions every parameter, whichever the table needs.
func (l *loader) copyStatement(ctx context.Context, tx *sql.Tx, table string) (string, error) {
	columns, err := texts(ctx, tx, `select column_name from information_schema.columns
where table_schema = $1 and table_name = $2 order by ordinal_position`, l.to, table)
	if err != nil {
		return "", err
	}
	values := make([]string, len(columns))
	for i, column := range columns {
		values[i] = "t." + column
		if expression, ok := copies[table+"."+column]; ok {
			values[i] = expression
		}
	}
	order := "1, 2, 3"
	if slices.Contains(columns, "id") {
		order = "t.id"
	}
	return fmt.Sprintf(`insert into %s (%s) overriding system value select %s from %s.%s t
where ($1::text, $2::text, $3::interval, $4::bigint, $5::bigint) is not null order by %s`,
		table, strings.Join(columns, ", "), strings.Join(values, ", "), l.from, table, order), nil
}

// dropIndexes drops the indexes of a table and gives the statements that make them again.
func dropIndexes(ctx context.Context, tx *sql.Tx, table string) ([]string, error) {
	constraints, err := texts(ctx, tx, `select conname from pg_constraint
where conrelid = $1::regclass and contype in ('p', 'u')`, table)
	if err != nil {
		return nil, err
	}
	again, err := texts(ctx, tx, `select format('alter table %I add constraint %I %s', $1::text, conname,
pg_get_constraintdef(oid)) from pg_constraint where conrelid = $1::text::regclass and contype in ('p', 'u')`, table)
	if err != nil {
		return nil, err
	}
	for _, name := range constraints {
		if _, err := tx.ExecContext(ctx, `alter table `+table+` drop constraint `+name); err != nil {
			return nil, fmt.Errorf("drop constraint: %w", err)
		}
	}
	indexes, err := texts(ctx, tx, `select indexrelid::regclass::text from pg_index where indrelid = $1::regclass`, table)
	if err != nil {
		return nil, err
	}
	definitions, err := texts(ctx, tx, `select pg_get_indexdef(indexrelid) from pg_index where indrelid = $1::regclass`, table)
	if err != nil {
		return nil, err
	}
	for _, name := range indexes {
		if _, err := tx.ExecContext(ctx, `drop index `+name); err != nil {
			return nil, fmt.Errorf("drop index: %w", err)
		}
	}
	return append(again, definitions...), nil
}

// texts asks for a list.
func texts(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	list, err := column(rows)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	return list, nil
}

// column reads the texts of rows with one column, to the end.
func column(rows *sql.Rows) ([]string, error) {
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		list = append(list, text)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}
