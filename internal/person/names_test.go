package person_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/person"
)

const dialogHead = `"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef",`

// Names stand beside the number, in the smallest object that holds it.
func TestNamesBesideANumberAreFound(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	for body, want := range map[string][]string{
		`{"event_name":"contact_created","data":{"phone":"+48 501 502 503","first_name":"Jan","last_name":"Kotowski",` +
			`"email":"Jan.K@example.com","address":"Prosta 5/7","city":"Warszawa","id":7}}`: {
			"Jan", "Kotowski", "Jan Kotowski", "Kotowski Jan", "Jan.K@example.com", "jan.k@example.com", "Prosta 5/7",
		},
		`{"contact":{"firstName":"Jan","surname":"Kot","phones":[{"type":"mobile","number":501502503}]}}`: {"Jan", "Kot", "Jan Kot", "Kot Jan"},
		`{"subscriber":{"id":"48501502503","first_name":"Jan","data":{"Imię i nazwisko":"x"}}}`:           {"Jan"},
		`{"external":{"number":"48501502503","name":"Jan K."},"project":{"name":"Vip"}}`:                  {"Jan K."},
		`[{"phone":"48601602603","name":"Ola"},{"phone":"tel:+48501502503","name":"Jan","emails":["j@k.example"]}]`: {
			"Jan", "j@k.example",
		},
		`{"address":{"street":"Prosta 5/7","city":"Warszawa"},"mobile":"501502503"}`: {"Prosta 5/7"},
		// The name of a handler, of whoever else is told of, and of the house, is not the person's.
		`{"name":"missed-call","to":"48501502503","payload":{"first_name":"Ola"}}`:                                                  nil,
		`{"a":{"b":{"c":{"number":"48501502503"}}},"first_name":"Ola"}`:                                                             nil,
		`{"tenant_user":{"firstname":"Ola","outbound_number":"48501502503"},"consultants":[{"number":"48501502503","name":"Ola"}]}`: nil,
		`{` + dialogHead + `"number":"48501502503","first_name":"Ola","email":"o@k.example"}`:                                       nil,
		// Of a peer: by target, else by the other side's address.
		`{` + dialogHead + `"dialog_type":"CONSULTANT","direction":"OUTBOUND","callee_contact_address":"48501502503",` +
			`"caller_contact_address":"ola","peer_name":"Jan","self_name":"Ola"}`: {"Jan"},
		`{` + dialogHead + `"dialog_type":"CONSULTANT","direction":"INBOUND","caller_contact_address":"48501502503",` +
			`"peer_name":"J. Kot","peer_firstname":"Jan","peer_surname":"Kot","self_name":"Ola"}`: {"J. Kot", "Jan", "Kot", "Jan Kot", "Kot Jan"},
		`{` + dialogHead + `"dialog_type":"CONSULTANT","direction":"INBOUND","caller_contact_address":"48501502503",` +
			`"peer_target":"48601602603","peer_name":"Ola"}`: nil,
		`{` + dialogHead + `"dialog_type":"EXTERNAL","direction":"INBOUND","caller_contact_address":"48501502503","peer_name":"Ola"}`: nil,
		// The number may be in a longer text.
		`{"self_target":"tel:+48501502503","self_name":"Jan"}`:                                                                           {"Jan"},
		`{"peer_target":"48501502503@sip.example","peer_name":"Jan","peer_firstname":"J"}`:                                               {"Jan", "J"},
		`{"from_display_target":"501502503;ext=5","from_display_name":"Jan","to_display_name":"Ola"}`:                                    {"Jan"},
		`{` + dialogHead + `"dialog_type":"EXTERNAL","direction":"OUTBOUND","caller_contact_address":"tel:501502503","self_name":"Jan"}`: {"Jan"},
	} {
		require.ElementsMatch(t, want, person.Names([]byte(body), numbers), body)
	}
}

// named knows more names of the person.
func named(t *testing.T, names ...string) person.Finder {
	t.Helper()
	g := guard(t)
	for _, name := range names {
		g.Add(pseudonym, []string{g.NameMark("acme", name)})
	}
	return g.NumbersAndNames("acme")
}

