package erase_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/erase"
	"webhookd/internal/flow"
	"webhookd/internal/person"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// gone erases a number and says that nothing of some texts is left anywhere, that an export finds nothing any more, and that
// what is sent once more is known.
func (b *bundle) gone(t *testing.T, number string, texts []string, bodies ...[]byte) erase.Certificate {
	t.Helper()
	plan, err := b.Erase(t.Context(), "acme", number, true)
	require.NoError(t, err)
	export, err := b.Export(t.Context(), "acme", number)
	require.NoError(t, err)
	for table, rows := range export.Rows {
		require.Len(t, rows, plan.Tables[string(table)].Rewritten+plan.Tables[string(table)].Removed, "an export shows what is erased: %s", table)
	}
	certificate, err := b.Erase(t.Context(), "acme", number, false)
	require.NoError(t, err)
	require.Equal(t, plan.Tables, certificate.Tables)
	left := b.everything(t, "acme")
	for _, text := range texts {
		requireGone(t, left, text, "erased")
	}
	b.requireRebuilt(t)
	require.Zero(t, b.take(t, "acme", bodies...), "sent again")
	require.Equal(t, left, b.everything(t, "acme"), "something changed")
	return certificate
}

// What a CRM tells of a contact goes with the number, and what the calls tell of the house's own people stays.
func TestWhatStandsBesideTheNumberGoes(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		contact := []byte(`{"event_type":"crm","event_name":"contact_created","event_time":"2026-01-15 10:00:00","data":{"phone":"+48 501 502 503",` +
			`"first_name":"Anna","last_name":"Subkot","email":"a.sub@example.com","address":"Prosta 5/7"}}`)
		call := []byte(`{"event_name":"dialog_create","event_time":"2026-01-15 11:00:00","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef",` +
			`"dialog_type":"EXTERNAL","direction":"OUTBOUND","business_direction":"INBOUND","self_target":"501\u2013502\u2013503",` +
			`"self_name":null,"peer_firstname":"Anna","variables":{"note":"Dear Anna Subkot, Anna Nowak will call","501502503":"x"}}`)
		staff := []byte(`{"event_name":"dialog_create","event_time":"2026-01-15 11:00:01","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887e0",` +
			`"dialog_type":"CONSULTANT","direction":"INBOUND","self_name":"Anna Nowak","tenant_user":{"id":48501502503,"username":"anna",` +
			`"firstname":"Anna","surname":"Nowak","display_name":"Anna Nowak"},"initial_application_info":{"data":{"caller_dialog_uuid":` +
			`"c2b19c63-f17b-4726-b3a1-5b5046e887ef"}}}`)
		b.take(t, "acme", contact, call, staff)
		b.gone(t, "501 502 503", []string{"Subkot", "a.sub@example.com", "Prosta", "501 502", "501\\u2013", `"501502503`, "Dear Anna"}, contact, call, staff)
		left := b.everything(t, "acme")
		require.Contains(t, left, `"peer_firstname":"Anna"`)
		require.Contains(t, left, `"firstname":"Anna","surname":"Nowak","display_name":"Anna Nowak"`)
		require.Contains(t, left, `"tenant_user":{"id":48501502503`)
		var record correlate.Call
		require.NoError(t, json.Unmarshal(b.calls(t, "acme")[0].Record, &record))
		require.Equal(t, "Anna Nowak", string(record.Consultants[0].Name))
	})
}

// Of a call that only a consultant's leg tells of, the name is the peer's; other webhooks of the leg may tell it, too.
func TestTheNameOfAConsultantsPeerGoes(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		body := func(rest string) []byte {
			return []byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef",` +
				`"dialog_type":"CONSULTANT","direction":"OUTBOUND","caller_contact_address":"anna","self_name":"Anna Nowak",` + rest + `}`)
		}
		bodies := [][]byte{
			body(`"callee_contact_address":"tel:+48501502503","peer_name":"Jan Subkot","peer_firstname":"Subjan","peer_surname":"Subkotowski"`),
			body(`"peer_name":"J. Subkot","peer_firstname":null`),
		}
		b.take(t, "acme", bodies...)
		require.Contains(t, b.everything(t, "acme"), `"name":"J`)
		b.gone(t, "501502503", []string{"Subkot", "Subjan", "501502503"}, bodies...)
		require.Contains(t, b.everything(t, "acme"), "Anna Nowak")
	})
}

