package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// The recipes of docs/triggers.md are run as they stand there. What a test exchanges it names: a delay that it has to
// wait for, and the address of somebody else's server.

// recipe is one of the document's recipes: its blocks as they stand.
type recipe struct {
	yaml    string
	curls   []string
	answers []string
}

func recipes(t *testing.T) []recipe {
	t.Helper()
	_, sections := triggersDocument(t)
	var all []recipe
	for _, section := range strings.Split(sections["Recipes"], "\n### ")[1:] {
		blocks := fenced(section, "yaml")
		require.Len(t, blocks, 1, section)
		all = append(all, recipe{blocks[0], fenced(section, "sh"), fenced(section, "json")})
	}
	require.Len(t, all, 5)
	return all
}

// file is the recipe as a file, as it stands but for the texts that are exchanged.
func (r recipe) file(t *testing.T, exchanged ...string) string {
	t.Helper()
	for i := 0; i < len(exchanged); i += 2 {
		require.Equal(t, 1, strings.Count(r.yaml, exchanged[i]), "%s in\n%s", exchanged[i], r.yaml)
	}
	path := filepath.Join(t.TempDir(), "handlers.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.NewReplacer(exchanged...).Replace(r.yaml)), 0o600))
	return path
}

var curlWord = regexp.MustCompile(`'([^']*)'|\S+`)

// curl does what a command of the document asks curl to do, at the service instead of the usual address. It knows the
// few options that the document uses.
func curl(t *testing.T, s *service, command string) string {
	t.Helper()
	command = strings.ReplaceAll(command, "\\\n", " ")
	command = strings.ReplaceAll(command, "http://127.0.0.1:8080", "http://"+s.HTTP)
	var words []string
	for _, match := range curlWord.FindAllStringSubmatch(command, -1) {
		word := match[0]
		if strings.HasPrefix(word, "'") {
			word = match[1]
		}
		words = append(words, word)
	}
	require.Equal(t, "curl", words[0])
	method, url, data, header := "", "", "", http.Header{}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			name, value, found := strings.Cut(words[i], ": ")
			require.True(t, found, words[i])
			header.Set(name, value)
		case "-d":
			i++
			data = words[i]
			header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl has it
		default:
			require.Empty(t, url, "curl %s", words[i])
			url = words[i]
		}
	}
	if method == "" {
		method = map[bool]string{true: http.MethodGet, false: http.MethodPost}[data == ""]
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(data))
	require.NoError(t, err)
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s", body)
	return string(body)
}

func one(t *testing.T, messages []message, eventType string) *message {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(messages), func(m message) bool { return m.Type != eventType })
	require.Len(t, found, 1, "%s among %v", eventType, typesOf(messages))
	return &found[0]
}

// Recipe 1.
func TestTheRecipeOfAMissedCall(t *testing.T) {
	t.Parallel()
	r := recipes(t)[0]
	const scenario = "inbound_abandoned_in_queue"
	again := func(number, day string) []string { return anew(t, scenario, "+48502200103", number, "2026-02-02", day) }

	s := handled(t, r.file(t, "5m", "1s"))
	postScenario(t, s, scenario)
	for _, day := range []string{"2026-02-03", "2026-02-04", "2026-02-05", "2026-02-06"} {
		postScenario(t, s, scenario, again("+48502200103", day)...)
	}
	all := streamed(t, s, "the session and five settled calls", func(seen []message) bool {
		return count(seen, "session_triggered") > 0 && count(seen, "call_settled") == 5
	})
	require.Equal(t, []string{"msg_created", "session_triggered"}, typesOf(actions(all)), "five missed calls in an hour are one SMS")
	require.Len(t, triggersOf(t, s, "missed-call"), 1)
	msg, ok := one(t, all, "msg_created").values(t)["msg"].(map[string]any)
	require.True(t, ok)
	// It began at 11:00 UTC on a winter's day.
	require.Equal(t, "We missed your call at 12:00. We will call you back.", msg["text"])
	require.Equal(t, "tel:+48502200103", msg["urn"])
	session := one(t, all, "session_triggered").values(t)
	require.Equal(t, []any{"tel:+48502200103"}, session["urns"])
	require.Equal(t, map[string]any{"uuid": "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d", "name": "Callback"}, session["flow"])

	s = handled(t, r.file(t))
	postScenario(t, s, scenario)
	postScenario(t, s, scenario, again("+48501999001", "2026-02-02")...)
	const back, second = "outbound_consultant_hangs_up", "inbound_answered"
	postScenario(t, s, back, anew(t, back, "48xxxxxxxxx", "+48502200103", "2026-02-10", "2026-02-03")...)
	postScenario(t, s, second, anew(t, second, "48501200101", "48501999001", "2026-02-02", "2026-02-03")...)
	calledOff := triggersOf(t, s, "missed-call")
	require.Len(t, calledOff, 2)
	for _, one := range calledOff {
		require.Equal(t, "cancelled", one.State)
		require.LessOrEqual(t, one.FireAt.Sub(one.CreatedAt), 5*time.Minute)
		require.Greater(t, one.FireAt.Sub(one.CreatedAt), 4*time.Minute)
	}
	all = streamed(t, s, "four settled calls", func(seen []message) bool { return count(seen, "call_settled") == 4 })
	require.Empty(t, actions(all))
}

