package person_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/person"
)

// Whatever calls take for a number is the same number here, and what people and their programs make of one is, too.
func TestANumberIsKnownHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	for _, text := range []string{
		"501–502–503", "501\u2011502\u2011503", "501\u2009502\u2009503", "501\t502\t503", "501_502_503", "501\u202f502\u202f503",
		"0501502503", "0 501 502 503", "+48\u00a0501 502 503", "+48_501_502_503", "٥٠١٥٠٢٥٠٣",
	} {
		id, ok := person.Canonical(text, "PL")
		require.True(t, ok, text)
		require.Equal(t, "+48501502503", id, text)
		if text[0] >= '0' && text[0] <= '9' || text[0] == '+' {
			inside, changed := person.Text("call "+text+" now", numbers)
			require.True(t, changed, text)
			require.Regexp(t, `^call `+pseudonym+`(-[0-9a-f]+)? now$`, inside)
		}
	}
	for text, want := range map[string]string{"00501502503": "00501502503", "2026-02-02 09.00.00": "20260202090000"} {
		id, ok := person.Canonical(text, "PL")
		require.True(t, ok, text)
		require.Equal(t, want, id)
	}
}

// A number is found among other digits, and they stay.
func TestANumberIsFoundBesideOtherDigits(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	for text, want := range map[string]string{
		"501 502 503 15:00":                      "# 15:00",
		"15 501 502 503":                         "15 #",
		"501502503/601602603":                    "#/601602603",
		"601602603/501502503":                    "601602603/#",
		"501502503-601602603":                    "#-601602603",
		"501 502 503 601 602 603":                "# 601 602 603",
		"601 602 603 501 502 503, 501502503":     "601 602 603 #, #",
		"Szeroki+48501502503":                    "Szeroki#",
		"at 2026-02-02 09:00:00 501502503":       "at 2026-02-02 09:00:00 #",
		"1 2 3 4 5 6 7 8 9 501 502 503 10 11 12": "1 2 3 4 5 6 7 8 9 # 10 11 12",
		"(5 0 1 5 0 2 5 0 3) x":                  "(#) x",
		"tel:+48501502503;ext=5":                 "tel:#;ext=5",
		"sip:48501502503@sip.example":            "sip:#@sip.example",
	} {
		got, changed := person.Text(text, numbers)
		require.True(t, changed, text)
		require.Equal(t, want, endings.ReplaceAllString(got, "#"), text)
		again, changed := person.Text(got, numbers)
		require.False(t, changed, text)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"501 502 504 15:00", "1501502503", "5015025031", "501502", "601602603/701702703", "501,502,503"} {
		got, changed := person.Text(text, numbers)
		require.False(t, changed, text)
		require.Equal(t, text, got)
	}
}

// A column of a table that is nothing but a number is a text: two persons must not become one.
func TestABareNumberIsAText(t *testing.T) {
	t.Parallel()
	g := guard(t)
	for _, id := range []string{"48000000007", "48000000008", "4321", "301"} {
		g.Add("erased-"+strings.Repeat(id[len(id)-1:], 12), []string{g.NumberMark("acme", id), person.KeyPrefix + "4567"})
	}
	numbers := g.Numbers("acme")
	for column, want := range map[string]string{
		"48000000007": "erased-777777777777", "48000000008": "erased-888888888888", "(48501502503)": pseudonym, "-48501502503": pseudonym,
		"4321": "erased-111111111111", "contact:4321": "contact:erased-111111111111", "contact:48000000008": "contact:erased-888888888888",
		"tel:301": "tel:erased-111111111111", `{"urn":"tel:4321","urns":["TEL:+301;x=1"]}`: `{"urn":"tel:erased-111111111111","urns":["TEL:erased-111111111111;x=1"]}`,
		`{"phone":4321,"n":4321,"long":48501502503}`: `{"phone":0,"n":4321,"long":0}`,
	} {
		got, changed := person.Bytes([]byte(column), numbers)
		require.True(t, changed, column)
		require.Equal(t, endings.ReplaceAllString(want, "#"), endings.ReplaceAllString(string(got), "#"), column)
	}
	for _, column := range []string{"4322", "tel:43210", "hotel:4322", "room 4321 and 301", `{"n":301}`, "1.5e3", "-"} {
		got, changed := person.Bytes([]byte(column), numbers)
		require.False(t, changed, column)
		require.Equal(t, column, string(got))
	}
}

