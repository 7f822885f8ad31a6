package retention_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/ingest"
	"webhookd/internal/rebuild"
	"webhookd/internal/retention"
	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	acme = "acme"
	day  = 24 * time.Hour
)

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

// bundle is an installation.
type bundle struct {
	store.Store
	engine *ingest.Engine
	in     *ingest.Ingest
}

func each(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{Store: database.Open(t), engine: newEngine()}
		b.in = ingest.New(ingest.Config{
			Store: b.Store, Engine: b.engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		ran := make(chan error, 1)
		go func() { ran <- b.in.Run(context.Background()) }()
		t.Cleanup(func() {
			b.in.Stop()
			require.NoError(t, <-ran)
		})
		test(t, b)
	})
}

func (b *bundle) submit(t *testing.T, account, body string) ingest.Answer {
	t.Helper()
	answer, err := b.in.Submit(t.Context(), account, []byte(body))
	require.NoError(t, err)
	return answer
}

// settle settles every call of an account that has ended.
func (b *bundle) settle(t *testing.T, account string) {
	t.Helper()
	var keys []store.Key
	for _, call := range b.calls(t, account) {
		keys = append(keys, store.Key{Account: account, UUID: call.CallUUID})
	}
	require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
		var due []store.Due
		for _, key := range keys {
			due = append(due, store.Due{Account: account, CallUUID: key.UUID, Kind: store.DueSettle})
		}
		if err := tx.DropDue(t.Context(), due); err != nil {
			return err
		}
		return b.engine.Settle(t.Context(), tx, time.Now(), keys)
	}))
}

// publish lets the relay be through with everything.
func (b *bundle) publish(t *testing.T) {
	t.Helper()
	var last int64
	for {
		rows, err := b.Unsent(t.Context(), last, 1000)
		require.NoError(t, err)
		if len(rows) == 0 {
			break
		}
		last = rows[len(rows)-1].ID
	}
	require.NoError(t, b.Advance(t.Context(), last, nil, nil))
}

func (b *bundle) calls(t *testing.T, account string) []store.Call {
	t.Helper()
	calls, err := b.Calls(t.Context(), store.CallFilter{Account: account, Limit: 10_000})
	require.NoError(t, err)
	return calls
}

// purge does a whole pass, batch by batch.
func (b *bundle) purge(t *testing.T, policy retention.Policy, now time.Time) (removed store.Removed) {
	t.Helper()
	pass := retention.NewPass(policy, "", false)
	for more := true; more; {
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			bit, further, err := pass.Batch(t.Context(), tx, now)
			removed.Add(bit)
			more = further
			return err
		}))
	}
	return removed
}

// rebuilt works everything out anew and gives what was found different.
func (b *bundle) rebuilt(t *testing.T) []rebuild.Difference {
	t.Helper()
	var differences []rebuild.Difference
	result, err := rebuild.Run(t.Context(), rebuild.Config{
		Store: b.Store, Engine: newEngine(), Publish: true,
		Report: func(d rebuild.Difference) { differences = append(differences, d) },
	})
	require.NoError(t, err)
	require.Zero(t, result.Published)
	return differences
}

// contents is everything that is kept about calls, as JSON by name.
func (b *bundle) contents(t *testing.T, accounts ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	put := func(name string, value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		all[name] = string(text)
	}
	for _, account := range accounts {
		for _, call := range b.calls(t, account) {
			key := store.Key{Account: account, UUID: call.CallUUID}
			put("call "+account+"/"+call.CallUUID, call)
			changes, err := b.Changes(t.Context(), key)
			require.NoError(t, err)
			put("changes "+account+"/"+call.CallUUID, changes)
			entries, err := b.Entries(t.Context(), key)
			require.NoError(t, err)
			put("entries "+account+"/"+call.CallUUID, entries)
		}
	}
	return all
}

func (b *bundle) figures(t *testing.T, account string) (all []stats.Tally) {
	t.Helper()
	for _, consultants := range []bool{false, true} {
		tallies, err := b.Tallies(t.Context(), stats.Question{
			Account: account, From: 1, To: 253402300799, Consultants: consultants,
		})
		require.NoError(t, err)
		all = append(all, tallies...)
	}
	return all
}

