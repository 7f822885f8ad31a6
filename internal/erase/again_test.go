package erase_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/erase"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// outside gives the webhook of a call with one outside party.
func outside(leg, number, name, more string) []byte {
	return fmt.Appendf(nil, `{"event_type":"user_dialog","event_name":"dialog_create","event_time":"2026-02-02 09:00:00",`+
		`"direction":"OUTBOUND","business_direction":"INBOUND","state":"ringing","dialog_type":"EXTERNAL","dialog_uuid":%q,`+
		`"self_target":%q,"self_name":%q%s}`, leg, number, name, more)
}

// event is one that names a call and a person, and no number.
func event(call, name string) string {
	return fmt.Sprintf(`{"call_uuid":%q,"call":{"external":{"number":null,"name":%q}}}`, call, name)
}

// What was on its way while a person was erased, and came to the stream or into the outbox only then, is found by the same
// erasure again: by the calls that the first one has found, in which the number is not any more.
func TestTheSameErasureAgainFindsWhatTheFirstFound(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, theirs, another = "48501200101", "Jan Próbny", "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7", "aa12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		b.take(t, "acme", outside(theirs, number, name, ""), outside(another, "48501200102", name, ""))
		stream := published{}
		b.Stream = &stream
		first, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Zero(t, *first.StreamMessages)

		stays := published{event(another, name)}
		stream = append(published{event(theirs, name)}, stays...)
		for _, call := range []string{theirs, another} {
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				record := json.RawMessage(strings.Replace(event(call, name), `"call_uuid"`, `"of"`, 1))
				return tx.AppendOutbox(t.Context(), []*store.OutboxRow{{Change: flow.Change{Account: "acme", CallUUID: call, Record: record}}})
			}))
		}
		plan, err := b.Erase(t.Context(), "acme", number, true)
		require.NoError(t, err)
		again, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, first.Pseudonym, again.Pseudonym)
		require.Equal(t, 1, *again.StreamMessages)
		require.Equal(t, stays, stream, "a namesake's stay")
		require.Equal(t, map[string]erase.TableCount{"outbox": {Rewritten: 1}}, again.Tables)
		require.Equal(t, again.Tables, plan.Tables)
		require.Equal(t, again.Pseudonym, plan.Pseudonym)
		all := b.everything(t, "acme")
		require.Equal(t, 5, strings.Count(all, name), "a namesake's: body, leg, record and two rows of the outbox\n%s", all)
		third, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Empty(t, third.Tables)
		require.Zero(t, *third.StreamMessages)
		b.requireRebuilt(t)
	})
}

// What an erasure that broke off has done is not forgotten by the one that goes on with it.
func TestAnErasureThatGoesOnKnowsTheCallsOfTheFirst(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, leg = "48501200101", "Jan Próbny", "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		b.take(t, "acme", outside(leg, number, name, ""))
		broken := errors.New("broken off")
		service := *b.Service
		service.Store = &breaking{Store: b.Store, after: 2, err: broken} // the beginning, and the calls
		_, err := service.Erase(t.Context(), "acme", number, false)
		require.ErrorIs(t, err, broken)
		require.Contains(t, b.everything(t, "acme"), number, "the outbox has it still")
		b.Stream = &published{event(leg, name)}
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, 1, *certificate.StreamMessages)
		for _, text := range []string{number, name} {
			requireGone(t, b.everything(t, "acme"), text, "erased")
		}
		b.requireRebuilt(t)
	})
}

// breaking is a store that writes so many times.
type breaking struct {
	store.Store
	after int
	err   error
}

func (b *breaking) Write(ctx context.Context, fn func(store.Tx) error) error {
	b.after--
	if b.after < 0 {
		return b.err
	}
	return b.Store.Write(ctx, fn)
}