// What clients of the trigger API told of a subscriber goes from everything that was made of it.
func TestASubscribersNamesGo(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		at := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
		subscriber := store.Subscriber{
			Account: "acme", ID: "48501502503", Phone: "+48501502503", Email: "Sub@example.com", FirstName: "Subjan", LastName: "Subkot",
			Data: json.RawMessage(`{"note":"x"}`),
		}
		other := store.Subscriber{Account: "acme", ID: "48601602603", Phone: "+48601602603", FirstName: "Ola", LastName: "Other"}
		require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
			for _, s := range []store.Subscriber{subscriber, other} {
				occasion := fmt.Sprintf(`{"subscriber":{"id":%q,"email":%q,"phone":%q,"first_name":%q,"last_name":%q},"payload":{"order":1}}`,
					s.ID, s.Email, s.Phone, s.FirstName, s.LastName)
				if err := tx.AddTriggers(t.Context(), []*store.Trigger{{
					ID: s.ID + "-trigger", Account: "acme", Handler: "h", Contact: s.Phone[1:], OnceKey: "contact:" + s.Phone, EventType: "api",
					EventUUID: "e", CreatedAt: at, State: store.TriggerDone, Occasion: []byte(occasion), FireAt: at,
					Reason: "said Hello " + s.FirstName,
				}}); err != nil {
					return err
				}
				if err := tx.AppendOutbox(t.Context(), []*store.OutboxRow{{Change: flow.Change{
					Account: "acme", Record: []byte(`{"urn":"tel:` + s.Phone + `","email_sent":{"to":["` + strings.ToLower(s.Email) + `"]},"text":"Hello ` +
						s.FirstName + ` ` + s.LastName + `"}`),
				}}}); err != nil {
					return err
				}
			}
			return tx.PutSubscribers(t.Context(), []store.Subscriber{subscriber, other}, false)
		}))
		b.gone(t, "501502503", []string{"501502503", "Subjan", "Subkot", "Sub@", "sub@"})
		require.Equal(t, 4, strings.Count(b.everything(t, "acme"), "Other")+strings.Count(b.everything(t, "acme"), "Hello Ola Other"))
	})
}

// A number that is no valid one, or short, is a column's text like any other, and two persons stay two.
func TestColumnsOfBareNumbersAreTexts(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		at := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
		for _, number := range []string{"48000000007", "48000000008", "4321"} {
			require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
				if err := tx.PutSubscribers(t.Context(), []store.Subscriber{{Account: "acme", ID: "s" + number, Phone: number, FirstName: "Sub"}}, false); err != nil {
					return err
				}
				return tx.AddTriggers(t.Context(), []*store.Trigger{{
					ID: number[len(number)-1:], Account: "acme", Handler: "h", Contact: number, OnceKey: "contact:" + number, EventType: "api", EventUUID: "e",
					CreatedAt: at, State: store.TriggerDone, Occasion: []byte(`{"urn":"tel:` + number + `"}`), FireAt: at,
				}})
			}))
		}
		pseudonyms := map[string]bool{}
		for _, number := range []string{"48000000007", "48000000008", "4321"} {
			pseudonym := b.gone(t, number, []string{number}).Pseudonym
			rows, err := b.PersonRows(t.Context(), "acme", store.PersonTriggers, "", 10)
			require.NoError(t, err)
			for _, row := range rows {
				if strings.HasSuffix(number, row.Key) {
					require.Equal(t, pseudonym, string(row.Values[0]))
					require.Equal(t, "contact:"+pseudonym, string(row.Values[1]))
					require.Equal(t, `{"urn":"tel:`+pseudonym+`"}`, string(row.Values[2]))
				}
			}
			pseudonyms[pseudonym] = true
		}
		require.Len(t, pseudonyms, 3)
		rows, err := b.PersonRows(t.Context(), "acme", store.PersonSubscribers, "", 10)
		require.NoError(t, err)
		require.Empty(t, rows)
	})
}

// An erasure keeps by what a number is soon told from others, and a key that is long enough.
func TestMarksOfAnErasure(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		_, err := b.Erase(t.Context(), "acme", "501502503", false)
		require.NoError(t, err)
		kept, err := b.Erasures(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, kept[0].Marks, 3)
		all := strings.Join(kept[0].Marks, "\n")
		require.Contains(t, all, "tail:")
		require.Regexp(t, person.KeyPrefix+`[0-9a-f]{64}\b`, all)
	})
}

// The certificate names what may hold a number and is not looked at.
func TestACertificateSaysWhatMayBeLeft(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		certificate, err := setup(t, database).Erase(t.Context(), "acme", "501502503", true)
		require.NoError(t, err)
		text, err := json.Marshal(certificate.NotReached)
		require.NoError(t, err)
		for _, place := range []string{"*.corrupt", "last error", "transaction ids", "topics"} {
			require.Contains(t, string(text), place)
		}
	})
}
