package ingest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestTheDocumentedCall(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		for i, body := range webhooks(t, "outbound_answered") {
			answer, err := in.Submit(t.Context(), account, body)
			require.NoError(t, err)
			require.Equal(t, ingest.Accepted, answer.Result)
			require.Equal(t, callUUID, answer.CallUUID)
			require.EqualValues(t, i+1, answer.JournalID)
			// What was answered can be read.
			entries, err := st.Entries(t.Context(), store.Key{Account: account, UUID: callUUID})
			require.NoError(t, err)
			require.Len(t, entries, i+1)
			require.Equal(t, body, entries[i].Body)
		}
		requireRecords(t, st, account, expected(t, "outbound_answered"))

		want, err := os.ReadFile(fixtures + "/outbound_answered/events.txt")
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(want)), "\n")
		require.Equal(t, "call_settled", lines[len(lines)-1])
		require.Equal(t, map[string][]string{account + "/" + callUUID: lines[:len(lines)-1]}, published(t, st))

		at, ok, err := st.NextDue(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.WithinDuration(t, time.Now().Add(10*time.Second), at, 9*time.Second)
	})
}

// Every scenario through each store: some orders, some of the webhooks doubled, each in an account of its own, all at
// once.
func TestOrdersThroughTheStore(t *testing.T) {
	t.Parallel()
	const orders = 4
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		wants := map[string]map[string]string{}
		var lists []sequence
		for n, scenario := range scenarios(t) {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for order := range orders {
				name := fmt.Sprintf("%s-%d", scenario, order)
				if isCampaign(scenario) {
					if order > 0 {
						break
					}
					name = account
				}
				bodies := webhooks(t, scenario)
				bodies = append(bodies, bodies[random.IntN(len(bodies))])
				random.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
				lists = append(lists, sequence{name, bodies})
				if wants[name] == nil {
					wants[name] = map[string]string{}
				}
				maps.Copy(wants[name], expected(t, scenario))
			}
		}
		submitAll(t, in, lists)
		for name, want := range wants {
			requireRecords(t, st, name, want)
		}
		published(t, st)
	})
}

// sequence is webhooks of an account that are handed in one after the other.
type sequence struct {
	account string
	bodies  [][]byte
}

// submitAll hands sequences in side by side, so that they share transactions.
func submitAll(t *testing.T, in *ingest.Ingest, lists []sequence) {
	t.Helper()
	var all sync.WaitGroup
	for _, list := range lists {
		all.Go(func() {
			for _, body := range list.bodies {
				if _, err := in.Submit(context.Background(), list.account, body); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.False(t, t.Failed())
}

// A call that was merged away and comes back goes on with its numbers: no seq and no event id is given twice. Cycles do
// that most, for their smallest dialog decides.
func TestACallThatComesBackGoesOnCounting(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		random := rand.New(rand.NewPCG(11, 11))
		var lists []sequence
		for _, scenario := range []string{"cycle_of_two", "cycle_of_three_with_tail", "reparented", "chain_child_first"} {
			for order := range 40 {
				bodies := webhooks(t, scenario)
				random.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
				lists = append(lists, sequence{fmt.Sprintf("%s-%d", scenario, order), bodies})
			}
		}
		submitAll(t, in, lists)
		published(t, st)
	})
}

// Two instances on one database get half of the webhooks each, at the same time.
func TestTwoInstancesGiveTheSameRecords(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		if !database.Shared {
			st := database.Open(t)
			one, two := start(t, st), start(t, st) // one process, two doors
			twoInstances(t, st, one, two)
			return
		}
		st := database.Open(t)
		twoInstances(t, st, start(t, st), start(t, database.Open(t)))
	})
}

