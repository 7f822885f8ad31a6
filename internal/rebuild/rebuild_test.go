package rebuild_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/ingest"
	"webhookd/internal/rebuild"
	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

// bodies gives the webhooks of every scenario, by account: each scenario has its own, in an order of its own.
func bodies(t testing.TB) map[string][][]byte {
	t.Helper()
	found, err := filepath.Glob("../../fixtures/*/webhooks.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	random := rand.New(rand.NewPCG(3, 3))
	all := map[string][][]byte{}
	for _, path := range found {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		all[filepath.Base(filepath.Dir(path))] = lines
	}
	return all
}

// fill takes webhooks in, closes some calls by hand, settles what ended and reaps what is open, and then takes the rest.
func fill(t *testing.T, st store.Store) {
	t.Helper()
	engine := newEngine()
	in := ingest.New(ingest.Config{Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ran := make(chan error, 1)
	go func() { ran <- in.Run(context.Background()) }()
	defer func() {
		in.Stop()
		require.NoError(t, <-ran)
	}()
	lists := bodies(t)
	half := map[string]int{}
	for n, account := range slices.Sorted(maps.Keys(lists)) {
		half[account] = len(lists[account]) * (n % 3) / 2
	}
	submit(t, in, lists, func(account string) (int, int) { return 0, half[account] })
	for n, account := range slices.Sorted(maps.Keys(lists)) {
		if half[account] > 0 {
			pass(t, st, engine, account, n%2 == 0, in)
		}
	}
	submit(t, in, lists, func(account string) (int, int) { return half[account], len(lists[account]) })
	for n, account := range slices.Sorted(maps.Keys(lists)) {
		if n%2 == 1 {
			pass(t, st, engine, account, false, in)
		}
	}
}

// submit hands in a part of each account's webhooks, in order, all accounts side by side.
func submit(t *testing.T, in *ingest.Ingest, lists map[string][][]byte, part func(account string) (from, to int)) {
	t.Helper()
	var all sync.WaitGroup
	for account, list := range lists {
		from, to := part(account)
		all.Go(func() {
			for _, body := range list[from:to] {
				if _, err := in.Submit(context.Background(), account, body); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.False(t, t.Failed())
}

// pass lets hours go by for the calls of an account.
func pass(t testing.TB, st store.Store, engine *ingest.Engine, account string, byHand bool, in *ingest.Ingest) {
	t.Helper()
	calls, err := st.Calls(t.Context(), store.CallFilter{Account: account, Limit: 100})
	require.NoError(t, err)
	var keys []store.Key
	for _, call := range calls {
		key := store.Key{Account: account, UUID: call.CallUUID}
		keys = append(keys, key)
		if byHand {
			_, err := in.CloseCall(t.Context(), key)
			require.NoError(t, err)
		}
	}
	now := time.Now().Add(5 * time.Hour)
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		if err := engine.Reap(t.Context(), tx, now, keys); err != nil {
			return err
		}
		return engine.Settle(t.Context(), tx, now, keys)
	}))
}

// contents is everything that a rebuild writes, as JSON by name.
func contents(t testing.TB, st store.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	put := func(name string, value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		all[name] = string(text)
	}
	entries, err := st.Journal(t.Context(), 0, 100000)
	require.NoError(t, err)
	accounts := map[string]bool{}
	calls := map[store.Key]bool{}
	for _, entry := range entries {
		accounts[entry.Account] = true
		if entry.DialogUUID == "" {
			continue
		}
		name := "leg " + entry.Account + "/" + entry.DialogUUID
		if _, known := all[name]; known {
			continue // by an earlier entry of the leg
		}
		leg, err := st.Dialog(t.Context(), store.Key{Account: entry.Account, UUID: entry.DialogUUID})
		require.NoError(t, err)
		put(name, leg)
		calls[store.Key{Account: leg.Account, UUID: leg.CallUUID}] = true
		calls[store.Key{Account: leg.Account, UUID: leg.DialogUUID}] = true // it may be merged away
	}
	for account := range accounts {
		for _, consultants := range []bool{false, true} {
			tallies, err := st.Tallies(t.Context(), stats.Question{
				Account: account, From: 1, To: 253402300799, Consultants: consultants, ByProject: true,
			})
			require.NoError(t, err)
			slices.SortFunc(tallies, func(a, b stats.Tally) int {
				return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Project, b.Project))
			})
			put(fmt.Sprintf("statistics %s, of consultants %t", account, consultants), tallies)
		}
	}
	for key := range calls {
		call, err := st.Call(t.Context(), key)
		if err != nil {
			require.ErrorIs(t, err, store.ErrNotFound)
			continue
		}
		put("call "+key.Account+"/"+key.UUID, call)
		changes, err := st.Changes(t.Context(), key)
		require.NoError(t, err)
		var events []any
		for _, change := range changes {
			for _, event := range change.Events {
				events = append(events, event)
			}
		}
		put("events "+key.Account+"/"+key.UUID, events)
	}
	return all
}

func run(t *testing.T, cfg rebuild.Config) (rebuild.Result, []rebuild.Difference) {
	t.Helper()
	var differences []rebuild.Difference
	cfg.Engine = newEngine()
	cfg.Report = func(d rebuild.Difference) { differences = append(differences, d) }
	result, err := rebuild.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.EqualValues(t, len(differences), result.Differences)
	return result, differences
}

// What the journal gives is what is there, byte for byte; rebuilding changes nothing, and publishes nothing.
func TestARebuildFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		before := contents(t, st)
		result, differences := run(t, rebuild.Config{Store: st, Publish: true})
		require.Empty(t, differences)
		require.Zero(t, result.Published)
		require.NotZero(t, result.Calls)
		require.Equal(t, before, contents(t, st))
	})
}

