package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/store"
)

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

const entryByID = `select ` + journalColumns + ` from journal where id = ?`

// EntriesByID implements [store.PersonWriter].
func (t *tx) EntriesByID(ctx context.Context, ids []int64) ([]store.Entry, error) {
	rows, err := gather[journalRow](ctx, t, "read journal", entryByID, slices.Compact(slices.Sorted(slices.Values(ids))),
		func(id int64) []any { return []any{id} })
	if err != nil {
		return nil, err
	}
	return entriesFrom(rows), nil
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

const addMarks = `
update erasures set marks = (
    select json_group_array(value) from (
        select value from json_each(erasures.marks) union select value from json_each(?2) order by value))
where id = ?1 and marks is not null`

// AddErasureMarks implements [store.PersonWriter].
func (t *tx) AddErasureMarks(ctx context.Context, id string, marks []string) error {
	const doing = "add marks of erasure"
	t.touched = true // whoever writes next looks again
	more, err := json.Marshal(marks)
	if err != nil {
		return t.fail(doing, err)
	}
	return each(ctx, t, doing, addMarks, []string{id}, func(id string) []any { return []any{id, string(more)} })
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
func (t *tx) ForgetMarks(ctx context.Context, now time.Time) (int, error) {
	return t.drop(ctx, "forget marks of erasures",
		`update erasures set marks = null where marks is not null and guard_until <= ? returning 1`, moment(now))
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
