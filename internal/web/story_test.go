package web

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
)

// talked is a connected call of 8 s that somebody hung up; waited is one that nobody answered for 45 s.
func talked(by, basis correlate.Word) correlate.Call {
	return correlate.Call{
		State: "ended", Connected: true, Disposition: "answered", Direction: "outbound", HangupBy: by, HangupBasis: basis,
		TalkMS: new(int64(8000)), WaitMS: new(int64(20000)), External: correlate.External{Number: "48xxxxxxxxx", Name: "48xxxxxxxxx"},
	}
}

func waited(disposition, by, basis correlate.Word) correlate.Call {
	return correlate.Call{
		State: "ended", Disposition: disposition, Direction: "inbound", HangupBy: by, HangupBasis: basis, WaitMS: new(int64(45000)),
		External: correlate.External{Number: "501502503", NumberE164: "+48501502503", Name: "Anna"},
	}
}

// Who hung up × on what it rests.
func TestEndings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		call   correlate.Call
		en, pl string
	}{
		{
			talked("external", "reported"), "Customer hung up after 8 s of talk; reported by the PBX.",
			"Klient się rozłączył po 8 s rozmowy; zgłoszone przez centralę.",
		},
		{
			talked("external", "inferred"), "Customer hung up after 8 s of talk; inferred from what the other side reported.",
			"Klient się rozłączył po 8 s rozmowy; wywnioskowane ze zgłoszeń drugiej strony.",
		},
		{
			talked("external", "conflict"), "Customer hung up after 8 s of talk; both sides report that they did, and the earlier one is believed.",
			"Klient się rozłączył po 8 s rozmowy; obie strony zgłaszają rozłączenie, liczy się wcześniejsze.",
		},
		{
			talked("consultant", "reported"), "Consultant hung up after 8 s of talk; reported by the PBX.",
			"Konsultant się rozłączył po 8 s rozmowy; zgłoszone przez centralę.",
		},
		{
			talked("tenant_user", "inferred"), "User hung up after 8 s of talk; inferred from what the other side reported.",
			"Użytkownik się rozłączył po 8 s rozmowy; wywnioskowane ze zgłoszeń drugiej strony.",
		},
		{
			talked("system", "inferred"), "The system ended it after 8 s of talk; inferred, for no party says that it did.",
			"Zakończył ją system po 8 s rozmowy; wywnioskowane, bo żadna strona tego nie zgłosiła.",
		},
		{
			talked("unknown", "conflict"), "It is not known who hung up after 8 s of talk; both sides report that they did, in the same second.",
			"Nie wiadomo, kto się rozłączył po 8 s rozmowy; obie strony zgłaszają rozłączenie w tej samej sekundzie.",
		},
		{
			talked("unknown", "none"), "It is not known who hung up after 8 s of talk; no side reported why it closed.",
			"Nie wiadomo, kto się rozłączył po 8 s rozmowy; żadna strona nie zgłosiła powodu zamknięcia.",
		},
		{
			talked("chat_window", "reported"), "chat_window hung up after 8 s of talk; reported by the PBX.",
			"Rozłączyła się strona chat_window po 8 s rozmowy; zgłoszone przez centralę.",
		},
		{
			waited("abandoned", "external", "reported"), "Customer hung up after 45 s of waiting; reported by the PBX.",
			"Klient się rozłączył po 45 s czekania; zgłoszone przez centralę.",
		},
		{
			waited("no_answer", "system", "inferred"), "The system ended it after 45 s of waiting; inferred, for no party says that it did.",
			"Zakończył ją system po 45 s czekania; wywnioskowane, bo żadna strona tego nie zgłosiła.",
		},
	} {
		require.Equal(t, tc.en, English.Ending(&tc.call))
		require.Equal(t, tc.pl, Polish.Ending(&tc.call))
	}
	require.Empty(t, English.Ending(&correlate.Call{State: "talking"}))
	unknown := talked("external", "reported")
	unknown.TalkMS = nil
	require.Equal(t, "Customer hung up; reported by the PBX.", English.Ending(&unknown), "a figure that is not known is not told")
}