// Which legs of a campaign belong together may be told by no webhook alone: one names the case, another one which try it
// is. Then a group's parts turn out to be one only while they are worked out.
func TestARebuildOfLegsThatOnlyTheirMergedWebhooksJoin(t *testing.T) {
	t.Parallel()
	const create = `{"event_name":"dialog_create","event_time":"2026-03-09 10:50:0%d","dialog_uuid":%q,"direction":"INBOUND",` +
		`"state":"ringing","dialog_type":"EXTERNAL","initial_application_info":{"type":"VOICE_CAMPAIGN","data":%s}}`
	const closed = `{"event_name":"dialog_close","event_time":"2026-03-09 10:51:00","dialog_uuid":%q,"close_cause":"HANGUP",` +
		`"initial_application_info":{"data":%s}}`
	leg := func(n int) string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", n) }
	whole := func(n int) []string {
		return []string{fmt.Sprintf(create, n, leg(n), `{"id":77,"contact_try":2}`)}
	}
	split := func(n int) []string {
		return []string{fmt.Sprintf(create, n, leg(n), `{"id":77}`), fmt.Sprintf(closed, leg(n), `{"contact_try":2}`)}
	}
	for name, webhooks := range map[string][]string{
		"the whole one first": slices.Concat(whole(1), split(2)),
		"the whole one last":  slices.Concat(split(1), whole(2)),
		"none is whole":       slices.Concat(split(1), split(2), split(3)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
				st := database.Open(t)
				in := ingest.New(ingest.Config{
					Store: st, Engine: newEngine(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
				})
				ran := make(chan error, 1)
				go func() { ran <- in.Run(context.Background()) }()
				for _, body := range webhooks {
					_, err := in.Submit(t.Context(), "acme", []byte(body))
					require.NoError(t, err)
				}
				in.Stop()
				require.NoError(t, <-ran)
				calls, err := st.Calls(t.Context(), store.CallFilter{Account: "acme"})
				require.NoError(t, err)
				require.Len(t, calls, 1, "they are one call")
				before := contents(t, st)
				_, differences := run(t, rebuild.Config{Store: st, Publish: true})
				require.Empty(t, differences)
				require.Equal(t, before, contents(t, st))
			})
		})
	}
}

// A database that has lost everything but its journal is rebuilt to the same bytes and the same events.
func TestARebuildFromTheJournalAlone(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		want := contents(t, st)
		entries, err := st.Journal(t.Context(), 0, 100000)
		require.NoError(t, err)
		everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
			lost := database.Open(t)
			copies := make([]*store.Entry, len(entries))
			for i := range entries {
				copied := entries[i]
				copies[i] = &copied
			}
			require.NoError(t, lost.Write(t.Context(), func(tx store.Tx) error { return tx.Append(t.Context(), copies) }))
			_, differences := run(t, rebuild.Config{Store: lost, Check: true, Publish: true})
			require.NotEmpty(t, differences)
			_, err := lost.Dialog(t.Context(), store.Key{Account: entries[0].Account, UUID: entries[0].DialogUUID})
			require.ErrorIs(t, err, store.ErrNotFound, "a check changes nothing")

			result, _ := run(t, rebuild.Config{Store: lost, Publish: true})
			require.NotZero(t, result.Published)
			require.Equal(t, want, contents(t, lost))
			_, differences = run(t, rebuild.Config{Store: lost})
			require.Empty(t, differences)
			at, ok, err := lost.NextDue(t.Context())
			require.NoError(t, err)
			wantAt, wantOK, err := st.NextDue(t.Context())
			require.NoError(t, err)
			require.Equal(t, wantOK, ok)
			require.WithinDuration(t, wantAt, at, time.Minute)
		})
	})
}

