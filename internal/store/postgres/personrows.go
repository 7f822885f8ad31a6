package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"webhookd/internal/store"
)

// keyColumn is a column of those that name a row: how it is read as a text, and how a text is compared with it.
type keyColumn struct{ name, text, given string }

// personKey gives the columns that name a row of a table. In given, %s stands for the text.
func personKey(table store.PersonTable) []keyColumn {
	columns := make([]keyColumn, 0, len(store.PersonKeys[table]))
	for _, name := range store.PersonKeys[table] {
		column := keyColumn{name, name, `(%s::text collate "C")`}
		switch table {
		case store.PersonOutbox, store.PersonQuarantine:
			column.text, column.given = name+"::text", "coalesce(nullif(%s::text, ''), '0')::bigint"
		case store.PersonAnswers:
			column.text, column.given = "encode("+name+", 'hex')", "decode(%s::text, 'hex')"
		default:
		}
		columns = append(columns, column)
	}
	return columns
}

// named is the condition that a row of a table is the one whose key is in the parameters from $2 on.
func named(table store.PersonTable) string {
	columns := personKey(table)
	equal := make([]string, 0, len(columns))
	for i, column := range columns {
		equal = append(equal, column.name+" = "+fmt.Sprintf(column.given, fmt.Sprintf("$%d", i+2)))
	}
	return "account = $1 and " + strings.Join(equal, " and ")
}

// selectPerson is the list of what is read of a row. No name in it is that of a column, by which rows are put in order.
func selectPerson(table store.PersonTable) string {
	keys := make([]string, 0, len(store.PersonKeys[table]))
	values := make([]string, 0, len(store.PersonColumns[table]))
	for _, column := range personKey(table) {
		keys = append(keys, column.text)
	}
	for _, column := range store.PersonColumns[table] {
		value := column.Name
		if !column.Bytes {
			value = fmt.Sprintf("convert_to(coalesce(%s, ''), 'UTF8')", column.Name)
		}
		values = append(values, value)
	}
	return fmt.Sprintf("select array[%s]::text[] as named, array[%s]::bytea[] as told from %s",
		strings.Join(keys, ", "), strings.Join(values, ", "), table)
}

// personPage gives the rows after a key, which is in the parameters from $2 on; the last one is how many.
func personPage(table store.PersonTable) string {
	columns := personKey(table)
	names, given := make([]string, 0, len(columns)), make([]string, 0, len(columns))
	for i, column := range columns {
		names = append(names, column.name)
		given = append(given, fmt.Sprintf(column.given, fmt.Sprintf("$%d", i+2)))
	}
	return fmt.Sprintf("%s where account = $1 and (%s) > (%s) order by %s limit $%d", selectPerson(table),
		strings.Join(names, ", "), strings.Join(given, ", "), strings.Join(names, ", "), len(names)+2)
}

// personByKey gives the rows whose keys are in the parameters from $2 on, a list for each column.
func personByKey(table store.PersonTable) string {
	columns := personKey(table)
	lists, names, equal := make([]string, 0, len(columns)), make([]string, 0, len(columns)), make([]string, 0, len(columns))
	for i, column := range columns {
		lists = append(lists, fmt.Sprintf("$%d::text[]", i+2))
		names = append(names, fmt.Sprintf("asked%d", i))
		equal = append(equal, column.name+" = "+fmt.Sprintf(column.given, names[i]))
	}
	return fmt.Sprintf("%s join unnest(%s) as asked(%s) on %s where account = $1", selectPerson(table),
		strings.Join(lists, ", "), strings.Join(names, ", "), strings.Join(equal, " and "))
}

type personRow struct {
	Key    pq.StringArray `db:"named"`
	Values pq.ByteaArray  `db:"told"`
}

func personRowsOf(rows []personRow) []store.PersonRow {
	found := make([]store.PersonRow, len(rows))
	for i, row := range rows {
		found[i] = store.PersonRow{Key: store.JoinPersonKey(row.Key), Values: make([][]byte, len(row.Values))}
		for j, value := range row.Values {
			found[i].Values[j] = append([]byte{}, bytes.Clone(value)...)
		}
	}
	return found
}

// keyArgs gives the account and the columns of a key as parameters.
func keyArgs(account string, table store.PersonTable, key string) ([]any, error) {
	parts, err := store.SplitPersonKey(table, key)
	if err != nil {
		return nil, err
	}
	args := []any{account}
	for _, part := range parts {
		args = append(args, part)
	}
	return args, nil
}

// PersonRows implements [store.PersonReader].
func (s *Store) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	args, err := keyArgs(account, table, after)
	if err != nil {
		return nil, err
	}
	var rows []personRow
	if err := s.list(ctx, "read "+string(table), &rows, personPage(table), append(args, max(0, limit))...); err != nil {
		return nil, err
	}
	return personRowsOf(rows), nil
}

// PersonRowsByKey implements [store.PersonWriter].
func (t *tx) PersonRowsByKey(
	ctx context.Context, account string, table store.PersonTable, keys []string,
) ([]store.PersonRow, error) {
	keys = latest(keys, func(key string) string { return key })
	lists := make([]pq.StringArray, len(store.PersonKeys[table]))
	for _, key := range keys {
		parts, err := store.SplitPersonKey(table, key)
		if err != nil {
			return nil, t.fail(ctx, "read "+string(table), err)
		}
		for i, part := range parts {
			lists[i] = append(lists[i], part)
		}
	}
	args := []any{account}
	for _, list := range lists {
		args = append(args, list)
	}
	var rows []personRow
	if err := t.SelectContext(ctx, &rows, personByKey(table), args...); err != nil {
		return nil, t.fail(ctx, "read "+string(table), err)
	}
	return personRowsOf(rows), nil
}

// RewriteRows implements [store.PersonWriter].
func (t *tx) RewriteRows(ctx context.Context, account string, table store.PersonTable, rows []store.PersonRow) error {
	first := len(store.PersonKeys[table]) + 2
	sets := make([]string, 0, len(store.PersonColumns[table]))
	for i, column := range store.PersonColumns[table] {
		value := fmt.Sprintf("$%d::bytea", i+first)
		if !column.Bytes {
			value = "convert_from(" + value + ", 'UTF8')"
		}
		if column.Nullable {
			value = "nullif(" + value + ", '')"
		}
		sets = append(sets, column.Name+" = "+value)
	}
	query := fmt.Sprintf("update %s set %s where %s", table, strings.Join(sets, ", "), named(table))
	for _, row := range rows {
		args, err := keyArgs(account, table, row.Key)
		if err != nil {
			return t.fail(ctx, "rewrite "+string(table), err)
		}
		for _, value := range row.Values {
			args = append(args, append([]byte{}, value...))
		}
		if err := t.exec(ctx, "rewrite "+string(table), query, args...); err != nil {
			return err
		}
	}
	return nil
}

// DropRows implements [store.PersonWriter].
func (t *tx) DropRows(ctx context.Context, account string, table store.PersonTable, keys []string) error {
	query := fmt.Sprintf("delete from %s where %s", table, named(table))
	for _, key := range keys {
		args, err := keyArgs(account, table, key)
		if err != nil {
			return t.fail(ctx, "drop from "+string(table), err)
		}
		if err := t.exec(ctx, "drop from "+string(table), query, args...); err != nil {
			return err
		}
	}
	return nil
}
