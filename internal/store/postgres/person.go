package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/store"
)

// personKeys says what names a row of each table within its account.
var personKeys = map[store.PersonTable]string{
	store.PersonOutbox: "id", store.PersonTriggers: "id", store.PersonRequests: "id", store.PersonBroadcasts: "id",
	store.PersonMarks: `(key || E'\n' || event_type)`, store.PersonSubscribers: "id",
	store.PersonTopics: `(topic_key || E'\n' || subscriber_id)`, store.PersonAnswers: `(encode(key, 'hex') collate "C")`,
	store.PersonQuarantine: "id",
}

func personKey(table store.PersonTable, place string) (key, given string) {
	switch table {
	case store.PersonOutbox, store.PersonQuarantine:
		return personKeys[table], "coalesce(nullif(" + place + "::text, ''), '0')::bigint"
	default:
		return personKeys[table], place + "::text"
	}
}

// PersonRows implements [store.PersonReader].
func (s *Store) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	key, given := personKey(table, "$2")
	columns := make([]string, 0, len(store.PersonColumns[table]))
	for _, column := range store.PersonColumns[table] {
		value := column.Name
		if !column.Bytes {
			value = fmt.Sprintf("convert_to(coalesce(%s, ''), 'UTF8')", column.Name)
		}
		columns = append(columns, value)
	}
	query := fmt.Sprintf("select %s::text as key, array[%s] as values from %s where account = $1 and %s > %s order by %s limit $3",
		key, strings.Join(columns, ", "), table, key, given, key)
	var rows []struct {
		Key    string        `db:"key"`
		Values pq.ByteaArray `db:"values"`
	}
	if err := s.list(ctx, "read "+string(table), &rows, query, account, after, max(0, limit)); err != nil {
		return nil, err
	}
	found := make([]store.PersonRow, len(rows))
	for i, row := range rows {
		found[i] = store.PersonRow{Key: row.Key, Values: make([][]byte, len(row.Values))}
		for j, value := range row.Values {
			found[i].Values[j] = append([]byte{}, bytes.Clone(value)...)
		}
	}
	return found, nil
}