// fixtures gives the webhooks of every scenario, by account: each scenario has its own.
func fixtures(t *testing.T) map[string][][]byte {
	t.Helper()
	found, err := filepath.Glob("../../fixtures/*/webhooks.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	all := map[string][][]byte{}
	for _, path := range found {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		all[filepath.Base(filepath.Dir(path))] = bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	}
	return all
}

// Of every scenario, in an order of its own: whatever is removed, the rest is what the journal that is left gives, and
// figures are what they were.
func TestWhatIsLeftIsWhatTheJournalGives(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		random := rand.New(rand.NewPCG(7, 7))
		lists := fixtures(t)
		accounts := slices.Sorted(maps.Keys(lists))
		policy := retention.Policy{Accounts: map[string]retention.Limits{}}
		figures := map[string][]stats.Tally{}
		ended := map[string]int{}
		now := time.Now()
		for n, account := range accounts {
			random.Shuffle(len(lists[account]), func(i, j int) {
				lists[account][i], lists[account][j] = lists[account][j], lists[account][i]
			})
			for _, body := range lists[account] {
				b.submit(t, account, string(body))
			}
			b.settle(t, account)
			figures[account] = b.figures(t, account)
			for _, call := range b.calls(t, account) {
				if call.Index.State == correlate.StateEnded {
					ended[account]++
				}
			}
			if n%2 == 0 {
				policy.Accounts[account] = retention.Limits{Calls: day}
			}
		}
		b.publish(t)
		before := b.contents(t, accounts...)
		require.Empty(t, b.rebuilt(t), "of the beginning")

		removed := b.purge(t, policy, now.Add(365*day))
		require.NotZero(t, removed.Calls)
		require.Empty(t, b.rebuilt(t))
		after := b.contents(t, accounts...)
		for name, content := range after {
			require.Equal(t, before[name], content, name)
		}
		for _, account := range accounts {
			require.ElementsMatch(t, figures[account], b.figures(t, account), account)
			left := 0
			for _, call := range b.calls(t, account) {
				if call.Index.State == correlate.StateEnded {
					left++
				}
			}
			if policy.Of(account).Calls > 0 {
				require.Zero(t, left, "%s: whatever has ended is gone", account)
			} else {
				require.Equal(t, ended[account], left, account)
			}
		}
		require.Zero(t, b.purge(t, policy, now.Add(365*day)), "once is enough")

		// All that comes again is kept as ignored, and makes no call.
		for account := range policy.Accounts {
			kept := b.contents(t, account)
			for _, body := range lists[account] {
				answer := b.submit(t, account, string(body))
				require.NotEqual(t, ingest.Accepted, answer.Result)
			}
			require.Equal(t, kept, b.contents(t, account))
		}
		require.Empty(t, b.rebuilt(t))
	})
}

const format = "2006-01-02 15:04:05"

func leg(n int) string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", n) }

func parent(n int) string {
	return fmt.Sprintf(`,"initial_application_info":{"data":{"caller_dialog_uuid":%q}}`, leg(n))
}

func webhook(name string, n int, at time.Time, more string) string {
	return fmt.Sprintf(`{"event_name":%q,"event_time":%q,"dialog_uuid":%q,"dialog_type":"EXTERNAL"%s}`,
		name, at.UTC().Format(format), leg(n), more)
}

// Dialogs that change their minds about their parents, merge calls, split them, and contradict each other: whenever what
// is old is removed, what is left can be rebuilt, and is untouched.
func TestWhatIsLeftIsWhatTheJournalGivesOfTangledCalls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		random := rand.New(rand.NewPCG(11, 5))
		began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		const dialogs = 160
		var bodies []string
		for n := range dialogs {
			at := began.Add(time.Duration(n) * 3 * time.Hour)
			named := func() string {
				if random.IntN(3) == 0 {
					return ""
				}
				return parent(max(0, n-random.IntN(4)))
			}
			bodies = append(bodies,
				webhook("dialog_create", n, at, named()+`,"direction":"INBOUND"`),
				webhook("dialog_state_update", n, at.Add(time.Duration(random.IntN(3))*time.Second), named()+`,"state":"talking"`),
				webhook("dialog_close", n, at.Add(time.Minute), named()+`,"close_cause":"HANGUP"`))
		}
		// Somewhat out of order, as they come.
		for i := range bodies {
			j := min(len(bodies)-1, i+random.IntN(6))
			bodies[i], bodies[j] = bodies[j], bodies[i]
		}
		for i, body := range bodies {
			b.submit(t, acme, body)
			if i%97 == 0 {
				b.settle(t, acme)
			}
		}
		b.settle(t, acme)
		b.publish(t)
		require.Empty(t, b.rebuilt(t), "of the beginning")
		figures := b.figures(t, acme)
		left := b.contents(t, acme)
		policy := retention.Policy{Default: retention.Limits{Calls: 2 * day, Outbox: 4 * day}}
		var removed store.Removed
		for at := began; at.Before(began.Add(26 * day)); at = at.Add(41 * time.Hour) {
			bit := b.purge(t, policy, at)
			removed.Add(bit)
			require.Empty(t, b.rebuilt(t), "at %s", at)
			now := b.contents(t, acme)
			for name, content := range now {
				require.Equal(t, left[name], content, "%s at %s", name, at)
			}
			require.Less(t, len(now), len(left)+1)
			left = now
		}
		require.Empty(t, left, "all are old by now")
		require.EqualValues(t, dialogs, removed.Legs)
		require.ElementsMatch(t, figures, b.figures(t, acme))
		entries, err := b.Journal(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Empty(t, entries)
		ids := make([]int64, 5000)
		for i := range ids {
			ids[i] = int64(i)
		}
		rows, err := b.OutboxRows(t.Context(), ids)
		require.NoError(t, err)
		require.Empty(t, rows)
	})
}
