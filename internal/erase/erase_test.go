package erase_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/erase"
	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/rebuild"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fixtures = "../../fixtures"

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

// bundle is a store that is taken in to and erased from by the same engine, as in a service.
type bundle struct {
	store.Store
	*erase.Service
	in *ingest.Ingest
}

func setup(t *testing.T, database everystore.Database) *bundle {
	t.Helper()
	st, engine := database.Open(t), newEngine()
	in := ingest.New(ingest.Config{Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ended := make(chan error, 1)
	go func() { ended <- in.Run(t.Context()) }()
	t.Cleanup(func() {
		in.Stop()
		require.NoError(t, <-ended)
	})
	return &bundle{st, &erase.Service{Store: st, Engine: engine, Region: "PL", Now: time.Now}, in}
}

// take hands bodies in and says how many of them were new.
func (b *bundle) take(t *testing.T, account string, bodies ...[]byte) (fresh int) {
	t.Helper()
	for _, body := range bodies {
		answer, err := b.in.Submit(t.Context(), account, body)
		require.NoError(t, err)
		if answer.Result != ingest.Duplicate {
			fresh++
		}
	}
	return fresh
}

func webhooks(t *testing.T, scenario string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func (b *bundle) calls(t *testing.T, account string) []store.Call {
	t.Helper()
	calls, err := b.Calls(t.Context(), store.CallFilter{Account: account, Limit: 100})
	require.NoError(t, err)
	return calls
}

// everything gives all that is stored of an account, as one text.
func (b *bundle) everything(t *testing.T, account string) string {
	t.Helper()
	var all strings.Builder
	entries, err := b.Journal(t.Context(), 0, 100_000)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Account != account {
			continue
		}
		fmt.Fprintln(&all, "journal", string(entry.Body))
		if entry.DialogUUID != "" {
			leg, err := b.Dialog(t.Context(), store.Key{Account: account, UUID: entry.DialogUUID})
			if errors.Is(err, store.ErrNotFound) {
				require.True(t, entry.Ignored)
				continue
			}
			require.NoError(t, err)
			fmt.Fprintln(&all, "leg", string(leg.Evidence))
		}
	}
	for _, call := range b.calls(t, account) {
		fmt.Fprintln(&all, "call", string(call.Record), call.Index.Keys)
	}
	for _, table := range store.PersonTables {
		rows, err := b.PersonRows(t.Context(), account, table, "", 100_000)
		require.NoError(t, err)
		for _, row := range rows {
			fmt.Fprintln(&all, table, string(bytes.Join(row.Values, []byte(" "))))
		}
	}
	return all.String()
}

func (b *bundle) requireRebuilt(t *testing.T) {
	t.Helper()
	var differences []string
	_, err := rebuild.Run(t.Context(), rebuild.Config{
		Store: b.Store, Engine: newEngine(), Check: true,
		Report: func(d rebuild.Difference) { differences = append(differences, d.String()) },
	})
	require.NoError(t, err)
	require.Empty(t, differences)
}

// figures are a record without what tells of persons.
func figures(t *testing.T, record json.RawMessage) string {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(record, &all))
	delete(all, "external")
	delete(all, "consultants")
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

// pseudonyms are random, and so may have the digits of a short number.
var pseudonyms = regexp.MustCompile(person.Prefix + `[0-9a-f]{12}(-[0-9a-f]{12})?`)

// requireGone looks for a text, and shows only where it is.
func requireGone(t *testing.T, all, text, about string) {
	t.Helper()
	all = pseudonyms.ReplaceAllString(all, person.Prefix)
	if at := strings.Index(all, text); text != "" && at >= 0 {
		line := strings.Count(all[:at], "\n")
		require.Fail(t, "a person is left", "%s: %q in %.1500s", about, text, strings.Split(all, "\n")[line])
	}
}

// Of every scenario, whoever the call was with is taken out: nothing of the number is left anywhere, the figures stay, the
// journal gives the same calls again, and what is sent once more is the same webhook.
func TestAPersonIsTakenOutOfEveryScenario(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(fixtures, "*", "webhooks.ndjson"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		erased := 0
		for _, file := range files {
			scenario := filepath.Base(filepath.Dir(file))
			bodies := webhooks(t, scenario)
			b.take(t, scenario, bodies...)
			before := b.calls(t, scenario)
			for _, call := range before {
				var record correlate.Call
				require.NoError(t, json.Unmarshal(call.Record, &record))
				number := string(record.External.Number)
				id, ok := person.Canonical(number, "PL")
				if !ok || !strings.Contains(b.everything(t, scenario), number) {
					continue // masked, a user's name, or erased with another call
				}
				erased++
				certificate, err := b.Erase(t.Context(), scenario, number, false)
				require.NoError(t, err)
				require.NotZero(t, certificate.Calls, scenario)
				require.NotZero(t, certificate.Tables["journal"].Rewritten)
				require.NotZero(t, certificate.Tables["outbox"].Rewritten)
				left := b.everything(t, scenario)
				for _, text := range []string{number, strings.TrimPrefix(id, "+"), string(record.External.Name)} {
					requireGone(t, left, text, scenario)
				}
				require.NotZero(t, strings.Count(left, certificate.Pseudonym), scenario)
			}
			after := b.calls(t, scenario)
			require.Len(t, after, len(before))
			for i := range before {
				require.Equal(t, figures(t, before[i].Record), figures(t, after[i].Record), scenario)
				require.Equal(t, before[i].Seq, after[i].Seq)
			}
			left := b.everything(t, scenario)
			require.Zero(t, b.take(t, scenario, bodies...), "%s: sent again", scenario)
			require.Equal(t, left, b.everything(t, scenario), "%s: something changed", scenario)
		}
		require.Greater(t, erased, 40)
		b.requireRebuilt(t)
	})
}

// What comes after the erasure: of a call that was there before it is treated like the rest of it, of a new one it is not.
func TestWhatComesLateIsTreatedLikeTheRest(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name = "48505200118", "Piotr Próbny"
		bodies := webhooks(t, "blind_transfer_consultant")
		whole, b := "whole", setup(t, database)
		b.take(t, whole, bodies...)
		open := 5
		b.take(t, "acme", bodies[:open]...)
		require.Contains(t, b.everything(t, "acme"), number)
		plan, err := b.Erase(t.Context(), "acme", "+48 505-200-118", true)
		require.NoError(t, err)
		require.True(t, plan.DryRun)
		require.Contains(t, b.everything(t, "acme"), number, "a dry run changes nothing")
		kept, err := b.Erasures(t.Context(), "acme")
		require.NoError(t, err)
		require.Empty(t, kept)

		certificate, err := b.Erase(t.Context(), "acme", "+48 505-200-118", false)
		require.NoError(t, err)
		require.Equal(t, 1, certificate.Calls)
		require.Equal(t, 1, certificate.OpenCalls)
		require.Equal(t, plan.Tables["journal"], certificate.Tables["journal"])
		require.Equal(t, plan.Tables["outbox"].Rewritten+1, certificate.Tables["outbox"].Rewritten+1)
		require.Equal(t, len(bodies)-open, b.take(t, "acme", bodies...), "those that are new")
		for _, text := range []string{number, name} {
			requireGone(t, b.everything(t, "acme"), text, "late")
			require.Contains(t, b.everything(t, whole), text, "another account's")
		}
		got, want := b.calls(t, "acme"), b.calls(t, whole)
		require.Len(t, got, 1)
		var a, c correlate.Call
		require.NoError(t, json.Unmarshal(got[0].Record, &a))
		require.NoError(t, json.Unmarshal(want[0].Record, &c))
		require.Equal(t, certificate.Pseudonym, string(a.External.Number))
		require.Empty(t, a.External.NumberE164)
		a.Account, a.External = c.Account, c.External
		require.Equal(t, c, a)

		// The person calls again: a call of its own, later.
		var again [][]byte
		for _, body := range bodies {
			text := strings.ReplaceAll(string(body), `"event_time":"2026-02-05`, `"event_time":"2096-02-05`)
			for _, id := range []string{"074292da", "f84a8b7c", "b65d929e"} {
				text = strings.ReplaceAll(text, id, "0000000"+id[:1])
			}
			again = append(again, []byte(text))
		}
		require.Equal(t, len(again), b.take(t, "acme", again...))
		require.Contains(t, b.everything(t, "acme"), number)

		more, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, certificate.Pseudonym, more.Pseudonym, "the same person")
		requireGone(t, b.everything(t, "acme"), number, "once more")
		b.requireRebuilt(t)

		kept, err = b.Erasures(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, kept, 2)
		for _, erasure := range kept {
			require.NotContains(t, string(erasure.Certificate)+strings.Join(erasure.Marks, ""), number)
			require.Contains(t, string(erasure.Certificate), `"not_reached":[{`)
		}
	})
}

