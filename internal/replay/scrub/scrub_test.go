package scrub_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/replay/scrub"
)

const uuid = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"

func run(t *testing.T, key string, lines ...string) []string {
	t.Helper()
	var out bytes.Buffer
	result, err := scrub.Run(strings.NewReader(strings.Join(lines, "\n")), "test", &out,
		scrub.Options{Key: []byte(key), Region: "PL"})
	require.NoError(t, err)
	require.Equal(t, len(lines), result.Webhooks)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &value), line)
	return value
}

func TestNumbersKeepTheirShapeAndCountry(t *testing.T) {
	t.Parallel()
	texts := []string{
		"+48 501-502-503", "48501502503", "501502503", "+49 30 123456", "112233", "301", "302", "0048223000001", "48000000007",
	}
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = `{"event_name":"dialog_create","self_target":"` + text + `"}`
	}
	digits := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, text)
	}
	var out []string
	for i, line := range run(t, "k", lines...) {
		got, ok := decode(t, line)["self_target"].(string)
		require.True(t, ok)
		require.NotEqual(t, texts[i], got)
		require.Equal(t, strings.Map(blank, texts[i]), strings.Map(blank, got), "the form")
		was, is := correlate.E164(texts[i], "PL"), correlate.E164(got, "PL")
		require.Equal(t, was == "", is == "", "%s became %s", texts[i], got)
		if was != "" {
			require.Equal(t, was[:5], is[:5], "country and kind")
		}
		out = append(out, got)
	}
	require.Equal(t, digits(out[0]), digits(out[1]), "one number, written in two ways")
	require.True(t, strings.HasSuffix(digits(out[0]), out[2]), "and in a third")
	require.NotEqual(t, out[5], out[6])
	require.Equal(t, byte('3'), out[5][0])
}

func blank(r rune) rune {
	if r >= '0' && r <= '9' {
		return '0'
	}
	return r
}

func TestTheSameStandsForTheSame(t *testing.T) {
	t.Parallel()
	line := `{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` + uuid +
		`","self_name":"Jan Kot","peer_name":"48501502503","peer_target":"48501502503","peer_username":"JKOT",` +
		`"caller_contact_address":"jkot","callee_contact_address":"48xxxxxxxxx","to_display_name":"Jan Kot",` +
		`"initial_application_info":{"data":{"caller_dialog_uuid":"` + strings.ToUpper(uuid) + `","id":7,"contact_try":2}},` +
		`"project":{"id":"p-9","name":"Tajny projekt"},"tenant_user":{"id":41,"username":"jkot"},"self_target":""}`
	got := decode(t, run(t, "k", line)[0])
	id, ok := dialog.ParseUUID(got["dialog_uuid"].(string))
	require.True(t, ok)
	require.NotEqual(t, uuid, id)
	info := got["initial_application_info"].(map[string]any)["data"].(map[string]any)
	require.Equal(t, strings.ToUpper(id), info["caller_dialog_uuid"])
	require.InDelta(t, 1, info["id"], 0)
	require.InDelta(t, 2, info["contact_try"], 0)
	require.Equal(t, "Person 1", got["self_name"])
	require.Equal(t, "Person 1", got["to_display_name"])
	require.Equal(t, got["peer_target"], got["peer_name"])
	require.Equal(t, "user1", got["peer_username"])
	require.Equal(t, "user1", got["caller_contact_address"])
	require.Equal(t, "48xxxxxxxxx", got["callee_contact_address"])
	require.Equal(t, map[string]any{"id": "project-1", "name": "Project 1"}, got["project"])
	require.Equal(t, map[string]any{"id": 1., "username": "user1"}, got["tenant_user"])
	require.Equal(t, "2026-01-15 10:00:00", got["event_time"])
	require.Empty(t, got["self_target"])

	first, again, other := run(t, "k", line), run(t, "k", line), run(t, "another", line)
	require.Equal(t, first, again, "the key decides")
	require.NotEqual(t, first, other)
}