// chat is the chat of recipe 2: it takes what is signed with the secret that the recipe names.
func chat(t *testing.T, secret string) (url string, told chan string) {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	told = make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		told <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, told
}

// Recipe 2.
func TestTheRecipeOfALongWait(t *testing.T) {
	t.Parallel()
	r := recipes(t)[1]
	secret := regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(r.yaml)[1]
	url, told := chat(t, secret)
	const local = "--callout-allow-private=127.0.0.0/8"
	s := handled(t, r.file(t, "60s", "1s", "https://chat.example.com", url), local)
	// The queue takes the call, and nobody else does.
	waiting := strings.SplitAfter(read(t, "../inbound_abandoned_in_queue/webhooks.ndjson"), "\n")
	for _, body := range waiting[:2] {
		post(t, s, strings.TrimSpace(body))
	}
	all := streamed(t, s, "the outcome", func(seen []message) bool { return count(seen, "run_result_changed") == 1 })
	require.Equal(t, []string{"webhook_called", "run_result_changed"}, typesOf(actions(all)))
	require.Equal(t, `POST /hooks/supervisors application/json `+
		`{"text":"Klient 103 (+48502200103) has been waiting for a minute."}`, <-told)
	called := one(t, all, "webhook_called").values(t)
	require.Equal(t, url+"/hooks/supervisors", called["url"])
	require.Equal(t, "success", called["status"])
	require.InDelta(t, 200, called["status_code"], 0)
	require.InDelta(t, 0, called["retries"], 0)
	require.Contains(t, called["request"], "Klient 103")
	require.NotContains(t, called["request"], strings.TrimPrefix(secret, "whsec_"))
	result := one(t, all, "run_result_changed").values(t)
	require.Equal(t, "Supervisor told", result["name"])
	require.Equal(t, "200", result["value"])
	require.Equal(t, "Success", result["category"])
	require.Equal(t, map[string]any{"ok": true}, result["extra"])

	s = handled(t, r.file(t, "https://chat.example.com", url), local)
	postScenario(t, s, "inbound_answered")
	postScenario(t, s, "inbound_abandoned_in_queue")
	states := triggersOf(t, s, "long-wait")
	require.Len(t, states, 2)
	for _, one := range states {
		require.Equal(t, "cancelled", one.State, "somebody takes the call, or the customer goes")
		require.LessOrEqual(t, one.FireAt.Sub(one.CreatedAt), time.Minute)
	}
	require.Empty(t, told)
}

// Recipe 3.
func TestTheRecipeOfASurvey(t *testing.T) {
	t.Parallel()
	s := handled(t, recipes(t)[2].file(t))
	postScenario(t, s, "inbound_answered")            // the customer hangs up after 149 s
	postScenario(t, s, "inbound_hangup_conflict")     // a consultant hangs up after 53 s
	postScenario(t, s, "inbound_abandoned_in_queue")  // nobody answers
	postScenario(t, s, "inbound_consultant_hangs_up") // the number is masked
	postScenario(t, s, "outbound_redial")             // less than a second of talk
	streamed(t, s, "five settled calls", func(seen []message) bool { return count(seen, "call_settled") == 5 })
	// A hold becomes known late: the record has a second revision.
	const answered, consultant = "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7", "b79c52eb-8000-4edc-b9d7-b4523a178225"
	post(t, s, `{"event_name":"dialog_hold","event_time":"2026-02-02 09:01:00","dialog_uuid":"`+consultant+`"}`)
	all := streamed(t, s, "the second revision and the sessions", func(seen []message) bool {
		return count(seen, "call_settled") == 6 && count(seen, "session_triggered") == 2
	})
	require.Equal(t, []string{"session_triggered", "session_triggered"}, typesOf(actions(all)))
	require.Len(t, triggersOf(t, s, "survey"), 2)
	for _, m := range actions(all) {
		session := m.values(t)
		require.Equal(t, map[string]any{"uuid": "5d2cb5b6-6a44-4f0c-9a1c-3a1f5e0d7c22", "name": "Survey"}, session["flow"])
	}
	requireResults(t, all, answered, map[string]string{
		"call_uuid": answered, "event_type": "call_settled", "direction": "inbound", "disposition": "answered",
		"hangup_by": "external", "missed": "false", "connected": "true", "talk_seconds": "149", "wait_seconds": "11",
		"external_number": "+48501200101", "external_name": "Jan Próbny", "project_id": "7",
		"project_name": "Infolinia Testowa",
	})
	hungUp := map[string]string{}
	for _, m := range actions(all) {
		results := m.values(t)["run_summary"].(map[string]any)["results"].(map[string]any)
		value := func(key string) string { return results[key].(map[string]any)["value"].(string) }
		hungUp[value("external_number")] = value("hangup_by") + " " + value("talk_seconds")
	}
	require.Equal(t, map[string]string{"+48501200101": "external 149", "+48507200110": "consultant 53"}, hungUp)
}