// Webhooks that contradict one another keep their order, also those that come late.
func TestContradictionsAreDecidedAsBefore(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		var bodies [][]byte
		for i := range 12 {
			bodies = append(bodies, fmt.Appendf(nil, `{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00",`+
				`"dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef","dialog_type":"EXTERNAL","direction":"OUTBOUND",`+
				`"self_target":"48501502503","self_name":"Jan","close_cause":%d,"project":{"name":"P%d"}}`, i, i))
		}
		b.take(t, "whole", bodies...)
		b.take(t, "acme", bodies[:6]...)
		_, err := b.Erase(t.Context(), "acme", "48501502503", false)
		require.NoError(t, err)
		require.Equal(t, 6, b.take(t, "acme", bodies...))
		var a, c correlate.Call
		require.NoError(t, json.Unmarshal(b.calls(t, "acme")[0].Record, &a))
		require.NoError(t, json.Unmarshal(b.calls(t, "whole")[0].Record, &c))
		require.Equal(t, c.Project, a.Project)
		b.requireRebuilt(t)
	})
}

// Whatever else is kept of the person is rewritten or removed, and nobody else's.
func TestOtherTablesAreReached(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, another = "48501502503", "48601602603"
		b := setup(t, database)
		at := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
		b.take(t, "acme", []byte(`{"event_name":"contact_created","data":{"phone":48501502503,"text":"call +48 501 502 503 or 48601602603"}}`))
		for _, who := range []string{number, another} {
			require.NoError(t, b.Quarantine(t.Context(), store.Refused{
				Account: "acme", ReceivedAt: at, Code: "malformed_json", SHA256: [32]byte([]byte(who + "000000000000000000000")), Body: []byte("{" + who),
			}))
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				for _, id := range []string{"pending", "done"} {
					if err := tx.AddTriggers(t.Context(), []*store.Trigger{{
						ID: id + who, Account: "acme", Handler: "h", Contact: who, EventType: "call_missed", EventUUID: "e", CreatedAt: at,
						State: store.TriggerState(id), Occasion: []byte(`{"contact":"` + who + `"}`), FireAt: at,
					}}); err != nil {
						return err
					}
				}
				if err := tx.PutRequests(t.Context(), []store.Request{{ID: who, Account: "acme", Spec: []byte(`{"to":"` + who + `"}`), CreatedAt: at}}); err != nil {
					return err
				}
				return tx.PutSubscribers(t.Context(), []store.Subscriber{{Account: "acme", ID: "s" + who[:3], Phone: "+" + who, FirstName: "Jan"}}, false)
			}))
		}
		export, err := b.Export(t.Context(), "acme", "501 502 503")
		require.NoError(t, err)
		require.Len(t, export.Webhooks, 1)
		for table, rows := range map[store.PersonTable]int{
			store.PersonTriggers: 2, store.PersonRequests: 1, store.PersonSubscribers: 1, store.PersonQuarantine: 1, store.PersonOutbox: 0,
		} {
			require.Len(t, export.Rows[table], rows, table)
		}
		certificate, err := b.Erase(t.Context(), "acme", "501 502 503", false)
		require.NoError(t, err)
		require.Equal(t, map[string]erase.TableCount{
			"journal": {Rewritten: 1}, "triggers": {Rewritten: 2}, "requests": {Removed: 1}, "subscribers": {Removed: 1}, "quarantine": {Removed: 1},
		}, certificate.Tables)
		left := b.everything(t, "acme")
		for _, text := range []string{number, "501 502 503"} {
			requireGone(t, left, text, "tables")
		}
		require.Equal(t, 8, strings.Count(left, another), left) // as before: a body, 2 triggers twice, a request, a subscriber, quarantine
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			triggers, err := tx.TriggersByID(t.Context(), []string{"pending" + number, "done" + number, "pending" + another})
			require.NoError(t, err)
			states := map[string]store.TriggerState{}
			for _, trigger := range triggers {
				states[trigger.ID] = trigger.State
			}
			require.Equal(t, map[string]store.TriggerState{
				"pending" + number: store.TriggerCancelled, "done" + number: store.TriggerDone, "pending" + another: store.TriggerPending,
			}, states)
			return nil
		}))
		export, err = b.Export(t.Context(), "acme", number)
		require.NoError(t, err)
		require.Empty(t, export.Webhooks)
		for table, rows := range export.Rows {
			require.Empty(t, rows, table)
		}
		_, err = b.Export(t.Context(), "acme", "pkowalski")
		require.ErrorIs(t, err, erase.ErrNumber)
	})
}