// A name that is known is found inside of texts, at the borders of words.
func TestANameIsFoundInsideOfTexts(t *testing.T) {
	t.Parallel()
	all := named(t, "Jan Kotowski", "Jan", "Kotowski", "Łucja", "jan.k+1@mail.example.com", "O'Hara")
	for text, want := range map[string]string{
		"Dear Jan Kotowski, call +48 501 502 503.": "Dear #, call #.",
		"Mr Kotowski": "Mr #",
		"Kotowski, Jan Kotowski i Kotowski-Nowak": "#, # i #-Nowak",
		"Dla Łucja.": "Dla #.",
		"to: jan.k+1@mail.example.com; x@y.example": "to: #; x@y.example",
		"mailto:jan.k+1@mail.example.com.":          "mailto:#.",
		"Hello O'Hara!":                             "Hello #!",
		`{"a":"Dear Jan Kotowski"}`:                 `{"a":"Dear #"}`,
	} {
		got, changed := person.Bytes([]byte(text), all)
		require.True(t, changed, text)
		require.Equal(t, want, endings.ReplaceAllString(string(got), "#"), text)
		again, changed := person.Bytes(got, all)
		require.False(t, changed, text)
		require.Equal(t, got, again)
	}
	for _, text := range []string{
		"Dear Jan", "Kotowskiego", "AKotowski", "Kotowski_1", "kotowski", "Jan  Nowak", "xjan.k+1@mail.example.com", "Łucjan", "@", "",
	} {
		got, changed := person.Bytes([]byte(text), all)
		require.False(t, changed, text)
		require.Equal(t, text, string(got))
	}
}

// What tells of the house's own people stays, though they share a first name with the person.
func TestColleaguesKeepTheirNames(t *testing.T) {
	t.Parallel()
	all := named(t, "Anna", "Anna Nowak", "Nowak", "EXTERNAL", "anna")
	for _, body := range []string{
		`{"tenant_user":{"username":"anna","firstname":"Anna","surname":"Nowak","display_name":"Konsultant Anna"}}`,
		`{"call":{"consultants":[{"id":1,"username":"anna","name":"Anna"}],"project":{"name":"Nowak"}}}`,
		`{"self_name":"Konsultant Anna","dialog_type":"EXTERNAL"}`,
		`{"dialog_type":"EXTERNAL","self_target":"48601602603","peer_target":"48601602603","peer_username":"anna","peer_firstname":"Anna","peer_surname":"Nowak"}`,
		`{"initial_application_info":{"data":{"tenant_user":{"firstname":"Anna"}}}}`,
	} {
		got, changed := person.Bytes([]byte(body), all)
		require.False(t, changed, body)
		require.Equal(t, body, string(got))
	}
	for body, want := range map[string]string{
		`{"peer_target":"48501502503","peer_firstname":"Anna","peer_surname":"Nowak"}`: `{"peer_target":"#","peer_firstname":"#","peer_surname":"#"}`,
		`{"direction":"INBOUND","caller_contact_address":"tel:501502503","peer_firstname":"Anna"}`: `{"direction":"INBOUND","caller_contact_address":"tel:#",` +
			`"peer_firstname":"#"}`,
		`{"subscriber":{"first_name":"Anna","last_name":"Nowak"},"self_name":"Anna"}`: `{"subscriber":{"first_name":"#","last_name":"#"},"self_name":"#"}`,
		// Whoever has the person's whole name cannot be told from them.
		`{"tenant_user":{"display_name":"Anna Nowak"}}`: `{"tenant_user":{"display_name":"#"}}`,
	} {
		got, changed := person.Bytes([]byte(body), all)
		require.True(t, changed, body)
		require.Equal(t, want, endings.ReplaceAllString(string(got), "#"))
		for path, text := range map[string]string{"tenant_user.firstname": "Anna", "self_name": "Konsultant Anna", "project.name": "Nowak"} {
			same, changed := person.Member(path, text, all)
			require.False(t, changed, path)
			require.Equal(t, text, same)
		}
	}
	got, changed := person.Member("anonymous.display_name", "Pani Anna", all)
	require.True(t, changed)
	require.Equal(t, "Pani #", endings.ReplaceAllString(got, "#"))
}

// Whoever finds what stands in the number's place finds the names beside that, too.
func TestNamesBesideAPseudonymAreFound(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	find := func(text string) (string, bool) {
		if strings.HasPrefix(text, pseudonym) {
			return text, true
		}
		return numbers(text)
	}
	for body, want := range map[string][]string{
		`{"self_target":"` + pseudonym + `","self_name":"Jan"}`:                     {"Jan"},
		`{"self_target":"erased-000000000000","self_name":"Jan"}`:                   {},
		`{"peer_target":"tel:` + pseudonym + `-9c07;ext=5","peer_firstname":"Jan"}`: {"Jan"},
		`{"phone":"` + pseudonym + `-9c07","name":"Jan"}`:                           {"Jan"},
	} {
		require.ElementsMatch(t, want, person.Names([]byte(body), find), body)
	}
}
