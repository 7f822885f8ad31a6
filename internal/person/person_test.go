package person_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/person"
)

const pseudonym = "erased-3f2a9c41d0e7"

// guard knows one person of the account acme: Jan Kot, +48501502503.
func guard(t *testing.T) *person.Guard {
	t.Helper()
	g := person.NewGuard([]byte("secret"), "PL")
	require.True(t, g.Empty())
	id, ok := person.Canonical("501-502-503", "PL")
	require.True(t, ok)
	require.Equal(t, "+48501502503", id)
	g.Add(pseudonym, []string{g.NumberMark("acme", id), g.NameMark("acme", "Jan Kot"), person.KeyPrefix + "0123"})
	require.False(t, g.Empty())
	return g
}

func TestWhatIsANumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+48 501 502 503": "+48501502503", "48501502503": "+48501502503", "501502503": "+48501502503", "0048501502503": "+48501502503",
		"(501) 502.503": "+48501502503", "301": "301", "30 1": "301", "48000000007": "48000000007",
	} {
		got, ok := person.Canonical(text, "PL")
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "12", "48xxxxxxxxx", "jkot", "jan@example.com", pseudonym, "48501502503x", strings.Repeat("1", 65)} {
		_, ok := person.Canonical(text, "PL")
		require.False(t, ok, text)
	}
}

func TestTextsOfAPersonAreFound(t *testing.T) {
	t.Parallel()
	numbers, all := guard(t).Numbers("acme"), guard(t).NumbersAndNames("acme")
	got, ok := numbers("48501502503")
	require.True(t, ok)
	require.Equal(t, pseudonym, got)
	seen := map[string]bool{pseudonym: true}
	for _, text := range []string{"+48501502503", "+48 501 502 503", "501502503", "Jan Kot"} {
		got, ok := all(text)
		require.True(t, ok, text)
		require.True(t, strings.HasPrefix(got, pseudonym+"-"), got)
		require.False(t, seen[got], "each way of writing has its own")
		seen[got] = true
	}
	for _, text := range []string{"Jan Kot", "48501502504", "Jan", "", " "} {
		_, ok := numbers(text)
		require.False(t, ok, text)
	}
	_, ok = guard(t).NumbersAndNames("other")("Jan Kot")
	require.False(t, ok, "of another account")
}

// Nothing but the texts changes, byte for byte.
func TestBytesAroundStayAsTheyAre(t *testing.T) {
	t.Parallel()
	all := guard(t).NumbersAndNames("acme")
	for body, want := range map[string]string{
		`{ "a" :"48501502503",` + "\n\t" + `"b":[1.50, {"self_name" : "48501502503"}] }`: `{ "a" :"` + pseudonym + `",` + "\n\t" + `"b":[1.50, {"self_name" : "` + pseudonym + `"}] }`,
		`{"url":"https://crm/48501502503?x=1"}`:                                          `{"url":"https://crm/` + pseudonym + `?x=1"}`,
		`{"text":"call 48501502503 48601602603, 48501502503."}`:                          `{"text":"call ` + pseudonym + ` 48601602603, ` + pseudonym + `."}`,
		`{"phone":48501502503,"n":48601602603}`:                                          `{"phone":0,"n":48601602603}`,
		`{"number_e164":"48501502503"}`:                                                  `{"number_e164":null}`,
		`no JSON: 48501502503`:                                                           `no JSON: ` + pseudonym,
		`{"48501502503":"x"}`:                                                            `{"` + pseudonym + `":"x"}`, // a key
		`{"dialog_uuid":"48501502503","event_time":"48501502503"}`:                       `{"dialog_uuid":"48501502503","event_time":"48501502503"}`,
	} {
		got, changed := person.Bytes([]byte(body), all)
		require.Equal(t, want, string(got))
		require.Equal(t, want != body, changed)
	}
}

