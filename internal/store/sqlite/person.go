package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"webhookd/internal/store"
)

// personKeys says what names a row of each table within its account.
var personKeys = map[store.PersonTable]string{
	store.PersonOutbox: "id", store.PersonTriggers: "id", store.PersonRequests: "id", store.PersonBroadcasts: "id",
	store.PersonMarks: "key || char(10) || event_type", store.PersonSubscribers: "id",
	store.PersonTopics: "topic_key || char(10) || subscriber_id", store.PersonAnswers: "hex(key)", store.PersonQuarantine: "id",
}

// numbered are the tables whose key is a number.
func numbered(table store.PersonTable) bool {
	return table == store.PersonOutbox || table == store.PersonQuarantine
}

func personKey(table store.PersonTable) (key, given string) {
	key, given = personKeys[table], "?"
	if numbered(table) {
		given = "cast(? as integer)"
	}
	return key, given
}

// PersonRows implements [store.PersonReader].
func (s *Store) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	key, given := personKey(table)
	columns := make([]string, 0, len(store.PersonColumns[table]))
	for _, column := range store.PersonColumns[table] {
		columns = append(columns, fmt.Sprintf("cast(coalesce(%s, '') as blob)", column.Name))
	}
	query := fmt.Sprintf("select cast(%s as text), %s from %s where account = ? and %s > %s order by %s limit ?",
		key, strings.Join(columns, ", "), table, key, given, key)
	rows, err := s.reader.QueryContext(ctx, query, account, after, max(0, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, classify(err))
	}
	defer func() { _ = rows.Close() }()
	var found []store.PersonRow
	for rows.Next() {
		row := store.PersonRow{Values: make([][]byte, len(columns))}
		into := []any{&row.Key}
		for i := range row.Values {
			into = append(into, &row.Values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, classify(err))
		}
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

// RewriteRows implements [store.PersonWriter].
func (t *tx) RewriteRows(ctx context.Context, account string, table store.PersonTable, rows []store.PersonRow) error {
	key, given := personKey(table)
	sets := make([]string, 0, len(store.PersonColumns[table]))
	for _, column := range store.PersonColumns[table] {
		value := "?"
		if column.Nullable {
			value = "nullif(?, '')"
		}
		sets = append(sets, column.Name+" = "+value)
	}
	query := fmt.Sprintf("update %s set %s where account = ? and %s = %s", table, strings.Join(sets, ", "), key, given)
	return each(ctx, t, "rewrite "+string(table), query, rows, func(row store.PersonRow) []any {
		var args []any
		for i, column := range store.PersonColumns[table] {
			if column.Bytes {
				args = append(args, blob(row.Values[i]))
			} else {
				args = append(args, string(row.Values[i]))
			}
		}
		return append(args, account, row.Key)
	})
}

// DropRows implements [store.PersonWriter].
func (t *tx) DropRows(ctx context.Context, account string, table store.PersonTable, keys []string) error {
	key, given := personKey(table)
	return each(ctx, t, "drop from "+string(table), fmt.Sprintf("delete from %s where account = ? and %s = %s", table, key, given),
		keys, func(key string) []any { return []any{account, key} })
}

// RewriteJournal implements [store.PersonWriter].
func (t *tx) RewriteJournal(ctx context.Context, rewrites []store.Rewrite) error {
	t.touched = true
	return each(ctx, t, "rewrite journal", `update journal set sha256 = ?, rank = ?, body = ? where id = ?`, rewrites,
		func(r store.Rewrite) []any { return []any{r.SHA256[:], r.Rank[:], blob(r.Body), r.ID} })
}

// Journaled implements [store.PersonWriter].
func (t *tx) Journaled(ctx context.Context, account string, hashes [][32]byte) ([][32]byte, error) {
	rows, err := gather[[]byte](ctx, t, "look for journal entries", `select sha256 from journal where account = ? and sha256 = ?`,
		hashes, func(hash [32]byte) []any { return []any{account, hash[:]} })
	if err != nil {
		return nil, err
	}
	found := make([][32]byte, len(rows))
	for i, row := range rows {
		found[i] = [32]byte(row)
	}
	return found, nil
}

// putRanks writes the ranks of new entries that have one.
func (t *tx) putRanks(ctx context.Context, entries []*store.Entry) error {
	var ranked []*store.Entry
	for _, entry := range entries {
		if entry.Rank != [32]byte{} && !entry.Duplicate {
			ranked = append(ranked, entry)
		}
	}
	return each(ctx, t, "append to journal", `update journal set rank = ? where id = ?`, ranked,
		func(e *store.Entry) []any { return []any{e.Rank[:], e.ID} })
}

// ErasureSecret implements [store.PersonWriter].
func (t *tx) ErasureSecret(ctx context.Context, fresh []byte) ([]byte, error) {
	if err := each(ctx, t, "make secret of erasures",
		`insert into erasure_secret (single, secret) values (1, ?) on conflict do nothing`, [][]byte{fresh},
		func(secret []byte) []any { return []any{secret} }); err != nil {
		return nil, err
	}
	return t.secret(ctx)
}

func (t *tx) secret(ctx context.Context) ([]byte, error) {
	var secret []byte
	err := t.GetContext(context.WithoutCancel(ctx), &secret, `select secret from erasure_secret`)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return secret, t.fail("read secret of erasures", err)
}

const putErasure = `
insert into erasures (id, account, erased_at, pseudonym, marks, guard_until, certificate)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update set marks = excluded.marks, guard_until = excluded.guard_until, certificate = excluded.certificate`

// PutErasure implements [store.PersonWriter].
func (t *tx) PutErasure(ctx context.Context, erasure store.Erasure) error {
	t.touched = true // whoever writes next looks again
	marks, err := json.Marshal(erasure.Marks)
	if err != nil {
		return t.fail("write erasure", err)
	}
	return each(ctx, t, "write erasure", putErasure, []store.Erasure{erasure}, func(e store.Erasure) []any {
		return []any{
			e.ID, e.Account, moment(e.At), e.Pseudonym, string(marks), moment(e.GuardUntil), optional(string(e.Certificate)),
		}
	})
}

type erasureRow struct {
	ID          string  `db:"id"`
	Account     string  `db:"account"`
	ErasedAt    int64   `db:"erased_at"`
	Pseudonym   string  `db:"pseudonym"`
	Marks       *string `db:"marks"`
	GuardUntil  int64   `db:"guard_until"`
	Certificate *string `db:"certificate"`
}

func erasuresOf(rows []erasureRow) ([]store.Erasure, error) {
	erasures := make([]store.Erasure, len(rows))
	for i, row := range rows {
		erasures[i] = store.Erasure{
			ID: row.ID, Account: row.Account, At: momentOf(row.ErasedAt), Pseudonym: row.Pseudonym,
			GuardUntil: momentOf(row.GuardUntil),
		}
		if row.Marks != nil {
			if err := json.Unmarshal([]byte(*row.Marks), &erasures[i].Marks); err != nil {
				return nil, fmt.Errorf("read marks of erasure %s: %w", row.ID, err)
			}
		}
		if row.Certificate != nil {
			erasures[i].Certificate = []byte(*row.Certificate)
		}
	}
	return erasures, nil
}

// GuardedErasures implements [store.PersonWriter].
func (t *tx) GuardedErasures(ctx context.Context, after time.Time) ([]store.Erasure, []byte, error) {
	const doing = "read erasures"
	rows, err := ask[erasureRow](ctx, t, doing, `
select id, account, erased_at, pseudonym, marks, guard_until from erasures
where marks is not null and guard_until > ? order by guard_until, id`, moment(after))
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	erasures, err := erasuresOf(rows)
	if err != nil {
		return nil, nil, t.fail(doing, err)
	}
	secret, err := t.secret(ctx)
	return erasures, secret, err
}

// ForgetMarks implements [store.PersonWriter].
func (t *tx) ForgetMarks(ctx context.Context, now time.Time) error {
	return each(ctx, t, "forget marks of erasures", `update erasures set marks = null where marks is not null and guard_until <= ?`,
		[]time.Time{now}, func(now time.Time) []any { return []any{moment(now)} })
}

// Erasures implements [store.PersonReader].
func (s *Store) Erasures(ctx context.Context, account string) ([]store.Erasure, error) {
	var rows []erasureRow
	err := s.list(ctx, "read erasures", &rows, `
select id, account, erased_at, pseudonym, marks, guard_until, certificate from erasures
where account = ? order by erased_at desc, id desc`, account)
	if err != nil {
		return nil, err
	}
	return erasuresOf(rows)
}
