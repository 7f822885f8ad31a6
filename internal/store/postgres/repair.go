package postgres

import (
	"context"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

type questionRow struct {
	Account  string    `db:"account"`
	CallUUID string    `db:"call_uuid"`
	Asked    int       `db:"asked"`
	AskedAt  time.Time `db:"asked_at"`
	Outcome  string    `db:"outcome"`
	Reason   string    `db:"reason"`
}

func questionsFrom(rows []questionRow) []store.Question {
	questions := make([]store.Question, len(rows))
	for i, r := range rows {
		questions[i] = store.Question{
			Account: r.Account, CallUUID: r.CallUUID, Asked: r.Asked, AskedAt: r.AskedAt.UTC(), Outcome: r.Outcome,
			Reason: r.Reason,
		}
	}
	return questions
}

type backfillRow struct {
	Account   string    `db:"account"`
	From      time.Time `db:"from_at"`
	To        time.Time `db:"to_at"`
	Publish   bool      `db:"publish"`
	Reached   time.Time `db:"reached_at"`
	Records   int64     `db:"records"`
	Taken     int64     `db:"taken"`
	UpdatedAt time.Time `db:"updated_at"`
}

const (
	questionColumns = `q.account, q.call_uuid, q.asked, q.asked_at, q.outcome, q.reason`

	selectQuestions = `
select ` + questionColumns + `
from unnest($1::text[], $2::text[]) as key(account, uuid)
     join questions q on q.account = key.account collate "C" and q.call_uuid = key.uuid collate "C"`

	selectQuestionsOf = `
select ` + questionColumns + `
from questions q
where q.account = $1
order by q.asked_at desc, q.call_uuid
limit $2`

	putQuestions = `
insert into questions (account, call_uuid, asked, asked_at, outcome, reason)
select account, call_uuid, asked, asked_at::timestamptz, outcome, reason
from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[])
     as new(account, call_uuid, asked, asked_at, outcome, reason)
on conflict (account, call_uuid) do update set
    asked = excluded.asked, asked_at = excluded.asked_at, outcome = excluded.outcome, reason = excluded.reason`

	dropQuestions = `
delete from questions
where (account, call_uuid) in (
    select account, call_uuid from questions where asked_at < $1::timestamptz order by asked_at limit $2)`

	putBackfill = `
insert into backfills (account, from_at, to_at, publish, reached_at, records, taken, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (account, from_at, to_at, publish) do update set
    reached_at = excluded.reached_at, records = excluded.records, taken = excluded.taken,
    updated_at = excluded.updated_at`

	selectBackfill = `
select account, from_at, to_at, publish, reached_at, records, taken, updated_at
from backfills
where account = $1 and from_at = $2 and to_at = $3 and publish = $4`
)

// Questions implements [store.Repairs].
func (t *tx) Questions(ctx context.Context, calls []store.Key) ([]store.Question, error) {
	calls = latest(calls, func(k store.Key) store.Key { return k })
	if len(calls) == 0 {
		return nil, nil
	}
	var rows []questionRow
	err := t.SelectContext(ctx, &rows, selectQuestions,
		texts(calls, func(k store.Key) string { return k.Account }),
		texts(calls, func(k store.Key) string { return k.UUID }))
	if err != nil {
		return nil, t.fail(ctx, "read questions", err)
	}
	return questionsFrom(rows), nil
}

// PutQuestions implements [store.Repairs].
func (t *tx) PutQuestions(ctx context.Context, questions []store.Question) error {
	questions = latest(questions, func(q store.Question) store.Key { return store.Key{Account: q.Account, UUID: q.CallUUID} })
	if len(questions) == 0 {
		return nil
	}
	return t.exec(ctx, "write questions", putQuestions,
		texts(questions, func(q store.Question) string { return q.Account }),
		texts(questions, func(q store.Question) string { return q.CallUUID }),
		ints(questions, func(q store.Question) int64 { return int64(q.Asked) }),
		moments(questions, func(q store.Question) time.Time { return q.AskedAt }),
		texts(questions, func(q store.Question) string { return q.Outcome }),
		texts(questions, func(q store.Question) string { return q.Reason }))
}

// DropQuestions implements [store.Repairs].
func (t *tx) DropQuestions(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.count(ctx, "drop questions", dropQuestions, moment(before), max(0, limit))
}

// PutBackfill implements [store.Repairs].
func (t *tx) PutBackfill(ctx context.Context, b store.Backfill) error {
	return t.exec(ctx, "write backfill", putBackfill, b.Account, second(b.From), second(b.To), b.Publish, second(b.Reached),
		b.Records, b.Taken, moment(t.orNow(b.UpdatedAt)))
}

// Backfill implements [store.RepairReader].
func (s *Store) Backfill(ctx context.Context, which store.Backfill) (store.Backfill, error) {
	var row backfillRow
	err := s.read(ctx, "read backfill", &row, selectBackfill, which.Account, second(which.From), second(which.To), which.Publish)
	if err != nil {
		return store.Backfill{}, err
	}
	return store.Backfill{
		Account: row.Account, From: dialog.TimeOf(row.From), To: dialog.TimeOf(row.To), Publish: row.Publish,
		Reached: dialog.TimeOf(row.Reached), Records: row.Records, Taken: row.Taken, UpdatedAt: row.UpdatedAt.UTC(),
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