func twoInstances(t *testing.T, st store.Store, instances ...*ingest.Ingest) {
	t.Helper()
	var all sync.WaitGroup
	random := rand.New(rand.NewPCG(5, 5))
	wants := map[string]map[string]string{}
	failures := make(chan error, 10000)
	for _, scenario := range scenarios(t) {
		if isCampaign(scenario) {
			continue
		}
		wants[scenario] = expected(t, scenario)
		for i, body := range webhooks(t, scenario) {
			in := instances[(i+random.IntN(2))%len(instances)]
			all.Go(func() {
				_, err := in.Submit(t.Context(), scenario, body)
				failures <- err
			})
		}
	}
	all.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	for scenario, want := range wants {
		requireRecords(t, st, scenario, want)
	}
	published(t, st)
}

// isCampaign says whether a scenario belongs to the account default, because the id of a campaign's call holds it.
func isCampaign(scenario string) bool { return strings.HasPrefix(scenario, "campaign") }

func TestDuplicatesAndOtherFamilies(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		body := webhooks(t, "outbound_answered")[0]
		submit(t, in, account, body)
		again, err := in.Submit(t.Context(), account, body)
		require.NoError(t, err)
		require.Equal(t, ingest.Answer{Result: ingest.Duplicate}, again)
		// The same body in another account is another webhook.
		other, err := in.Submit(t.Context(), "acme", body)
		require.NoError(t, err)
		require.Equal(t, ingest.Accepted, other.Result)

		family := []byte(`{"event_name":"voice_campaign_deleted","data":{"project_id":1}}`)
		ignored, err := in.Submit(t.Context(), account, family)
		require.NoError(t, err)
		require.Equal(t, ingest.Ignored, ignored.Result)
		require.NotZero(t, ignored.JournalID)
		again, err = in.Submit(t.Context(), account, family)
		require.NoError(t, err)
		require.Equal(t, ingest.Duplicate, again.Result)
		require.Len(t, published(t, st)[account+"/"+callUUID], 3)
	})
}

// What is refused goes to quarantine, and is refused and counted again when it comes again; its neighbours are kept.
func TestRefusedBodiesGoToQuarantine(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		bad := []byte("{\"event_name\":\"dialog_create\x00\xff")
		for range 3 {
			_, err := in.Submit(t.Context(), account, bad)
			var refused *ingest.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "malformed_json", refused.Code)
		}
		submit(t, in, account, webhooks(t, "outbound_answered")...)
		kept, err := st.Quarantined(t.Context(), account, 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, 3, kept[0].Count)
		require.Equal(t, bad, kept[0].Body)
		require.Equal(t, sha256.Sum256(bad), kept[0].SHA256)
		require.Equal(t, "malformed_json", kept[0].Code)
		require.EqualValues(t, 3, in.Stats().Refused)
	})
}

func TestOddValuesAreCounted(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		submit(t, in, account,
			body("dialog_create", callUUID, "10:00:00", `,"state":"ringing","self_name":7,"tenant_user":[]`),
			body("dialog_state_update", callUUID, "10:00:01", `,"state":"parked"`),
			body("dialog_close", callUUID, "10:00:02", `,"close_cause":"SUNSPOTS"`))
		stats := in.Stats()
		require.EqualValues(t, 2, stats.UnusableFields)
		require.EqualValues(t, 1, stats.UnknownStates)
		require.EqualValues(t, 1, stats.UnknownCauses)
		require.EqualValues(t, 3, stats.Committed)
	})
}

// faulty is a real store in which some dialogs cannot be written.
type faulty struct {
	store.Writer
	fail func(dialogUUID string) error
}

func (f faulty) Write(ctx context.Context, fn func(store.Tx) error) error {
	return f.Writer.Write(ctx, func(tx store.Tx) error { return fn(faultyTx{tx, f.fail}) })
}

type faultyTx struct {
	store.Tx
	fail func(dialogUUID string) error
}

func (f faultyTx) Keep(ctx context.Context, changes store.Changes) error {
	for _, leg := range changes.Legs {
		if err := f.fail(leg.DialogUUID); err != nil {
			return err
		}
	}
	return f.Tx.Keep(ctx, changes)
}

