package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"webhookd/internal/store"
)

// personKey gives the columns that name a row of a table as parameters. "" comes before every other key.
func personKey(account string, table store.PersonTable, key string) ([]any, error) {
	parts, err := store.SplitPersonKey(table, key)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it did
	}
	args := []any{account}
	for _, part := range parts {
		switch table {
		case store.PersonOutbox, store.PersonQuarantine:
			id, err := strconv.ParseInt("0"+part, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read key of %s: %w", table, err)
			}
			args = append(args, id)
		case store.PersonAnswers:
			sum, err := hex.DecodeString(part)
			if err != nil {
				return nil, fmt.Errorf("read key of %s: %w", table, err)
			}
			args = append(args, blob(sum))
		default:
			args = append(args, part)
		}
	}
	return args, nil
}

// named is the condition that a row of a table is the one whose key personKey gave.
func named(table store.PersonTable) string {
	return "account = ? and " + strings.Join(store.PersonKeys[table], " = ? and ") + " = ?"
}

// selectPerson is the list of what is read of a row.
func selectPerson(table store.PersonTable) string {
	columns := append([]string{}, store.PersonKeys[table]...)
	for _, column := range store.PersonColumns[table] {
		columns = append(columns, fmt.Sprintf("cast(coalesce(%s, '') as blob)", column.Name))
	}
	return fmt.Sprintf("select %s from %s ", strings.Join(columns, ", "), table)
}

// personPage gives the rows after the key that personKey gave; the last parameter is how many.
func personPage(table store.PersonTable) string {
	keys := store.PersonKeys[table]
	names := strings.Join(keys, ", ")
	of := "account"
	switch table {
	case store.PersonOutbox, store.PersonTriggers, store.PersonRequests, store.PersonQuarantine:
		of = "+account" // the key alone names a row: an index by account would have all of its rows sorted
	default:
	}
	return fmt.Sprintf("%swhere %s = ? and (%s) > (%s) order by %s limit ?", selectPerson(table), of, names,
		strings.Join(strings.Split(strings.Repeat("?", len(keys)), ""), ", "), names)
}

// personRows reads the rows that selectPerson gives.
func personRows(table store.PersonTable, rows *sql.Rows) ([]store.PersonRow, error) {
	defer func() { _ = rows.Close() }()
	var found []store.PersonRow
	for rows.Next() {
		keys := make([]any, len(store.PersonKeys[table]))
		row := store.PersonRow{Values: make([][]byte, len(store.PersonColumns[table]))}
		into := make([]any, 0, len(keys)+len(row.Values))
		for i := range keys {
			into = append(into, &keys[i])
		}
		for i := range row.Values {
			into = append(into, &row.Values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, classify(err))
		}
		parts := make([]string, len(keys))
		for i, key := range keys {
			if sum, ok := key.([]byte); ok {
				parts[i] = hex.EncodeToString(sum)
			} else {
				parts[i] = fmt.Sprint(key)
			}
		}
		row.Key = store.JoinPersonKey(parts)
		for i := range row.Values {
			row.Values[i] = bytes.Clone(blob(row.Values[i]))
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", table, classify(err))
	}
	return found, nil
}

// PersonRows implements [store.PersonReader].
func (s *Store) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	args, err := personKey(account, table, after)
	if err != nil {
		return nil, err
	}
	rows, err := s.reader.QueryContext(ctx, personPage(table), append(args, max(0, limit))...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, classify(err))
	}
	return personRows(table, rows)
}

// PersonRowsByKey implements [store.PersonWriter].
func (t *tx) PersonRowsByKey(
	ctx context.Context, account string, table store.PersonTable, keys []string,
) ([]store.PersonRow, error) {
	doing := "read " + string(table)
	prepared, err := t.prepare(ctx, doing, selectPerson(table)+"where "+named(table))
	if err != nil {
		return nil, err
	}
	defer func() { _ = prepared.Close() }()
	var found []store.PersonRow
	asked := map[string]bool{}
	for _, key := range keys {
		if asked[key] {
			continue
		}
		asked[key] = true
		args, err := personKey(account, table, key)
		if err != nil {
			return nil, t.fail(doing, err)
		}
		rows, err := prepared.QueryContext(context.WithoutCancel(ctx), args...)
		if err != nil {
			return nil, t.fail(doing, err)
		}
		more, err := personRows(table, rows)
		if err != nil {
			return nil, t.fail(doing, err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// RewriteRows implements [store.PersonWriter].
func (t *tx) RewriteRows(ctx context.Context, account string, table store.PersonTable, rows []store.PersonRow) error {
	doing := "rewrite " + string(table)
	sets := make([]string, 0, len(store.PersonColumns[table]))
	for _, column := range store.PersonColumns[table] {
		value := "?"
		if column.Nullable {
			value = "nullif(?, '')"
		}
		sets = append(sets, column.Name+" = "+value)
	}
	var all [][]any
	for _, row := range rows {
		var args []any
		for i, column := range store.PersonColumns[table] {
			if column.Bytes {
				args = append(args, blob(row.Values[i]))
			} else {
				args = append(args, string(row.Values[i]))
			}
		}
		key, err := personKey(account, table, row.Key)
		if err != nil {
			return t.fail(doing, err)
		}
		all = append(all, append(args, key...))
	}
	query := fmt.Sprintf("update %s set %s where %s", table, strings.Join(sets, ", "), named(table))
	return each(ctx, t, doing, query, all, func(args []any) []any { return args })
}

// DropRows implements [store.PersonWriter].
func (t *tx) DropRows(ctx context.Context, account string, table store.PersonTable, keys []string) error {
	doing := "drop from " + string(table)
	var all [][]any
	for _, key := range keys {
		args, err := personKey(account, table, key)
		if err != nil {
			return t.fail(doing, err)
		}
		all = append(all, args)
	}
	return each(ctx, t, doing, fmt.Sprintf("delete from %s where %s", table, named(table)), all,
		func(args []any) []any { return args })
}