// An export of every scenario has every webhook of the calls that name the number, as it came.
func TestAnExportHasEverythingAsItCame(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		bodies := webhooks(t, "inbound_answered")
		b.take(t, "acme", bodies...)
		b.take(t, "acme", webhooks(t, "outbound_busy")...)
		var record correlate.Call
		for _, call := range b.calls(t, "acme") {
			require.NoError(t, json.Unmarshal(call.Record, &record))
			if record.Direction == "inbound" {
				break
			}
		}
		export, err := b.Export(t.Context(), "acme", string(record.External.Number))
		require.NoError(t, err)
		require.Len(t, export.Calls, 1)
		require.Len(t, export.Webhooks, len(bodies))
		for i, body := range bodies {
			require.Equal(t, string(body), string(export.Webhooks[i].Body))
			require.Equal(t, record.CallUUID, *export.Webhooks[i].CallUUID)
		}
		require.NotEmpty(t, export.Rows[store.PersonOutbox])
		nobody, err := b.Export(t.Context(), "acme", "48111111111")
		require.NoError(t, err)
		require.Empty(t, nobody.Calls)
		require.Empty(t, nobody.Webhooks)
	})
}

// ask takes a record of the PBX in.
func (b *bundle) ask(t *testing.T, event, body string) (result ingest.Reconciled) {
	t.Helper()
	record, err := dialog.DecodeRecord([]byte(body))
	require.NoError(t, err)
	require.NoError(t, b.Write(t.Context(), func(tx store.Tx) (err error) {
		result, err = b.Engine.Reconcile(t.Context(), tx, time.Now(), "acme", event, []ingest.Recorded{{Record: &record, Body: []byte(body)}})
		return err
	}))
	return result
}

