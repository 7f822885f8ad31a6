package sqlite

import (
	"context"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type questionRow struct {
	Account  string `db:"account"`
	CallUUID string `db:"call_uuid"`
	Asked    int    `db:"asked"`
	AskedAt  int64  `db:"asked_at"`
	Outcome  string `db:"outcome"`
	Reason   string `db:"reason"`
}

func questionsFrom(rows []questionRow) []store.Question {
	questions := make([]store.Question, len(rows))
	for i, r := range rows {
		questions[i] = store.Question{
			Account: r.Account, CallUUID: r.CallUUID, Asked: r.Asked, AskedAt: momentOf(r.AskedAt), Outcome: r.Outcome,
			Reason: r.Reason,
		}
	}
	return questions
}

type backfillRow struct {
	Account   string `db:"account"`
	From      int64  `db:"from_at"`
	To        int64  `db:"to_at"`
	Publish   bool   `db:"publish"`
	Reached   int64  `db:"reached_at"`
	Records   int64  `db:"records"`
	Taken     int64  `db:"taken"`
	UpdatedAt int64  `db:"updated_at"`
}

const (
	questionColumns = `account, call_uuid, asked, asked_at, outcome, reason`

	selectQuestion = `select ` + questionColumns + ` from questions where account = ? and call_uuid = ?`

	selectQuestionsOf = `
select ` + questionColumns + `
from questions
where account = ?
order by asked_at desc, call_uuid
limit ?`

	putQuestion = `
insert into questions (` + questionColumns + `)
values (?, ?, ?, ?, ?, ?)
on conflict (account, call_uuid) do update set
    asked = excluded.asked, asked_at = excluded.asked_at, outcome = excluded.outcome, reason = excluded.reason`

	dropQuestions = `
delete from questions
where (account, call_uuid) in (
    select account, call_uuid from questions where asked_at < ? order by asked_at limit ?)
returning 1`

	putBackfill = `
insert into backfills (account, from_at, to_at, publish, reached_at, records, taken, updated_at)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (account, from_at, to_at, publish) do update set
    reached_at = excluded.reached_at, records = excluded.records, taken = excluded.taken,
    updated_at = excluded.updated_at`

	selectBackfill = `
select account, from_at, to_at, publish, reached_at, records, taken, updated_at
from backfills
where account = ? and from_at = ? and to_at = ? and publish = ?`
)

// Questions implements [store.Repairs].
func (t *tx) Questions(ctx context.Context, calls []store.Key) ([]store.Question, error) {
	asked := make(map[store.Key]bool, len(calls))
	once := make([]store.Key, 0, len(calls))
	for _, call := range calls {
		if !asked[call] {
			asked[call] = true
			once = append(once, call)
		}
	}
	rows, err := gather[questionRow](ctx, t, "read questions", selectQuestion, once,
		func(k store.Key) []any { return []any{k.Account, k.UUID} })
	if err != nil {
		return nil, err
	}
	return questionsFrom(rows), nil
}

// PutQuestions implements [store.Repairs].
func (t *tx) PutQuestions(ctx context.Context, questions []store.Question) error {
	return each(ctx, t, "write questions", putQuestion, questions, func(q store.Question) []any {
		return []any{q.Account, q.CallUUID, q.Asked, moment(q.AskedAt), q.Outcome, q.Reason}
	})
}

// DropQuestions implements [store.Repairs].
func (t *tx) DropQuestions(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.drop(ctx, "drop questions", dropQuestions, moment(before), max(0, limit))
}

// PutBackfill implements [store.Repairs].
func (t *tx) PutBackfill(ctx context.Context, backfill store.Backfill) error {
	return each(ctx, t, "write backfill", putBackfill, []store.Backfill{backfill}, func(b store.Backfill) []any {
		return []any{
			b.Account, int64(b.From), int64(b.To), b.Publish, int64(b.Reached), b.Records, b.Taken, t.orNow(b.UpdatedAt),
		}
	})
}

// Backfill implements [store.RepairReader].
func (s *Store) Backfill(ctx context.Context, which store.Backfill) (store.Backfill, error) {
	var row backfillRow
	err := s.read(ctx, "read backfill", &row, selectBackfill, which.Account, int64(which.From), int64(which.To), which.Publish)
	if err != nil {
		return store.Backfill{}, err
	}
	return store.Backfill{
		Account: row.Account, From: dialog.Time(row.From), To: dialog.Time(row.To), Publish: row.Publish,
		Reached: dialog.Time(row.Reached), Records: row.Records, Taken: row.Taken, UpdatedAt: momentOf(row.UpdatedAt),
	}, nil
}

// QuestionsOf implements [store.RepairReader].
func (s *Store) QuestionsOf(ctx context.Context, account string, limit int) ([]store.Question, error) {
	var rows []questionRow
	if err := s.list(ctx, "read questions", &rows, selectQuestionsOf, account, max(0, limit)); err != nil {
		return nil, err
	}
	return questionsFrom(rows), nil
}