// A name that is told of a person's call before anybody knows whose it is, and then of another call as theirs, is taken out
// of the first one by the next erasure.
func TestANameThatIsToldLaterIsFoundByTheNextErasure(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, another = "48501200101", "Jan Próbny", "bb12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		b.take(t, "acme", outside(theirLeg, number, "", ""), outside(another, number, "", ""))
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		beside := fmt.Appendf(nil, `{"event_type":"user_dialog","event_name":"dialog_create","event_time":"2026-02-02 09:00:00",`+
			`"dialog_type":"CONSULTANT","direction":"INBOUND","dialog_uuid":%q,"peer_name":%q,"peer_target":%q,`+
			`"initial_application_info":{"data":{"caller_dialog_uuid":%q}}}`, agentsLeg, name, "anonymous", theirLeg)
		late := outside(another, number, name, `,"call_state":"x"`)
		require.Equal(t, 2, b.take(t, "acme", beside, late))
		all := b.everything(t, "acme")
		requireGone(t, all, number, "late")
		require.Contains(t, all, name, "nobody knew it for theirs")
		require.NotContains(t, string(b.calls(t, "acme")[0].Record)+string(b.calls(t, "acme")[1].Record), name)
		require.Zero(t, b.take(t, "acme", beside, late), "sent again")
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, erase.TableCount{Rewritten: 1}, certificate.Tables["journal"])
		requireGone(t, b.everything(t, "acme"), name, "erased again")
		require.Zero(t, b.take(t, "acme", beside, late), "sent again")
		b.requireRebuilt(t)
	})
}

// instances gives services on one database: of two instances where they can share it, else of two requests.
func (b *bundle) instances(t *testing.T, database everystore.Database) [2]*erase.Service {
	t.Helper()
	other := *b.Service
	if database.Shared {
		other.Store, other.Engine = database.Open(t), newEngine()
	}
	return [2]*erase.Service{b.Service, &other}
}

// Two persons in the same calls are erased at the same moment, by two instances or requests, again and again while webhooks
// come: both are gone everywhere, and what each certificate counts adds up to what there was.
func TestTwoPersonsInOneCallAreErasedAtOnce(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		services := b.instances(t, database)
		const rounds, rows = 6, 120 // more than one transaction changes
		for round := range rounds {
			account := "acme" + strconv.Itoa(round)
			numbers := [2]string{"4850120010" + strconv.Itoa(round), "4860120010" + strconv.Itoa(round)}
			names := [2]string{"Jan Próbny", "Ewa Inna"}
			leg := "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
			both := fmt.Sprintf(`,"peer_target":%q,"peer_name":%q`, numbers[1], names[1])
			b.take(t, account, outside(leg, numbers[0], names[0], both),
				fmt.Appendf(nil, `{"event_name":"contact_created","data":{"phones":[%q,%q]}}`, numbers[0], numbers[1]))
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				var history []*store.OutboxRow
				for n := range rows {
					record := fmt.Sprintf(`{"n":%d,"of":[%q,%q],"names":[%q,%q]}`, n, numbers[0], numbers[1], names[0], names[1])
					history = append(history, &store.OutboxRow{Change: flow.Change{Account: account, CallUUID: leg, Record: json.RawMessage(record)}})
					if err := tx.AddTriggers(t.Context(), []*store.Trigger{{
						ID: fmt.Sprint(account, n), Account: account, Handler: "h", Contact: numbers[n%2], EventType: "x", EventUUID: "e",
						State: store.TriggerPending, Occasion: []byte(record), CreatedAt: time.Now(), FireAt: time.Now(),
					}}); err != nil {
						return err
					}
				}
				if err := tx.PutSubscribers(t.Context(), []store.Subscriber{{
					Account: account, ID: "s", Phone: numbers[0], LastName: "with " + numbers[1],
				}}, false); err != nil {
					return err
				}
				return tx.AppendOutbox(t.Context(), history)
			}))
			var certificates [2]erase.Certificate
			var failed [2]error
			var group sync.WaitGroup
			for i, service := range services {
				group.Go(func() { certificates[i], failed[i] = service.Erase(t.Context(), account, numbers[i], false) })
			}
			group.Wait()
			require.NoError(t, errors.Join(failed[:]...))
			left := b.everything(t, account)
			for i := range numbers {
				requireGone(t, left, numbers[i], "number")
				requireGone(t, left, names[i], "name")
				require.Contains(t, left, certificates[i].Pseudonym)
				require.Equal(t, erase.TableCount{Rewritten: 2}, certificates[i].Tables["journal"])
				require.Equal(t, erase.TableCount{Rewritten: 1}, certificates[i].Tables["legs"])
				require.Equal(t, erase.TableCount{Rewritten: 1}, certificates[i].Tables["calls"])
				require.Equal(t, erase.TableCount{Rewritten: rows}, certificates[i].Tables["triggers"])
				// The first is in the call's record, too, and for the bucket each makes a row that may still name the first.
				require.GreaterOrEqual(t, certificates[i].Tables["outbox"].Rewritten, rows+1-i)
			}
			require.Equal(t, 1, certificates[0].Tables["subscribers"].Removed+certificates[1].Tables["subscribers"].Removed,
				"one of the two has removed it")
		}
		b.requireRebuilt(t)
	})
}