// What the PBX's own records tell of a person goes with the rest, and does not come back when the PBX is asked again.
func TestThePBXsOwnRecordsDoNotBringAPersonBack(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, leg = "48505200118", "Piotr Próbny", "0b9f2b6e-0c1e-4a57-9f6d-6a3f1a4f7c11"
		b := setup(t, database)
		body := `{"dialog_uuid":"` + leg + `","dialog_type":"EXTERNAL","business_direction":"INBOUND",` +
			`"from_display_target":"` + number + `","from_display_name":"` + name + `",` +
			`"start_time":"2026-01-15 09:00:00","ring_time":"2026-01-15 09:00:01","answer_time":"2026-01-15 09:00:05",` +
			`"serve_time":"2026-01-15 09:00:05","hangup_time":"2026-01-15 09:01:00","business_end_cause":"HANGUP"}`
		require.Equal(t, 1, b.ask(t, ingest.EventRecord, body).New)
		before, err := b.Dialog(t.Context(), store.Key{Account: "acme", UUID: leg})
		require.NoError(t, err)
		require.Contains(t, string(before.Evidence), number, "the leg keeps it")
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, erase.TableCount{Rewritten: 1}, certificate.Tables["legs"])
		for range 2 {
			for _, text := range []string{number, name} {
				requireGone(t, b.everything(t, "acme"), text, "erased")
			}
			b.requireRebuilt(t)
			require.Equal(t, ingest.Reconciled{Known: 1}, b.ask(t, ingest.EventRecord, body), "it tells nothing new")
		}
	})
}

// A record of a leg that webhooks told of is kept beside what they told, also where nobody sees it.
func TestARecordBesideWebhooksIsReached(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, leg = "48501200101", "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		bodies := webhooks(t, "inbound_answered")
		b.take(t, "acme", bodies[:len(bodies)-2]...)
		require.Equal(t, 1, b.ask(t, ingest.EventRecord, `{"dialog_uuid":"`+leg+`","dialog_type":"EXTERNAL",`+
			`"business_direction":"INBOUND","from_display_target":"`+number+`","start_time":"2026-02-02 09:00:00",`+
			`"hangup_time":"2026-02-02 09:02:40","business_end_cause":"HANGUP"}`).Taken)
		require.Contains(t, b.everything(t, "acme"), number)
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		requireGone(t, b.everything(t, "acme"), number, "erased")
		b.requireRebuilt(t)
	})
}