// Two bodies that differ only in how a text is escaped stay two, and say the same.
func TestEscapesStayApart(t *testing.T) {
	t.Parallel()
	g := guard(t)
	g.Add(pseudonym, []string{g.NameMark("acme", "Zoë"), g.NameMark("acme", `a"b`)})
	all := g.NumbersAndNames("acme")
	written := map[string]bool{}
	for _, body := range []string{`{"n":"Zoë"}`, `{"n":"Zo\u00eb"}`, `{"n":"Zo\u00EB"}`, `{"n":"\u005ao\u00eb"}`} {
		got, changed := person.Bytes([]byte(body), all)
		require.True(t, changed)
		require.False(t, written[string(got)], "%s became %s", body, got)
		written[string(got)] = true
		var value struct{ N string }
		require.NoError(t, json.Unmarshal(got, &value))
		want, _ := all("Zoë")
		require.Equal(t, want, value.N)
	}
	got, changed := person.Bytes([]byte(`{"n":"a\"b"}`), all)
	require.True(t, changed)
	require.True(t, json.Valid(got))
	require.NotContains(t, string(got), `\`)
}

func TestNamesAreThoseToldWithTheNumber(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	for body, want := range map[string][]string{
		`{"self_target":"48501502503","self_name":"Jan","peer_target":"48601602603","peer_name":"Ola"}`:                           {"Jan"},
		`{"from_display_target":"+48 501 502 503","from_display_name":"J. Kot","to_display_target":null,"to_display_name":"Ola"}`: {"J. Kot"},
		`{"anonymous":{"display_name":"JK","presentation_number":"501502503"}}`:                                                   {"JK"},
		`{"peer_target":"48501502503","peer_name":"48501502503"}`:                                                                 {},
		`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef",` +
			`"dialog_type":"EXTERNAL","direction":"OUTBOUND","caller_contact_address":"501502503","anonymous":{"display_name":"Jan"}}`: {"Jan"},
		`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef",` +
			`"dialog_type":"CONSULTANT","direction":"INBOUND","caller_contact_address":"501502503","self_name":"Ola"}`: {},
		`no JSON`: nil,
	} {
		require.ElementsMatch(t, want, person.Names([]byte(body), numbers), body)
	}
	self, peer := person.OnLeg(func(field dialog.Field) string {
		return map[dialog.Field]string{dialog.ApplicationSide: "CONTACT", dialog.SelfTarget: "48501502503"}[field]
	}, numbers)
	require.True(t, self)
	require.False(t, peer)
}

func FuzzBytes(f *testing.F) {
	f.Add([]byte(`{"a":"48501502503","b":"Jan Kot","c":["\u0000\ud800",48501502503]}`))
	f.Add([]byte(`{"a\\":"48501502503\\","b" : {}}`))
	f.Add([]byte(`48501502503`))
	f.Add([]byte(`{"501 502 503":{"id":"501502503/48501502503"},"t":"Jan Kot Jan Kot+48 501\t502–503 15:00, erased-3f2a9c41d0e7"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		all := guardFor().NumbersAndNames("acme")
		got, changed := person.Bytes(body, all)
		if first := bytes.TrimLeft(body, " \t\r\n"); len(first) == 0 || first[0] != '-' && (first[0] < '0' || first[0] > '9') {
			require.Equal(t, json.Valid(body), json.Valid(got) && (json.Valid(body) || !changed || !json.Valid(got)), "%q", got)
		}
		again, _ := person.Bytes(body, all)
		require.Equal(t, got, again)
		if !changed {
			require.Equal(t, body, got)
		}
	})
}

func guardFor() *person.Guard {
	g := person.NewGuard([]byte("secret"), "PL")
	g.Add(pseudonym, []string{g.NumberMark("acme", "+48501502503"), g.TailMark("acme", "+48501502503"), g.NameMark("acme", "Jan Kot"), person.KeyPrefix + "0123"})
	return g
}

// A pseudonym that stands in a name's place is nobody's name: it must not get a pseudonym in its turn.
func TestAPseudonymIsNoName(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	body := `{"event_name":"dialog_create","event_time":"2026-02-02 09:00:00","dialog_uuid":"ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7",` +
		`"dialog_type":"EXTERNAL","self_target":"48501502503","self_name":"%s"}`
	for name, want := range map[string][]string{pseudonym + "-1cec": {}, "Jan Nowak": {"Jan Nowak"}} {
		of := []byte(strings.Replace(body, "%s", name, 1))
		require.ElementsMatch(t, want, person.Names(of, numbers))
		require.ElementsMatch(t, want, person.NamesOf(of, true, false, numbers))
	}
}

// endings finds pseudonyms, with or without an ending.
var endings = regexp.MustCompile(`erased-[0-9a-f]{12}(-[0-9a-f]+)?`)
