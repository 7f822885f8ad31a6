package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// counted answers a question from the records of an account's calls: what statistics must be.
func counted(t *testing.T, st store.Reader, q stats.Question) []stats.Tally {
	t.Helper()
	calls, err := st.Calls(t.Context(), store.CallFilter{Account: q.Account, Limit: 10_000})
	require.NoError(t, err)
	sums := map[string]*stats.Tally{}
	for _, row := range calls {
		var call correlate.Call
		require.NoError(t, json.Unmarshal(row.Record, &call))
		for _, fact := range stats.FactsOf(&call) {
			if (fact.Consultant != "") != q.Consultants {
				continue
			}
			tally := stats.Tally{Class: fact.Class}
			for i, begin := range q.Begins {
				if begin <= call.StartedAt {
					tally.Interval = i
				}
			}
			if q.ByProject {
				tally.Project = fact.Project
			}
			if q.ByConsultant {
				tally.Consultant = fact.Consultant
			}
			key := fmt.Sprint(tally)
			if sums[key] == nil {
				sums[key] = &tally
			}
			sums[key].Add(&q, fact)
		}
	}
	tallies := []stats.Tally{}
	for _, tally := range sums {
		tallies = append(tallies, *tally)
	}
	return tallies
}

// requireCounted holds the statistics of an account against its records.
func requireCounted(t *testing.T, st store.Reader, account, when string) (calls int64) {
	t.Helper()
	question := stats.Question{
		Account: account, From: 1, To: 253402300799, AnswerWithin: 20, AbandonAfter: 5,
	}
	years := question
	years.Begins = []dialog.Time{1, 1577836800, 1767225600, 1769904000, 1772323200} // from 2020 on, and months of 2026
	projects, consultants := question, question
	projects.ByProject = true
	consultants.Consultants, consultants.ByConsultant = true, true
	for _, q := range []stats.Question{years, projects, consultants} {
		got, err := st.Tallies(t.Context(), q)
		require.NoError(t, err)
		require.ElementsMatch(t, counted(t, st, q), got, when)
		if q.ByProject {
			for _, tally := range got {
				calls += tally.Count
			}
		}
	}
	return calls
}

// In whatever order webhooks come, in whatever batches, over one instance or two, with closes that were made up in
// between, calls that are opened again, that are merged, and commits that fail: statistics are those of the records, at
// every moment; and in the end they are the same for every order.
func TestStatisticsAreThoseOfTheRecords(t *testing.T) {
	t.Parallel()
	var bodies [][]byte
	for _, scenario := range scenarios(t) {
		bodies = append(bodies, webhooks(t, scenario)...)
	}
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		engines := []*ingest.Engine{newEngine(), newEngine()}
		var first []stats.Tally
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, 9))
			name := fmt.Sprintf("order-%d", seed)
			order := append([][]byte(nil), bodies...)
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for step := 0; len(order) > 0; step++ {
				size := min(1+random.IntN(30), len(order))
				commit(t, st, engines[random.IntN(2)], name, order[:size], random)
				order = order[size:]
				if step%10 == 5 {
					letTimePass(t, st, engines[random.IntN(2)], name, random)
					requireCounted(t, st, name, fmt.Sprintf("seed %d, step %d", seed, step))
				}
			}
			require.NotZero(t, requireCounted(t, st, name, "in the end"))
			letTimePass(t, st, engines[0], name, nil)
			calls := requireCounted(t, st, name, "after the end")
			require.Greater(t, calls, int64(70))

			tallies, err := st.Tallies(t.Context(), stats.Question{
				Account: name, From: 1, To: 253402300799, Consultants: true, ByConsultant: true,
			})
			require.NoError(t, err)
			if first == nil {
				first = tallies
			}
			require.ElementsMatch(t, first, tallies)
		}
	})
}

// commit takes webhooks in, in one transaction; now and then only the second one is committed.
func commit(t *testing.T, st store.Store, engine *ingest.Engine, account string, bodies [][]byte, random *rand.Rand) {
	t.Helper()
	now := time.Now()
	pieces := func() []*ingest.Piece {
		var pieces []*ingest.Piece
		for _, body := range bodies {
			webhook, err := dialog.Decode(body)
			if err != nil {
				continue // some scenarios have what is refused
			}
			pieces = append(pieces, ingest.NewPiece(account, now, &webhook, body))
		}
		return pieces
	}
	lost := errors.New("lost")
	if random.IntN(8) == 0 {
		require.ErrorIs(t, st.Write(t.Context(), func(tx store.Tx) error {
			if err := engine.Apply(t.Context(), tx, now, pieces()); err != nil {
				return err
			}
			return lost
		}), lost)
	}
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		return engine.Apply(t.Context(), tx, now, pieces())
	}))
}

// letTimePass settles and reaps some of an account's calls, or all of them.
func letTimePass(t *testing.T, st store.Store, engine *ingest.Engine, account string, random *rand.Rand) {
	t.Helper()
	calls, err := st.Calls(t.Context(), store.CallFilter{Account: account, Limit: 10_000})
	require.NoError(t, err)
	var keys []store.Key
	for _, call := range calls {
		if random == nil || random.IntN(4) == 0 {
			keys = append(keys, store.Key{Account: account, UUID: call.CallUUID})
		}
	}
	later := time.Now().Add(5 * time.Hour)
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		if err := engine.Reap(t.Context(), tx, later, keys); err != nil {
			return err
		}
		return engine.Settle(t.Context(), tx, later, keys)
	}))
}
