package storetest

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// ended makes a call that has ended and has these facts.
func ended(account string, n int, facts ...stats.Fact) store.Call {
	c := indexed(account, n, store.Index{State: "ended", StartedAt: start + dialog.Time(n), EndedAt: start + 1000})
	c.Index.Facts = facts
	return c
}

const (
	answeredClass  stats.Class = 1112 // inbound, answered, hung up by the external caller
	abandonedClass stats.Class = 1312
	outboundClass  stats.Class = 2121
)

// everything is a question for all facts of calls.
var everything = stats.Question{Account: acme, From: start - 1000, To: start + 100_000, AnswerWithin: 20, AbandonAfter: 5}

func (b *bundle) factsOf(t *testing.T, keys ...store.Key) (facts map[store.Key][]stats.Fact) {
	t.Helper()
	b.write(t, func(tx store.Tx) {
		var err error
		facts, err = tx.FactsOf(b.ctx, keys)
		require.NoError(t, err)
	})
	return facts
}

func (b *bundle) putCalls(t *testing.T, calls ...store.Call) {
	t.Helper()
	b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutCalls(b.ctx, calls)) })
}

// tallies answers a question by what the program itself adds up, in an order of its own.
func talliesOf(q stats.Question, calls ...store.Call) []stats.Tally {
	type group struct {
		interval            int
		project, consultant string
		class               stats.Class
	}
	sums := map[group]*stats.Tally{}
	for _, c := range calls {
		at := c.Index.StartedAt
		if c.Account != q.Account || c.MergedInto != "" || at < q.From || at >= q.To {
			continue
		}
		for _, fact := range c.Index.Facts {
			if (fact.Consultant != "") != q.Consultants || q.Project != nil && fact.Project != *q.Project ||
				q.Consultant != nil && fact.Consultant != *q.Consultant {
				continue
			}
			g := group{class: fact.Class}
			for i, begin := range q.Begins {
				if begin <= at {
					g.interval = i
				}
			}
			if q.ByProject {
				g.project = fact.Project
			}
			if q.ByConsultant {
				g.consultant = fact.Consultant
			}
			if sums[g] == nil {
				sums[g] = &stats.Tally{Interval: g.interval, Project: g.project, Consultant: g.consultant, Class: g.class}
			}
			sums[g].Add(&q, fact)
		}
	}
	tallies := []stats.Tally{}
	for _, tally := range sums {
		tallies = append(tallies, *tally)
	}
	return tallies
}