// The same person is erased twice at the same moment: with one pseudonym, and every change is counted once.
func TestOnePersonIsErasedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		services := b.instances(t, database)
		for round := range 6 {
			account, number, name := "acme"+strconv.Itoa(round), "4850120010"+strconv.Itoa(round), "Jan Próbny"
			leg := "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
			b.take(t, account, outside(leg, number, name, ""), fmt.Appendf(nil, `{"event_name":"contact_created","data":{"phone":%q}}`, number))
			require.NoError(t, b.Quarantine(t.Context(), store.Refused{
				Account: account, ReceivedAt: time.Now(), SHA256: [32]byte([]byte(number + "000000000000000000000")), Body: []byte("{" + number),
			}))
			var certificates [2]erase.Certificate
			var failed [2]error
			var group sync.WaitGroup
			for i, service := range services {
				group.Go(func() { certificates[i], failed[i] = service.Erase(t.Context(), account, number, false) })
			}
			group.Wait()
			require.NoError(t, errors.Join(failed[:]...))
			left := b.everything(t, account)
			for _, text := range []string{number, name} {
				requireGone(t, left, text, "erased")
			}
			require.Equal(t, certificates[0].Pseudonym, certificates[1].Pseudonym)
			sum := map[string]erase.TableCount{}
			for _, certificate := range certificates {
				for table, count := range certificate.Tables {
					sum[table] = erase.TableCount{
						Rewritten: sum[table].Rewritten + count.Rewritten, Removed: sum[table].Removed + count.Removed,
					}
				}
			}
			require.Equal(t, map[string]erase.TableCount{
				"journal": {Rewritten: 2}, "legs": {Rewritten: 1}, "calls": {Rewritten: 1}, "outbox": {Rewritten: 1}, "quarantine": {Removed: 1},
			}, sum)
			require.Zero(t, b.take(t, account, outside(leg, number, name, "")), "sent again")
		}
		b.requireRebuilt(t)
	})
}

// Two who were erased may have been told by one name, as all are who hide their number. What is sent again of either is a
// duplicate: the name is that of the one whose call it is.
func TestTwoOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const name = "Anonymous"
		b := setup(t, database)
		var bodies [][]byte
		numbers := []string{"48501200101", "48501200102", "48501200103"}
		for i, number := range numbers {
			leg := fmt.Sprintf("%08d-c39f-4ba6-9aed-f8693fa4f3f7", i)
			bodies = append(bodies, outside(leg, number, name, ""), outside(leg, "", name, `,"n":1`))
		}
		b.take(t, "acme", bodies...)
		for _, number := range numbers {
			_, err := b.Erase(t.Context(), "acme", number, false)
			require.NoError(t, err)
		}
		requireGone(t, b.everything(t, "acme"), name, "erased")
		for i, body := range bodies {
			require.Zero(t, b.take(t, "acme", body), "%d is sent again", i)
		}
		late := outside("00000001-c39f-4ba6-9aed-f8693fa4f3f7", "", name, `,"n":2`)
		require.Equal(t, 1, b.take(t, "acme", late))
		requireGone(t, b.everything(t, "acme"), name, "late")
		b.requireRebuilt(t)
	})
}

// When nobody is to be recognised any more, nobody is, also where nobody else has written since.
func TestNobodyIsRecognisedForLongerThanPromised(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, leg = "48501200101", "Jan Próbny", "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		now := time.Now()
		var clock sync.Mutex
		at := func() time.Time {
			clock.Lock()
			defer clock.Unlock()
			return now
		}
		st, engine := database.OpenAt(t, at), newEngine()
		in := ingest.New(ingest.Config{Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: at})
		ended := make(chan error, 1)
		go func() { ended <- in.Run(t.Context()) }()
		t.Cleanup(func() {
			in.Stop()
			require.NoError(t, <-ended)
		})
		b := &bundle{st, &erase.Service{Store: st, Engine: engine, Region: "PL", Now: at}, in}
		b.take(t, "acme", outside(leg, number, name, ""))
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		b.take(t, "acme", outside(leg, number, name, `,"n":1`))
		requireGone(t, b.everything(t, "acme"), number, "late")
		clock.Lock()
		now = now.Add(erase.GuardFor)
		clock.Unlock()
		b.take(t, "acme", outside(leg, number, name, `,"n":2`))
		require.Contains(t, b.everything(t, "acme"), number)
	})
}
