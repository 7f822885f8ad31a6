package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

var repairTests = []test{
	{"keeps how asking about calls went", func(t *testing.T, b *bundle) {
		question := func(account string, n int, at time.Time, outcome string) store.Question {
			return store.Question{
				Account: account, CallUUID: uuid(n), Asked: 1, AskedAt: at, Outcome: outcome, Reason: "because of ' " + outcome,
			}
		}
		one := question(acme, 1, now.Add(-time.Hour), store.QuestionFailed)
		two := question(acme, 2, now, store.QuestionMissing)
		foreign := question(other, 1, now, store.QuestionChanged)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutQuestions(b.ctx, nil))
			require.NoError(t, tx.PutQuestions(b.ctx, []store.Question{one, two, foreign}))
			found, err := tx.Questions(b.ctx, []store.Key{key(acme, 1), key(acme, 9), key(acme, 1), key(other, 1)})
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Question{one, foreign}, found)
			found, err = tx.Questions(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, found)
		})
		listed, err := b.QuestionsOf(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Equal(t, []store.Question{two, one}, listed)
		listed, err = b.QuestionsOf(b.ctx, acme, 1)
		require.NoError(t, err)
		require.Equal(t, []store.Question{two}, listed)

		again := one
		again.Asked, again.AskedAt, again.Outcome, again.Reason = 2, now.Add(time.Second), store.QuestionUnchanged, ""
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutQuestions(b.ctx, []store.Question{again})) })
		listed, err = b.QuestionsOf(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Equal(t, []store.Question{again, two}, listed)
	}},
	{"drops the questions that were asked longest ago", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			for n := range 3 {
				require.NoError(t, tx.PutQuestions(b.ctx, []store.Question{{
					Account: acme, CallUUID: uuid(n), Asked: 1, AskedAt: now.Add(time.Duration(n) * time.Second), Outcome: "failed",
				}}))
			}
			for _, want := range []int{1, 1, 0} {
				dropped, err := tx.DropQuestions(b.ctx, now.Add(2*time.Second), 1)
				require.NoError(t, err)
				require.Equal(t, want, dropped)
			}
		})
		left, err := b.QuestionsOf(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Len(t, left, 1)
		require.Equal(t, uuid(2), left[0].CallUUID)
	}},
	{"keeps how far an import is", func(t *testing.T, b *bundle) {
		half := store.Backfill{
			Account: acme, From: start, To: start + 7200, Reached: start + 3600, Records: 12, Taken: 3, UpdatedAt: now,
		}
		_, err := b.Backfill(b.ctx, half)
		require.ErrorIs(t, err, store.ErrNotFound)
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutBackfill(b.ctx, half)) })
		whole := half
		whole.Reached, whole.Records, whole.Taken = half.To, 40, 5
		published := half
		published.Publish = true
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutBackfill(b.ctx, whole))
			require.NoError(t, tx.PutBackfill(b.ctx, published))
		})
		for _, want := range []store.Backfill{whole, published} {
			found, err := b.Backfill(b.ctx, store.Backfill{Account: acme, From: start, To: start + 7200, Publish: want.Publish})
			require.NoError(t, err)
			require.Equal(t, want, found)
		}
		_, err = b.Backfill(b.ctx, store.Backfill{Account: other, From: start, To: start + 7200})
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