var factTests = []test{
	{"gives facts back as they were written, by consultant", func(t *testing.T, b *bundle) {
		call := ended(acme, 1,
			stats.Fact{Project: "7", Class: answeredClass, Wait: 12, Talk: 60, Hold: 5},
			stats.Fact{Consultant: "ann", Project: "7", Class: answeredClass, Wait: 0, Talk: 2147483647, Hold: 0},
			stats.Fact{Consultant: "bob", Project: "7", Class: abandonedClass, Wait: stats.Unknown, Talk: stats.Unknown, Hold: stats.Unknown})
		b.putCalls(t, call, ended(acme, 2), ended(other, 1, stats.Fact{Class: outboundClass}))
		facts := b.factsOf(t, key(acme, 1), key(acme, 1), key(acme, 2), key(acme, 9))
		require.Equal(t, map[store.Key][]stats.Fact{key(acme, 1): call.Index.Facts}, facts)
		b.write(t, func(tx store.Tx) {
			whole, err := tx.WholeCalls(b.ctx, []store.Key{key(acme, 1)})
			require.NoError(t, err)
			require.Nil(t, whole[0].Index.Facts, "facts are read by themselves")
			none, err := tx.FactsOf(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, none)
		})
	}},

	{"replaces, keeps and drops facts with their call", func(t *testing.T, b *bundle) {
		own := stats.Fact{Project: "7", Class: answeredClass, Wait: 12, Talk: 60}
		ann := stats.Fact{Consultant: "ann", Project: "7", Class: answeredClass, Wait: 2, Talk: 60}
		bob := ann
		bob.Consultant = "bob"
		stored := func() []stats.Fact { return b.factsOf(t, key(acme, 1))[key(acme, 1)] }
		reread := func() store.Call { // as a Write finds it
			var call store.Call
			b.write(t, func(tx store.Tx) {
				calls, err := tx.WholeCalls(b.ctx, []store.Key{key(acme, 1)})
				require.NoError(t, err)
				call = calls[0]
			})
			return call
		}
		b.putCalls(t, ended(acme, 1, own, ann))
		require.Equal(t, []stats.Fact{own, ann}, stored())

		call := reread()
		b.putCalls(t, call)
		require.Equal(t, []stats.Fact{own, ann}, stored(), "what is not given stays")

		own.Wait, call.Index.Facts = 13, []stats.Fact{own, bob}
		call.Index.Facts[0] = own
		b.putCalls(t, call)
		require.Equal(t, []stats.Fact{own, bob}, stored())

		call = reread()
		call.Index.StartedAt -= 7000
		call.Index.Facts = []stats.Fact{own, ann, bob}
		b.putCalls(t, call)
		require.Equal(t, []stats.Fact{own, ann, bob}, stored(), "they move with the call's beginning")
		tallies, err := b.Tallies(b.ctx, stats.Question{Account: acme, From: 1, To: start + 100_000})
		require.NoError(t, err)
		require.Len(t, tallies, 1)
		require.EqualValues(t, 1, tallies[0].Count, "and are where they were no more")

		call = reread()
		call.Index.State, call.Index.EndedAt, call.Index.Facts = "talking", 0, []stats.Fact{}
		b.putCalls(t, call)
		require.Empty(t, stored(), "it is open again")

		call = reread()
		call.Index.State, call.Index.EndedAt, call.Index.Facts = "ended", start+2000, []stats.Fact{own}
		b.putCalls(t, call)
		require.Equal(t, []stats.Fact{own}, stored())

		gone := reread()
		gone.MergedInto, gone.Record, gone.Index = uuid(2), nil, store.Index{}
		b.putCalls(t, gone)
		tallies, err = b.Tallies(b.ctx, stats.Question{Account: acme, From: 1, To: start + 100_000})
		require.NoError(t, err)
		require.Empty(t, tallies, "it was merged away")

		b.putCalls(t, ended(acme, 3, own, ann))
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.DropCalls(b.ctx, []store.Key{key(acme, 3)})) })
		tallies, err = b.Tallies(b.ctx, stats.Question{Account: acme, From: 1, To: start + 100_000, Consultants: true})
		require.NoError(t, err)
		require.Empty(t, tallies, "it was dropped")
	}},

	{"keeps the facts of a batch, and of a transaction that writes a call twice", func(t *testing.T, b *bundle) {
		one, two := stats.Fact{Class: answeredClass, Wait: 1, Talk: 1}, stats.Fact{Class: abandonedClass, Wait: 2}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Keep(b.ctx, store.Changes{Calls: []store.Call{ended(acme, 1, one), ended(acme, 2, one)}}))
			require.NoError(t, tx.Keep(b.ctx, store.Changes{Calls: []store.Call{ended(acme, 1, two), ended(acme, 1, two)}}))
		})
		require.Equal(t, map[store.Key][]stats.Fact{key(acme, 1): {two}, key(acme, 2): {one}},
			b.factsOf(t, key(acme, 1), key(acme, 2)))
	}},

	{"forgets facts that were rolled back", func(t *testing.T, b *bundle) {
		err := b.Write(b.ctx, func(tx store.Tx) error {
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{ended(acme, 1, stats.Fact{Class: answeredClass})}))
			return errors.New("no")
		})
		require.Error(t, err)
		tallies, err := b.Tallies(b.ctx, everything)
		require.NoError(t, err)
		require.Empty(t, tallies)
	}},

	{"adds facts up as the program does", func(t *testing.T, b *bundle) {
		random := rand.New(rand.NewPCG(4, 4))
		pick := func(list ...string) string { return list[random.IntN(len(list))] }
		var calls []store.Call
		for n := range 400 {
			c := ended(pick(acme, acme, acme, other), n)
			c.Index.StartedAt = start + dialog.Time(random.IntN(40_000))
			project := pick("", "1", "2")
			for _, consultant := range []string{"", pick("ann", "bob"), pick("cid", "dan")} {
				c.Index.Facts = append(c.Index.Facts, stats.Fact{
					Consultant: consultant, Project: project,
					Class: []stats.Class{answeredClass, abandonedClass, outboundClass}[random.IntN(3)],
					Wait:  int64(random.IntN(30)) - 1, Talk: int64(random.IntN(300)) - 1, Hold: int64(random.IntN(10)),
				})
				last := &c.Index.Facts[len(c.Index.Facts)-1]
				if last.Talk == stats.Unknown {
					last.Hold = stats.Unknown
				}
			}
			calls = append(calls, c)
		}
		b.putCalls(t, calls...)
		one, ann, none, nobody := "1", "ann", "", "nobody"
		quarters := []dialog.Time{start + 10}
		for at := start + 10 - (start+10)%900 + 900; at < start+30_000; at += 2700 {
			quarters = append(quarters, at)
		}
		for name, change := range map[string]func(q *stats.Question){
			"all":                      func(*stats.Question) {},
			"other account":            func(q *stats.Question) { q.Account = other },
			"no account":               func(q *stats.Question) { q.Account = "nobody" },
			"thresholds":               func(q *stats.Question) { q.AnswerWithin, q.AbandonAfter = 7, 0 },
			"by project":               func(q *stats.Question) { q.ByProject = true },
			"a project":                func(q *stats.Question) { q.Project = &one },
			"no project":               func(q *stats.Question) { q.Project = &none },
			"consultants":              func(q *stats.Question) { q.Consultants = true },
			"by consultant":            func(q *stats.Question) { q.Consultants, q.ByConsultant = true, true },
			"by consultant, a project": func(q *stats.Question) { q.Consultants, q.ByConsultant, q.Project = true, true, &one },
			"a consultant":             func(q *stats.Question) { q.Consultants, q.Consultant = true, &ann },
			"an unknown consultant":    func(q *stats.Question) { q.Consultants, q.Consultant = true, &nobody },
			"a consultant, by project": func(q *stats.Question) { q.Consultants, q.Consultant, q.ByProject = true, &ann, true },
			"a stretch":                func(q *stats.Question) { q.From, q.To = start+1000, start+2000 },
			"intervals": func(q *stats.Question) {
				q.From, q.To, q.Begins = start+10, start+30_000, quarters
			},
			"intervals of a consultant": func(q *stats.Question) {
				q.From, q.To, q.Begins, q.Consultants, q.Consultant = start+10, start+30_000, quarters, true, &ann
			},
		} {
			q := everything
			change(&q)
			got, err := b.Tallies(b.ctx, q)
			require.NoError(t, err, name)
			require.ElementsMatch(t, talliesOf(q, calls...), got, name)
		}
	}},

	{"gives the backlog in pages, and says when it is done", func(t *testing.T, b *bundle) {
		complete, err := b.FactsComplete(b.ctx)
		require.NoError(t, err)
		require.True(t, complete, "a new database has none")
		b.write(t, func(tx store.Tx) {
			calls, more, err := tx.FactBacklog(b.ctx, 10)
			require.NoError(t, err)
			require.False(t, more)
			require.Empty(t, calls)
			require.NoError(t, tx.MoveFactBacklog(b.ctx, key(acme, 1)), "there is nothing to move")
			require.NoError(t, tx.MoveFactBacklog(b.ctx, store.Key{}))
		})
	}},

	{"writes the facts of calls and nothing else of them", func(t *testing.T, b *bundle) {
		call := ended(acme, 1)
		call.Index.Facts = nil
		b.putCalls(t, call)
		changed := call
		changed.Record, changed.Seq = json.RawMessage(`{}`), 99
		changed.Index.Facts = []stats.Fact{{Class: answeredClass, Wait: 3, Talk: 4}}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutFacts(b.ctx, []store.Call{changed})) })
		require.Equal(t, changed.Index.Facts, b.factsOf(t, key(acme, 1))[key(acme, 1)])
		got, err := b.Call(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, normal(call), normal(got))
	}},

	{"finds the newest call of each key", func(t *testing.T, b *bundle) {
		long := store.ProjectKey(strings.Repeat("x", 1000))
		var calls []store.Call
		for n, keys := range [][]string{
			{"consultant:ann", "project:1"}, {"consultant:bob", long, "project:1"}, {"project:2"},
		} {
			calls = append(calls, indexed(acme, n, store.Index{State: "ended", StartedAt: start + dialog.Time(n), Keys: keys}))
			calls = append(calls, indexed(other, n, store.Index{State: "ended", StartedAt: start + 99, Keys: []string{"project:9"}}))
		}
		slices.Reverse(calls)
		b.putCalls(t, calls...)
		newest, err := b.NewestOf(b.ctx, acme, []string{"project:1", "project:2", "consultant:ann", long, "project:9", "project:1"})
		require.NoError(t, err)
		found := map[string]string{}
		for key, call := range newest {
			require.NotEmpty(t, call.Record)
			found[key] = call.CallUUID
		}
		require.Equal(t, map[string]string{
			"project:1": uuid(1), "project:2": uuid(2), "consultant:ann": uuid(0), long: uuid(1),
		}, found)
		newest, err = b.NewestOf(b.ctx, acme, nil)
		require.NoError(t, err)
		require.Empty(t, newest)
	}},
}