// Recipe 4.
func TestTheRecipeOfImportantCallers(t *testing.T) {
	t.Parallel()
	s := handled(t, recipes(t)[3].file(t))
	postScenario(t, s, "inbound_answered")           // one of the numbers
	postScenario(t, s, "inbound_abandoned_in_queue") // the other one; no telephone rings
	postScenario(t, s, "bot_then_abandoned")         // the project, which the first consultant's leg tells
	postScenario(t, s, "inbound_round_robin")        // neither
	all := streamed(t, s, "four settled calls", func(seen []message) bool { return count(seen, "call_settled") == 4 })
	told := map[string][]string{}
	for _, m := range actions(all) {
		number := m.Data.Call.External.Number
		told[number] = append(told[number], m.Data.Trigger.EventType+" "+m.Type)
		values := m.values(t)
		if m.Type == "contact_groups_changed" {
			require.Equal(t, []any{map[string]any{"uuid": "1e1ce1e1-9288-4504-869e-022d1003c72a", "name": "VIP"}}, values["groups_added"])
			require.Empty(t, values["groups_removed"])
			continue
		}
		require.Equal(t, map[string]any{"key": "last_vip_call", "name": "Last VIP call"}, values["field"])
		began := map[string]string{
			"48501200101": "2026-02-02T09:00:00Z", "+48502200103": "2026-02-02T11:00:00Z", "48503430333": "2026-04-08T13:30:00Z",
		}
		require.Equal(t, map[string]any{"text": began[number]}, values["value"])
	}
	require.Equal(t, map[string][]string{
		"48501200101":  {"call_received contact_field_changed", "call_received contact_groups_changed"},
		"+48502200103": {"call_received contact_field_changed", "call_received contact_groups_changed"},
		"48503430333":  {"call_alerting contact_field_changed", "call_alerting contact_groups_changed"},
	}, told)
}

// Recipe 5.
func TestTheRecipeOfACampaignCallback(t *testing.T) {
	t.Parallel()
	r := recipes(t)[4]
	require.Len(t, r.curls, 2)
	require.Len(t, r.answers, 2)
	const key = "--api-key=the-key-of-the-crm"
	s := handled(t, r.file(t), key)
	state := func() (states []string) {
		for _, one := range triggersOf(t, s, "campaign-callback") {
			states = append(states, one.State)
			require.Equal(t, 2*time.Hour, one.FireAt.Sub(one.CreatedAt))
		}
		return states
	}
	require.JSONEq(t, r.answers[0], curl(t, s, r.curls[0]))
	require.Equal(t, []string{"pending"}, state())
	require.JSONEq(t, r.answers[0], curl(t, s, r.curls[0]), "the same transaction is the same trigger")
	require.Equal(t, []string{"pending"}, state())
	require.JSONEq(t, r.answers[1], curl(t, s, r.curls[1]))
	require.Equal(t, []string{"cancelled"}, state())
	require.JSONEq(t, `{"data":false}`, curl(t, s, r.curls[1]))

	// Another case; and somebody talks with the customer, tomorrow.
	curl(t, s, strings.ReplaceAll(r.curls[0], "4711", "4712"))
	require.ElementsMatch(t, []string{"cancelled", "pending"}, state())
	const back = "outbound_consultant_hangs_up"
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	postScenario(t, s, back, anew(t, back, "48xxxxxxxxx", "+48501502503", "2026-02-10", tomorrow)...)
	require.Equal(t, []string{"cancelled", "cancelled"}, state())
	// Calls by themselves set nothing off, though they settle.
	all := streamed(t, s, "the settled call", func(seen []message) bool { return count(seen, "call_settled") == 1 })
	require.Empty(t, actions(all))
	require.Len(t, state(), 2)

	s = handled(t, r.file(t, "2h", "1s"), key)
	require.JSONEq(t, r.answers[0], curl(t, s, r.curls[0]))
	session := streamed(t, s, "the session", func(seen []message) bool { return len(seen) == 1 })[0]
	require.Equal(t, "session_triggered", session.Type)
	require.Equal(t, "case/4711", *session.Data.Trigger.TransactionID)
	require.Equal(t, "api", session.Data.Trigger.EventType)
	require.Empty(t, session.Data.Call.CallUUID)
	require.JSONEq(t, `{"case":4711,"campaign":"spring"}`, string(session.Data.Payload))
	require.Equal(t, session.Data.Trigger.UUID, session.header.Get("ce-subject"))
	values := session.values(t)
	require.Equal(t, []any{"tel:+48501502503"}, values["urns"])
	require.Equal(t, map[string]any{"uuid": "8b1f4a39-2f5e-4f7e-8d7e-0c2b6e5d9a11", "name": "Campaign callback"}, values["flow"])
	requireResults(t, []message{session}, "", map[string]string{"case": "4711", "campaign": "spring", "event_type": "api"})
}