// An id that is the number goes; those of the PBX stay, for calls hang on them.
func TestAnIDThatIsTheNumberGoes(t *testing.T) {
	t.Parallel()
	all := guard(t).NumbersAndNames("acme")
	const number = "48501502503"
	for body, want := range map[string]string{
		`{"subscriber":{"id":"` + number + `","phone":"+48601602603"}}`: `{"subscriber":{"id":"` + pseudonym + `","phone":"+48601602603"}}`,
		`{"id":"` + number + `"}`:          `{"id":"` + pseudonym + `"}`,
		`{"data":{"id":"` + number + `"}}`: `{"data":{"id":"` + pseudonym + `"}}`,
		`[{"id":` + number + `}]`:          `[{"id":0}]`,
	} {
		got, changed := person.Bytes([]byte(body), all)
		require.True(t, changed, body)
		require.Equal(t, want, string(got))
	}
	for _, body := range []string{
		`{"tenant_user":{"id":"` + number + `"},"project":{"id":` + number + `},"consultants":[{"x":{}},{"id":"` + number + `"}]}`,
		`{"initial_application_info":{"x":[],"data":{"tenant_user":{"id":1},"id":"` + number + `"}}}`,
		`{"id":"Jan Kot","x":{"id":"48601602603"}}`,
	} {
		got, changed := person.Bytes([]byte(body), all)
		require.False(t, changed, body)
		require.Equal(t, body, string(got))
	}
}

// Keys of objects may be numbers, too; two ways of writing one stay two.
func TestANumberThatIsAKeyGoes(t *testing.T) {
	t.Parallel()
	numbers := guard(t).Numbers("acme")
	got, changed := person.Bytes([]byte(`{"48501502503":{"number_e164":"x"},"+48 501 502 503":1,"48601602603":2,"of 501502503":3}`), numbers)
	require.True(t, changed)
	require.Regexp(t, `^{"`+pseudonym+`":{"number_e164":"x"},"`+pseudonym+`-[0-9a-f]+":1,"48601602603":2,"of `+pseudonym+`-[0-9a-f]+":3}$`, string(got))
	again, changed := person.Bytes(got, numbers)
	require.False(t, changed)
	require.Equal(t, got, again)
}

// Endings are so long that no two texts of a person ever get the same one; those of a person whom an earlier version erased
// stay as they are.
func TestEndingsTellTextsApart(t *testing.T) {
	t.Parallel()
	for key, digits := range map[string]int{strings.Repeat("01", person.KeySize): 12, strings.Repeat("01", 16): 4} {
		g := person.NewGuard([]byte("secret"), "PL")
		marks := []string{g.NumberMark("acme", "+48501502503"), person.KeyPrefix + key}
		for i := range 2000 {
			marks = append(marks, g.NameMark("acme", fmt.Sprint("Jan ", i)))
		}
		g.Add(pseudonym, marks)
		all, seen := g.NumbersAndNames("acme"), map[string]bool{}
		for i := range 2000 {
			got, ok := all(fmt.Sprint("Jan ", i))
			require.True(t, ok)
			require.Len(t, got, len(pseudonym)+1+digits)
			seen[got] = true
		}
		require.Equal(t, digits == 12, len(seen) == 2000, "%d", len(seen))
	}
}

// The rule that a colon between digits makes no number is no other than that of calls.
func TestTheTimeOfDayIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2026-02-02 09:00:00", "501:502:503", "48501502503:5", "+48501502503 : 501502503", "0:48501502503"} {
		require.Empty(t, correlate.E164(text, "PL"), text)
		_, ok := person.Canonical(text, "PL")
		require.False(t, ok, text)
	}
	for _, text := range []string{": 501502503", "501 502 503"} {
		require.Equal(t, "+48501502503", correlate.E164(text, "PL"), text)
		id, ok := person.Canonical(text, "PL")
		require.True(t, ok, text)
		require.Equal(t, "+48501502503", id, text)
	}
}

// Beside a person of whom there is a mark of the last digits one of an earlier version, of whom there is none, is found, too.
func TestAPersonWithoutAMarkOfTheLastDigitsIsFound(t *testing.T) {
	t.Parallel()
	g := guardFor()
	g.Add("erased-000000000000", []string{g.NumberMark("acme", "+48601602603")})
	for number, want := range map[string]string{"48601602603": "erased-000000000000", "48501502503": pseudonym} {
		got, ok := g.Numbers("acme")(number)
		require.True(t, ok, number)
		require.Equal(t, want, got)
	}
	g.Add("erased-000000000000", []string{g.TailMark("acme", "+48601602603")})
	g.Add("erased-000000000000", []string{g.NameMark("acme", "Ola")})
	_, ok := g.Numbers("acme")("48601602603")
	require.True(t, ok)
	_, ok = g.Numbers("acme")("48701702703")
	require.False(t, ok)
}