// Every disposition, in whole stories.
func TestStories(t *testing.T) {
	t.Parallel()
	bot := waited("self_service", "external", "reported")
	missed := waited("no_answer", "system", "inferred")
	missed.Missed = true
	campaign := waited("abandoned", "external", "reported")
	campaign.Direction = "outbound"
	inferred := talked("external", "reported")
	inferred.ConnectedBasis = "inferred"
	timeout := talked("unknown", "none")
	timeout.EndBasis = "timeout"
	manual := talked("unknown", "none")
	manual.EndBasis = "manual"
	nobody := correlate.Call{State: "ringing", Direction: "unknown"}
	talking := correlate.Call{State: "talking", Direction: "inbound", External: correlate.External{NumberE164: "+48501502503"}}
	answered := talked("external", "reported")
	for _, tc := range []struct {
		call   correlate.Call
		en, pl string
	}{
		{
			answered, "Outbound call to 48xxxxxxxxx. It was answered; talk began after 20 s. Customer hung up after 8 s of talk; reported by the PBX.",
			"Połączenie wychodzące do: 48xxxxxxxxx. Została odebrana; rozmowa zaczęła się po 20 s. Klient się rozłączył po 8 s rozmowy; zgłoszone przez centralę.",
		},
		{bot, "Inbound call from Anna (+48501502503). A bot served it; no consultant was called. Customer hung up after 45 s of waiting; reported by the PBX.", ""},
		{waited("abandoned", "external", "reported"), "Inbound call from Anna (+48501502503). The customer gave up before a consultant answered. Customer hung up after 45 s of waiting; reported by the PBX.", ""},
		{campaign, "Outbound call to Anna (+48501502503). The customer answered, and no consultant took the call. Customer hung up after 45 s of waiting; reported by the PBX.", ""},
		{missed, "Inbound call from Anna (+48501502503). Nobody answered. The system ended it after 45 s of waiting; inferred, for no party says that it did. It counts as missed.", ""},
		{waited("busy", "", ""), "Inbound call from Anna (+48501502503). The called party was busy.", "Połączenie przychodzące od: Anna (+48501502503). Numer był zajęty."},
		{waited("rejected", "", ""), "Inbound call from Anna (+48501502503). The called party rejected it.", ""},
		{waited("failed", "", ""), "Inbound call from Anna (+48501502503). It could not be put through.", ""},
		{waited("cancelled", "", ""), "Inbound call from Anna (+48501502503). It was cancelled before anybody answered.", ""},
		{inferred, "Outbound call to 48xxxxxxxxx. It was answered; talk began after 20 s. No talk was reported: that they were connected is inferred. Customer hung up after 8 s of talk; reported by the PBX.", ""},
		{timeout, "Outbound call to 48xxxxxxxxx. It was answered; talk began after 20 s. It is not known who hung up after 8 s of talk; no side reported why it closed. Its end was never reported: webhookd closed it after a long silence.", ""},
		{manual, "Outbound call to 48xxxxxxxxx. It was answered; talk began after 20 s. It is not known who hung up after 8 s of talk; no side reported why it closed. It was closed by hand, for its end was not reported.", ""},
		{nobody, "Call with an unknown number; its direction was not told. It is ringing.", "Połączenie: numer nieznany; kierunku nie podano. Dzwoni."},
		{talking, "Inbound call from +48501502503. They are talking.", "Połączenie przychodzące od: +48501502503. Trwa rozmowa."},
	} {
		require.Equal(t, tc.en, strings.Join(English.Story(&tc.call), " "))
		if tc.pl != "" {
			require.Equal(t, tc.pl, strings.Join(Polish.Story(&tc.call), " "))
		}
	}
}

// Every recorded call can be told in both languages, with nothing but texts of the catalogue.
func TestEveryRecordedCallCanBeTold(t *testing.T) {
	t.Parallel()
	records, err := filepath.Glob("../../fixtures/*/call.json")
	require.NoError(t, err)
	require.Greater(t, len(records), 50)
	for _, record := range records {
		name := filepath.Base(filepath.Dir(record))
		call, _ := fixture(t, name)
		for _, language := range Languages() {
			story := strings.Join(language.Story(call), " ")
			require.NotRegexp(t, `story\.|hangup\.|%!|_answer|self_service`, story, name)
			if call.State == "ended" {
				require.GreaterOrEqual(t, len(language.Story(call)), 3, name)
			}
		}
	}
	call, _ := fixture(t, "blind_transfer_consultant")
	require.Contains(t, strings.Join(English.Story(call), " "), "It was transferred from Konsultant Anna to Konsultant Bartosz (blind transfer).")
}