// Whatever is damaged is told and mended.
func TestARebuildMendsDamage(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		want := contents(t, st)
		const account = "outbound_answered"
		key := store.Key{Account: account, UUID: "c2b19c63-f17b-4726-b3a1-5b5046e887ef"}
		legKey := store.Key{Account: account, UUID: "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"}
		call, err := st.Call(t.Context(), key)
		require.NoError(t, err)
		leg, err := st.Dialog(t.Context(), legKey)
		require.NoError(t, err)
		for name, damage := range map[string]func(tx store.Tx) error{
			"a call is gone": func(tx store.Tx) error { return tx.DropCalls(t.Context(), []store.Key{key}) },
			"a record is wrong": func(tx store.Tx) error {
				bad := call
				bad.Record = bytes.Replace(bad.Record, []byte(`"answered"`), []byte(`"abandoned"`), 1)
				bad.Seq, bad.Index.Keys = 99, []string{"project:9"}
				return tx.PutCalls(t.Context(), []store.Call{bad})
			},
			"a leg is in another call": func(tx store.Tx) error {
				bad := leg
				bad.CallUUID = legKey.UUID
				other := call
				other.CallUUID = legKey.UUID
				if err := tx.PutCalls(t.Context(), []store.Call{other}); err != nil {
					return err
				}
				return tx.PutLegs(t.Context(), []store.Leg{bad})
			},
			"statistics lack a call": func(tx store.Tx) error {
				bad := call
				bad.Index.Facts = []stats.Fact{}
				return tx.PutFacts(t.Context(), []store.Call{bad})
			},
			"statistics count a call wrongly": func(tx store.Tx) error {
				bad := call
				bad.Index.Facts = []stats.Fact{{Class: 1112, Wait: 1}, {Consultant: "nobody", Class: 1112}}
				return tx.PutFacts(t.Context(), []store.Call{bad})
			},
			"evidence is damaged": func(tx store.Tx) error {
				bad := leg
				bad.Evidence = []byte{7, 7}
				return tx.PutLegs(t.Context(), []store.Leg{bad})
			},
		} {
			require.NoError(t, st.Write(t.Context(), damage), name)
			require.NotEqual(t, want, contents(t, st), name)
			result, differences := run(t, rebuild.Config{Store: st, Account: account})
			require.NotEmpty(t, differences, name)
			if strings.HasPrefix(name, "statistics ") {
				require.Len(t, differences, 1, name)
				require.Equal(t, "facts", differences[0].Field)
			}
			for _, d := range differences {
				require.Contains(t, d.String(), "of account "+account, name)
			}
			require.Zero(t, result.Published, name)
			require.Equal(t, want, contents(t, st), name)
		}
	})
}

func TestARebuildIsLimitedByTimeAndAccount(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		all, _ := run(t, rebuild.Config{Store: st})
		one, _ := run(t, rebuild.Config{Store: st, Account: "outbound_answered"})
		require.Less(t, one.Calls, all.Calls)
		require.NotZero(t, one.Calls)
		none, _ := run(t, rebuild.Config{Store: st, Since: time.Now().Add(24 * time.Hour)})
		require.Zero(t, none.Calls)
		same, _ := run(t, rebuild.Config{Store: st, Since: time.Now().Add(-time.Hour)})
		require.Equal(t, all, same)
	})
}

// While webhooks come in, a rebuild finds nothing different and spoils nothing.
func TestARebuildWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		in := ingest.New(ingest.Config{
			Store: st, Engine: newEngine(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		ran := make(chan error, 1)
		go func() { ran <- in.Run(context.Background()) }()
		var sending sync.WaitGroup
		for account, list := range bodies(t) {
			sending.Go(func() {
				for _, body := range list {
					// A sender that is told to come again does: on a slow machine the rebuild may hold the lock that long.
					_, err := in.Submit(context.Background(), account+"-2", body)
					for errors.Is(err, store.ErrUnavailable) {
						_, err = in.Submit(context.Background(), account+"-2", body)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		rebuilt := st
		if database.Shared {
			rebuilt = database.Open(t) // another process
		}
		for range 3 {
			_, differences := run(t, rebuild.Config{Store: rebuilt, Publish: true})
			require.Empty(t, differences)
		}
		sending.Wait()
		in.Stop()
		require.NoError(t, <-ran)
		_, differences := run(t, rebuild.Config{Store: st})
		require.Empty(t, differences)
	})
}

// A leg without entries cannot be worked out; it is told, and left with its call.
func TestARebuildLeavesWhatTheJournalLacks(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		fill(t, st)
		key := store.Key{Account: "outbound_answered", UUID: "c2b19c63-f17b-4726-b3a1-5b5046e887ef"}
		entries, err := st.Entries(t.Context(), key)
		require.NoError(t, err)
		kept := slices.DeleteFunc(entries, func(e store.Entry) bool { return e.DialogUUID == key.UUID })
		call, err := st.Call(t.Context(), key)
		require.NoError(t, err)
		leg, err := st.Dialog(t.Context(), key)
		require.NoError(t, err)
		everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
			trimmed := database.Open(t)
			require.NoError(t, trimmed.Write(t.Context(), func(tx store.Tx) error {
				for _, entry := range kept {
					if err := tx.Append(t.Context(), []*store.Entry{&entry}); err != nil {
						return err
					}
				}
				if err := tx.PutCalls(t.Context(), []store.Call{call}); err != nil {
					return err
				}
				return tx.PutLegs(t.Context(), []store.Leg{leg})
			}))
			_, differences := run(t, rebuild.Config{Store: trimmed})
			require.Len(t, differences, 1)
			after, err := trimmed.Call(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, call, after)
		})
	})
}