// What comes of a call that retention has removed is kept in the journal, and belongs to no call.
func TestWhatCameAfterRetentionIsReached(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, leg = "48505200118", "Piotr Próbny", "0b9f2b6e-0c1e-4a57-9f6d-6a3f1a4f7c11"
		b := setup(t, database)
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			return tx.Bury(t.Context(), []store.Key{{Account: "acme", UUID: leg}}, time.Now())
		}))
		webhook := `{"event_type":"dialog","event_name":"dialog_close","event_time":"2026-01-15 09:01:00","dialog_uuid":"` + leg +
			`","dialog_type":"EXTERNAL","direction":"OUTBOUND","from_display_target":"` + number + `","from_display_name":"` + name + `"}`
		answer, err := b.in.Submit(t.Context(), "acme", []byte(webhook))
		require.NoError(t, err)
		require.Equal(t, ingest.Ignored, answer.Result)
		export, err := b.Export(t.Context(), "acme", number)
		require.NoError(t, err)
		require.Len(t, export.Webhooks, 1)
		require.Equal(t, webhook, string(export.Webhooks[0].Body))
		require.Nil(t, export.Webhooks[0].CallUUID)
		plan, err := b.Erase(t.Context(), "acme", number, true)
		require.NoError(t, err)
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, map[string]erase.TableCount{"journal": {Rewritten: 1}}, certificate.Tables)
		require.Equal(t, certificate.Tables, plan.Tables)
		for _, text := range []string{number, name} {
			requireGone(t, b.everything(t, "acme"), text, "erased")
		}
		require.Zero(t, b.take(t, "acme", []byte(webhook)), "sent again")
		b.requireRebuilt(t)
	})
}

// published are the events on a stream.
type published []string

func (p *published) Expunge(_ context.Context, _ string, about func([]byte) bool) (removed int, err error) {
	kept := slices.DeleteFunc(slices.Clone(*p), func(body string) bool { return about([]byte(body)) })
	removed = len(*p) - len(kept)
	*p = kept
	return removed, nil
}

// Of the stream, too, only what is about the person is removed: not what others are in who have the same name.
func TestANamesakesEventsStayOnTheStream(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const theirs, another = "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7", "aa12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		for leg, number := range map[string]string{theirs: "48501200101", another: "48501200102"} {
			b.take(t, "acme", []byte(`{"event_type":"user_dialog","event_name":"dialog_create","event_time":"2026-02-02 09:00:00",`+
				`"direction":"OUTBOUND","business_direction":"INBOUND","state":"ringing","dialog_type":"EXTERNAL","dialog_uuid":"`+leg+
				`","self_target":"`+number+`","self_name":"Anonymous"}`))
		}
		stays := published{`{"call_uuid":"` + another + `","call":{"external":{"number":"48501200102","name":"Anonymous"}}}`}
		events := append(published{
			`{"call_uuid":"` + theirs + `","call":{"external":{"number":null,"name":"Anonymous"}}}`,
			`{"call_uuid":"00000000-c39f-4ba6-9aed-f8693fa4f3f7","call":{"external":{"number":"+48 501 200 101","name":null}}}`,
		}, stays...)
		b.Stream = &events
		certificate, err := b.Erase(t.Context(), "acme", "48501200101", false)
		require.NoError(t, err)
		require.Equal(t, 2, *certificate.StreamMessages)
		require.Equal(t, stays, events)
	})
}

// brokenOff leaves an erasure as it is when it breaks off right after its beginning, and gives the pseudonym.
func (b *bundle) brokenOff(t *testing.T, number string) (pseudonym string) {
	t.Helper()
	now := time.Now().UTC()
	pseudonym = "erased-aabbccddeeff"
	require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
		secret, err := tx.ErasureSecret(t.Context(), make([]byte, 32))
		require.NoError(t, err)
		guard := person.NewGuard(secret, "PL")
		id, ok := person.Canonical(number, "PL")
		require.True(t, ok)
		return tx.PutErasure(t.Context(), store.Erasure{
			ID: "11111111-1111-4111-8111-111111111111", Account: "acme", At: now, Pseudonym: pseudonym, GuardUntil: now.Add(erase.GuardFor),
			Marks: []string{guard.NumberMark("acme", id), person.KeyPrefix + "00"},
		})
	}))
	return pseudonym
}