func TestWhatIsNotKnownGoes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"event_name":"crm","data":{"phone":"48501502503","id":"c"},"url":"https://example.com/jan"}`: `{"event_name":"crm","data":{"id":"case-1"}}`,
		`{"event_name":"Jan Kot called","state":"jan.kot@example.com","self_name":{"first":"Jan"}}`:    `{"event_name":"scrubbed-1","state":"scrubbed-2","self_name":{}}`,
		`{"direction":["Jan"],"media":["audio",{"a":"Jan"}],"project":17,"tenant_user":"Jan Kot"}`:     `{"direction":[],"media":["audio"],"project":0,"tenant_user":"scrubbed"}`,
		`{"event_time":"on Jan's birthday","dialog_uuid":"Jan"}`:                                       `{"event_time":"scrubbed: not a time","dialog_uuid":"scrubbed: not a UUID"}`,
		`{"peer_target":"sip:jan@example.com","self_name":null,"missing":false}`:                       `{"peer_target":"user1","self_name":null}`,
		`no JSON, Jan`: `scrubbed: not JSON`,
		`["Jan"]`:      `["scrubbed: not an object"]`,
		`{"received_at":"2026-01-15T10:00:00.25Z","account":"jan","headers":{"Authorization":"Bearer jan"},"body":"Jan"}`: `{"received_at":"2026-01-15T10:00:00.25Z","body":"scrubbed: not JSON"}`,
		`{"received_at":"2026-01-15T10:00:00Z","body_base64":"/w=="}`:                                                     `{"received_at":"2026-01-15T10:00:00Z","body":"scrubbed: not JSON"}`,
	} {
		require.Equal(t, []string{want}, run(t, "k", line))
	}
	lines := run(t, "k", `{"received_at":"2026-01-15T10:00:00Z","account":"jan","body":{}}`,
		`{"received_at":"2026-01-15T10:00:00Z","account":"ola","body":{}}`)
	require.Contains(t, lines[0], `"account":"account-1"`)
	require.Contains(t, lines[1], `"account":"account-2"`)
}

// What stands where the PBX's own words belong stays only if it is one, or can be taken for one that is new.
func TestOnlyThePBXsWordsStay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"HANGUP": "", "no_answer": "", " USER_BUSY ": "", "dialog_create": "", "Talking": "", "EXTERNAL_INBOUND_CALL": "",
		"NEW_CAUSE_4711": "", "Q850": "",
		"TEL 501 502 503": "scrubbed-1", "NUMER 48501502503": "scrubbed-1", "x48501502503": "scrubbed-1", "TEL_501_502_503": "scrubbed-1",
		"JAN KOTOWSKI": "scrubbed-1", "NOWAK-KOTOWSKA": "scrubbed-1", "Jan Kotowski": "scrubbed-1", "NIE ODBIERA": "scrubbed-1",
		"48501502503": "scrubbed-1", "jan.kotowski@example.com": "scrubbed-1", "Łucja": "scrubbed-1",
	} {
		if want == "" {
			want = text
		}
		for _, member := range []string{"close_cause", "event_type", "event_name", "state", "dialog_type", "initial_link_type"} {
			require.Equal(t, []string{fmt.Sprintf(`{%q:%q}`, member, want)}, run(t, "k", fmt.Sprintf(`{%q:%q}`, member, text)))
		}
	}
	require.Equal(t, []string{
		`{"close_cause":"scrubbed-1"}`, `{"close_cause":"scrubbed-2"}`, `{"close_cause":"scrubbed-1","media":["audio","scrubbed-1"]}`,
	}, run(t, "k", `{"close_cause":"JAN KOT"}`, `{"close_cause":"OLA KOT"}`, `{"close_cause":"Jan Kot","media":["audio","jan kot"]}`))
}

// Whatever package dialog reads of a webhook survives a scrub.
func TestEveryFieldIsKnown(t *testing.T) {
	t.Parallel()
	for field := range dialog.FieldCount {
		value := `"7"`
		if field == dialog.CallerDialogUUID {
			value = `"` + uuid + `"`
		}
		parts := strings.Split(field.String(), ".")
		inner := `"` + parts[len(parts)-1] + `":` + value
		for i := len(parts) - 2; i >= 0; i-- {
			inner = `"` + parts[i] + `":{` + inner + `}`
		}
		line := `{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"b9fdc531-f70f-5c41-9c59-c718fb8e4dd5",` +
			inner + `}`
		webhook, err := dialog.Decode([]byte(run(t, "k", line)[0]))
		require.NoError(t, err)
		require.NotEmpty(t, webhook.Told[field], field.String())
	}
}

// Webhooks that contradict one another within a second keep the order of their hashes, and UUIDs that of theirs.
func TestTheOrderThatDecidesTiesIsKept(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, name := range []string{"Ada", "Ben", "Cyd", "Dan", "Eva", "Fay"} {
		lines = append(lines, `{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"`+uuid+
			`","self_name":"`+name+`"}`)
	}
	scrubbed := run(t, "k", lines...)
	for i := range lines {
		for j := range lines {
			a, b := hash(t, lines[i]), hash(t, lines[j])
			c, d := hash(t, scrubbed[i]), hash(t, scrubbed[j])
			require.Equal(t, bytes.Compare(a, b), bytes.Compare(c, d))
		}
	}
}

func hash(t *testing.T, line string) []byte {
	t.Helper()
	webhook, err := dialog.Decode([]byte(line))
	require.NoError(t, err)
	return webhook.SHA256[:]
}