// RewriteRows implements [store.PersonWriter].
func (t *tx) RewriteRows(ctx context.Context, account string, table store.PersonTable, rows []store.PersonRow) error {
	key, given := personKey(table, "$2")
	sets := make([]string, 0, len(store.PersonColumns[table]))
	for i, column := range store.PersonColumns[table] {
		value := fmt.Sprintf("$%d::bytea", i+3)
		if !column.Bytes {
			value = "convert_from(" + value + ", 'UTF8')"
		}
		if column.Nullable {
			value = "nullif(" + value + ", '')"
		}
		sets = append(sets, column.Name+" = "+value)
	}
	query := fmt.Sprintf("update %s set %s where account = $1 and %s = %s", table, strings.Join(sets, ", "), key, given)
	for _, row := range rows {
		args := append(make([]any, 0, 2+len(row.Values)), account, row.Key)
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
	key, given := personKey(table, "$2")
	query := fmt.Sprintf("delete from %s where account = $1 and %s = %s", table, key, given)
	for _, key := range keys {
		if err := t.exec(ctx, "drop from "+string(table), query, account, key); err != nil {
			return err
		}
	}
	return nil
}

// RewriteJournal implements [store.PersonWriter].
func (t *tx) RewriteJournal(ctx context.Context, rewrites []store.Rewrite) error {
	t.touched = true
	for _, r := range rewrites {
		if err := t.exec(ctx, "rewrite journal", `update journal set sha256 = $2, rank = $3, body = $4 where id = $1`,
			r.ID, r.SHA256[:], r.Rank[:], append([]byte{}, r.Body...)); err != nil {
			return err
		}
	}
	return nil
}

// Journaled implements [store.PersonWriter].
func (t *tx) Journaled(ctx context.Context, account string, hashes [][32]byte) ([][32]byte, error) {
	asked := make(pq.ByteaArray, len(hashes))
	for i := range hashes {
		asked[i] = hashes[i][:]
	}
	var rows [][]byte
	if err := t.SelectContext(ctx, &rows, `select sha256 from journal where account = $1 and sha256 = any($2)`,
		account, asked); err != nil {
		return nil, t.fail(ctx, "look for journal entries", err)
	}
	found := make([][32]byte, len(rows))
	for i, row := range rows {
		found[i] = [32]byte(row)
	}
	return found, nil
}

// putRanks writes the ranks of new entries that have one.
func (t *tx) putRanks(ctx context.Context, entries []*store.Entry) error {
	for _, entry := range entries {
		if entry.Rank == [32]byte{} || entry.Duplicate {
			continue
		}
		err := t.exec(ctx, "append to journal", `update journal set rank = $2 where id = $1`, entry.ID, entry.Rank[:])
		if err != nil {
			return err
		}
	}
	return nil
}

// ErasureSecret implements [store.PersonWriter].
func (t *tx) ErasureSecret(ctx context.Context, fresh []byte) ([]byte, error) {
	if err := t.exec(ctx, "make secret of erasures",
		`insert into erasure_secret (secret) values ($1) on conflict do nothing`, fresh); err != nil {
		return nil, err
	}
	return t.secret(ctx)
}

func (t *tx) secret(ctx context.Context) ([]byte, error) {
	var secrets [][]byte
	if err := t.SelectContext(ctx, &secrets, `select secret from erasure_secret`); err != nil {
		return nil, t.fail(ctx, "read secret of erasures", err)
	}
	if len(secrets) == 0 {
		return nil, nil
	}
	return secrets[0], nil
}

// PutErasure implements [store.PersonWriter].
func (t *tx) PutErasure(ctx context.Context, erasure store.Erasure) error {
	t.touched = true // whoever writes next looks again
	return t.exec(ctx, "write erasure", `
insert into erasures (id, account, erased_at, pseudonym, marks, guard_until, certificate)
values ($1, $2, $3::timestamptz, $4, $5, $6::timestamptz, nullif($7, ''))
on conflict (id) do update set marks = excluded.marks, guard_until = excluded.guard_until, certificate = excluded.certificate`,
		erasure.ID, erasure.Account, moment(erasure.At), erasure.Pseudonym, pq.StringArray(erasure.Marks), moment(erasure.GuardUntil),
		string(erasure.Certificate))
}

type erasureRow struct {
	ID          string         `db:"id"`
	Account     string         `db:"account"`
	ErasedAt    time.Time      `db:"erased_at"`
	Pseudonym   string         `db:"pseudonym"`
	Marks       pq.StringArray `db:"marks"`
	GuardUntil  time.Time      `db:"guard_until"`
	Certificate string         `db:"certificate"`
}

func erasuresOf(rows []erasureRow) []store.Erasure {
	erasures := make([]store.Erasure, len(rows))
	for i, row := range rows {
		erasures[i] = store.Erasure{
			ID: row.ID, Account: row.Account, At: row.ErasedAt.UTC(), Pseudonym: row.Pseudonym, Marks: row.Marks,
			GuardUntil: row.GuardUntil.UTC(),
		}
		if row.Certificate != "" {
			erasures[i].Certificate = []byte(row.Certificate)
		}
	}
	return erasures
}

// GuardedErasures implements [store.PersonWriter].
func (t *tx) GuardedErasures(ctx context.Context, after time.Time) ([]store.Erasure, []byte, error) {
	var rows []erasureRow
	if err := t.SelectContext(ctx, &rows, `
select id, account, erased_at, pseudonym, marks, guard_until, '' as certificate from erasures
where marks is not null and guard_until > $1::timestamptz order by guard_until, id`, moment(after)); err != nil {
		return nil, nil, t.fail(ctx, "read erasures", err)
	}
	if len(rows) == 0 {
		return nil, nil, nil
	}
	secret, err := t.secret(ctx)
	return erasuresOf(rows), secret, err
}

// ForgetMarks implements [store.PersonWriter].
func (t *tx) ForgetMarks(ctx context.Context, now time.Time) error {
	return t.exec(ctx, "forget marks of erasures",
		`update erasures set marks = null where marks is not null and guard_until <= $1::timestamptz`, moment(now))
}

// Erasures implements [store.PersonReader].
func (s *Store) Erasures(ctx context.Context, account string) ([]store.Erasure, error) {
	var rows []erasureRow
	err := s.list(ctx, "read erasures", &rows, `
select id, account, erased_at, pseudonym, marks, guard_until, coalesce(certificate, '') as certificate from erasures
where account = $1 order by erased_at desc, id desc`, account)
	return erasuresOf(rows), err
}
