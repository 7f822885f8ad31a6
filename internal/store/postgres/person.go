package postgres

import (
	"context"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/store"
)

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

const entriesByID = `select ` + journalColumns + ` from journal where id = any($1::bigint[]) order by id`

// EntriesByID implements [store.PersonWriter].
func (t *tx) EntriesByID(ctx context.Context, ids []int64) ([]store.Entry, error) {
	var rows []journalRow
	if err := t.SelectContext(ctx, &rows, entriesByID, pq.Int64Array(ids)); err != nil {
		return nil, t.fail(ctx, "read journal", err)
	}
	return entriesFrom(rows), nil
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

// AddErasureMarks implements [store.PersonWriter].
func (t *tx) AddErasureMarks(ctx context.Context, id string, marks []string) error {
	t.touched = true // whoever writes next looks again
	return t.exec(ctx, "add marks of erasure", `
update erasures set marks = array(select distinct mark collate "C" from unnest(marks || $2::text[]) as mark order by 1)
where id = $1 and marks is not null`, id, pq.StringArray(marks))
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
func (t *tx) ForgetMarks(ctx context.Context, now time.Time) (int, error) {
	return t.count(ctx, "forget marks of erasures",
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