// One webhook that cannot be committed, or that makes the program panic, is found and set apart; the others of its
// batch are committed.
func TestPoisonIsSetApart(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		poison := fmt.Sprintf("00000000-0000-4000-8000-%012d", 13)
		panics := fmt.Sprintf("00000000-0000-4000-8000-%012d", 31)
		in := start(t, faulty{st, func(id string) error {
			if id == panics {
				panic("a bug")
			}
			if id == poison {
				return fmt.Errorf("write legs: %w", store.ErrRefused)
			}
			return nil
		}})
		const count = 50
		errs := make([]error, count)
		atOnce(t, st, count, func(i int) {
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			_, errs[i] = in.Submit(t.Context(), account, body("dialog_create", id, "10:00:00", `,"state":"ringing"`))
		})
		for i, err := range errs {
			if i != 13 && i != 31 {
				require.NoError(t, err)
				continue
			}
			var refused *ingest.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, ingest.CodeUnprocessable, refused.Code)
		}
		kept, err := st.Quarantined(t.Context(), account, 10)
		require.NoError(t, err)
		require.Len(t, kept, 2)
		calls, err := st.Calls(t.Context(), store.CallFilter{Account: account, Limit: 100})
		require.NoError(t, err)
		require.Len(t, calls, count-2)
		published(t, st)
	})
}

// atOnce runs work count times while nothing can be committed, so that all of it waits together.
func atOnce(t *testing.T, st store.Writer, count int, work func(i int)) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_ = st.Write(t.Context(), func(store.Tx) error {
			close(held)
			<-release
			return errors.New("nothing to keep")
		})
	})
	<-held
	started := make(chan struct{}, count)
	for i := range count {
		all.Go(func() {
			started <- struct{}{}
			work(i)
		})
	}
	for range count {
		<-started
	}
	close(release)
	all.Wait()
}

// What waits while a batch is being committed is committed together: far fewer transactions than webhooks.
func TestWaitingWebhooksShareATransaction(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		const count = 400
		atOnce(t, st, count, func(i int) {
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			_, err := in.Submit(t.Context(), account, body("dialog_create", id, "10:00:00", `,"state":"ringing"`))
			if err != nil {
				t.Error(err)
			}
		})
		stats := in.Stats()
		require.EqualValues(t, count, stats.Committed)
		require.Less(t, stats.Batches, int64(count/4))
	})
}

// A stop answers what waits, and refuses what comes.
func TestStopLosesNothing(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		const count = 100
		var mu sync.Mutex
		var kept []string
		atOnce(t, st, count, func(i int) {
			if i == count/2 {
				in.Stop()
			}
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			_, err := in.Submit(t.Context(), account, body("dialog_create", id, "10:00:00", `,"state":"ringing"`))
			if err == nil {
				mu.Lock()
				kept = append(kept, id)
				mu.Unlock()
			} else if !errors.Is(err, ingest.ErrStopping) {
				t.Error(err)
			}
		})
		calls, err := st.Calls(t.Context(), store.CallFilter{Account: account, Limit: count})
		require.NoError(t, err)
		var stored []string
		for _, call := range calls {
			stored = append(stored, call.CallUUID)
		}
		slices.Sort(kept)
		slices.Sort(stored)
		require.Equal(t, kept, stored)
		_, err = in.Submit(t.Context(), account, webhooks(t, "outbound_answered")[0])
		require.ErrorIs(t, err, ingest.ErrStopping)
	})
}

func TestADatabaseThatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		require.NoError(t, st.Close())
		for _, body := range [][]byte{webhooks(t, "outbound_answered")[0], []byte("no webhook")} {
			_, err := in.Submit(t.Context(), account, body)
			require.ErrorIs(t, err, store.ErrUnavailable)
		}
	})
}