// What is sent once more while an erasure has not come to it is a duplicate, and the erasure goes on.
func TestAnErasureThatBrokeOffGoesOn(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number = "48501200101"
		b := setup(t, database)
		body := []byte(`{"event_type":"user_dialog","event_name":"dialog_create","event_time":"2026-02-02 09:00:00","direction":"OUTBOUND",` +
			`"business_direction":"INBOUND","state":"ringing","dialog_type":"EXTERNAL","dialog_uuid":"ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7",` +
			`"self_target":"` + number + `"}`)
		b.take(t, "acme", body)
		pseudonym := b.brokenOff(t, number)
		require.Zero(t, b.take(t, "acme", body), "sent again")
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, pseudonym, certificate.Pseudonym)
		requireGone(t, b.everything(t, "acme"), number, "erased")
		require.Zero(t, b.take(t, "acme", body), "sent again")
		b.requireRebuilt(t)
	})
}

// A version before this one took what was sent once more for new, and made it into the body that the erasure is to make.
func TestABodyThatIsThereAlreadyHoldsNoErasureUp(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number = "48501200101"
		b := setup(t, database)
		var bodies [][]byte
		for _, about := range []string{
			`"event_name":"dialog_create","dialog_uuid":"ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7",`, `"event_name":"contact_created",`,
		} {
			bodies = append(bodies, []byte(`{`+about+`"event_time":"2026-02-02 09:00:00","direction":"OUTBOUND",`+
				`"dialog_type":"EXTERNAL","self_target":"`+number+`"}`))
		}
		b.take(t, "acme", bodies...)
		pseudonym := b.brokenOff(t, number)
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			var pieces []*ingest.Piece
			for _, body := range bodies {
				made := bytes.ReplaceAll(body, []byte(number), []byte(pseudonym))
				webhook, err := dialog.Decode(made)
				require.NoError(t, err)
				piece := ingest.NewPiece("acme", time.Now().UTC().Truncate(time.Microsecond), &webhook, made)
				piece.Entry.Rank = sha256.Sum256(body)
				if webhook.SHA256 = piece.Entry.Rank; piece.Evidence != nil {
					piece.Evidence = correlate.NewLeg(&webhook)
				}
				pieces = append(pieces, piece)
			}
			return b.Engine.Apply(t.Context(), tx, time.Now(), pieces)
		}))
		certificate, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, erase.TableCount{Rewritten: 2}, certificate.Tables["journal"])
		requireGone(t, b.everything(t, "acme"), number, "erased")
		entries, err := b.Journal(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Len(t, entries, 4)
		require.Zero(t, b.take(t, "acme", bodies...), "sent again")
		b.requireRebuilt(t)
	})
}

// A call that began after one person's erasure is a new one, also where another person was erased after it.
func TestAnothersErasureDoesNotCount(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const one, other, day = "48501200101", "48501200102", 24 * time.Hour
		b := setup(t, database)
		now := time.Now()
		webhook := func(leg, number string, at time.Time) []byte {
			return fmt.Appendf(nil, `{"event_name":"dialog_create","event_time":"%s","direction":"OUTBOUND","state":"ringing",`+
				`"dialog_type":"EXTERNAL","dialog_uuid":"%s-c39f-4ba6-9aed-f8693fa4f3f7","self_target":"%s"}`,
				at.UTC().Format(time.DateTime), leg, number)
		}
		b.take(t, "acme", webhook("00000001", one, now.Add(-12*day)), webhook("00000002", other, now.Add(-12*day)))
		for number, ago := range map[string]time.Duration{one: 10 * day, other: 0} {
			b.Now = func() time.Time { return now.Add(-ago) }
			_, err := b.Erase(t.Context(), "acme", number, false)
			require.NoError(t, err)
		}
		b.take(t, "acme", webhook("00000003", one, now.Add(-5*day)), webhook("00000004", other, now.Add(-5*day)))
		all := b.everything(t, "acme")
		require.Contains(t, all, one, "a new call")
		requireGone(t, all, other, "late")
	})
}
