package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// The recorded calls that end missed, and the URN of the customer.
var missedCalls = []struct{ scenario, urn string }{
	{"bot_then_abandoned", "tel:+48503430333"},
	{"inbound_abandoned_in_queue", "tel:+48502200103"},
	{"inbound_abandoned_while_ringing", "tel:+48503200104"},
	{"inbound_no_answer", "tel:48xxxxxxxxx"},
	{"inbound_rejected_then_abandoned", "tel:+48506200108"},
	{"inbound_ring_all_caller_left", "tel:48xxxxxxxxx"}, // the same masked number, so the same contact
	{"system_leg_only", "tel:+48505440444"},
}

// callUUIDs are the calls of missedCalls.
func callUUIDs(t *testing.T) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, missed := range missedCalls {
		data := read(t, "../"+missed.scenario+"/call.json")
		ids[missed.scenario] = regexp.MustCompile(`"call_uuid": *"([^"]+)"`).FindStringSubmatch(data)[1]
	}
	return ids
}

// postScenario posts the webhooks of a scenario in their order, each pair of texts exchanged.
func postScenario(t *testing.T, s *service, scenario string, exchanged ...string) {
	t.Helper()
	text := strings.NewReplacer(exchanged...).Replace(read(t, "../"+scenario+"/webhooks.ndjson"))
	for body := range strings.Lines(text) {
		post(t, s, strings.TrimSpace(body))
	}
}

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// anew gives texts to exchange that make a scenario another call: other legs, another number and another day.
func anew(t *testing.T, scenario, number, newNumber, day, newDay string) []string {
	t.Helper()
	exchanged := []string{number, newNumber, day + " ", newDay + " "}
	for _, id := range anyUUID.FindAllString(read(t, "../"+scenario+"/webhooks.ndjson"), -1) {
		exchanged = append(exchanged, id, uuid.NewSHA1(uuid.NameSpaceURL, []byte(id+newNumber+newDay)).String())
	}
	return exchanged
}

const missedCallFile = "handlers/missed-call.yaml"

// shortened gives a file like another one, with its delay shortened so that a test can wait for it. That is the only
// thing that is changed.
func shortened(t *testing.T, text, delay, short string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, "after: "+delay), "%s", text)
	path := filepath.Join(t.TempDir(), "handlers.yaml")
	text = strings.Replace(text, "after: "+delay, "after: "+short, 1)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// After the delay the SMS and the session come, once for each customer.
func TestAMissedCallLeadsToAnSMSAndASession(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T) string { t.Helper(); return shortened(t, read(t, "../"+missedCallFile), "5m", "1s") }
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		missedCallsLeadToSessions(t, handled(t, file(t)))
	})
	t.Run("Postgres, two services that get every other webhook", func(t *testing.T) {
		t.Parallel()
		environ := []string{"WEBHOOKD_DATABASE_URL=" + pgtest.URL(t), "WEBHOOKD_NATS_URL=" + startNATS(t)}
		missedCallsLeadToSessions(t, handledIn(t, environ, file(t)), handledIn(t, environ, file(t)))
	})
}

// missedCallsLeadToSessions posts the missed calls to services of one installation in turns.
func missedCallsLeadToSessions(t *testing.T, services ...*service) {
	t.Helper()
	s := services[0]
	turn := 0
	for _, missed := range missedCalls {
		for body := range strings.Lines(read(t, "../"+missed.scenario+"/webhooks.ndjson")) {
			post(t, services[turn%len(services)], strings.TrimSpace(body))
			turn++
		}
	}
	// Seven missed calls of six customers: once_per holds the second call from the masked number back.
	all := streamed(t, s, "six sessions and seven settled calls", func(seen []message) bool {
		return count(seen, "session_triggered") == 6 && count(seen, "call_settled") == 7
	})
	require.Len(t, actions(all), 12)
	require.Len(t, triggersOf(t, s, "missed-call"), 6)

	ids := callUUIDs(t)
	for _, missed := range missedCalls {
		if missed.scenario == "inbound_ring_all_caller_left" {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(all), func(m message) bool { return m.Data.Call.CallUUID != ids[missed.scenario] })
		became := slices.IndexFunc(own, func(m message) bool { return m.Type == "call_missed" })
		did := actions(own)
		require.Equal(t, []string{"msg_created", "session_triggered"}, typesOf(did))
		require.Equal(t, "msg_created", actions(own[became:])[0].Type, "what a call triggers comes after its event")

		sms, session := did[0].values(t)["msg"].(map[string]any), did[1].values(t)
		require.Equal(t, missed.urn, sms["urn"])
		require.Equal(t, "We are sorry to have missed your call. We will call you back.", sms["text"])
		require.Equal(t, []any{missed.urn}, session["urns"])
		require.Equal(t, map[string]any{"uuid": "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d", "name": "Callback"}, session["flow"])
		require.Equal(t, map[string]any{
			"parent_uuid": own[became].UUID, "ancestors": 0.0, "ancestors_since_input": 0.0,
		}, session["history"])

		trigger := triggerOf(t, s, ids[missed.scenario])
		require.Equal(t, "done", trigger.State)
		require.False(t, trigger.EndedAt.Before(*trigger.FireAt), "it fires when its time has come")
		require.LessOrEqual(t, trigger.FireAt.Sub(trigger.CreatedAt), time.Second, "the delay counts from the arrival")
		for i, m := range did {
			require.Equal(t, trigger.UUID, m.Data.Trigger.UUID)
			require.Equal(t, own[became].UUID, m.Data.Trigger.EventUUID)
			require.Equal(t, i+1, m.Data.Trigger.Action)
			require.Equal(t, 1, m.Data.Trigger.Depth)
			require.Equal(t, trigger.EndedAt.Truncate(time.Second), m.CreatedOn)
		}
	}
	requireResults(t, all, ids["bot_then_abandoned"], map[string]string{
		"call_uuid": ids["bot_then_abandoned"], "event_type": "call_missed", "direction": "inbound",
		"disposition": "abandoned", "hangup_by": "external", "missed": "true", "connected": "false",
		"talk_seconds": "0", "wait_seconds": "45", "external_number": "+48503430333", "external_name": "Irena Wilk",
		"project_id": "3", "project_name": "Infolinia",
	})
}

// requireResults holds the results of the session that a call started against what they must be.
func requireResults(t *testing.T, all []message, callUUID string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, m := range actions(all) {
		if m.Type != "session_triggered" || m.Data.Call.CallUUID != callUUID {
			continue
		}
		summary, ok := m.values(t)["run_summary"].(map[string]any)
		require.True(t, ok)
		results, ok := summary["results"].(map[string]any)
		require.True(t, ok)
		for key, result := range results {
			values, ok := result.(map[string]any)
			require.True(t, ok)
			require.Equal(t, key, values["name"])
			got[key], ok = values["value"].(string)
			require.True(t, ok)
		}
	}
	require.Equal(t, want, got)
}

// triggerOf gives the one trigger of a call that the missed-call handler made.
func triggerOf(t *testing.T, s *service, callUUID string) triggered {
	t.Helper()
	var found []triggered
	for _, one := range triggersOf(t, s, "missed-call") {
		if one.CallUUID != nil && *one.CallUUID == callUUID {
			found = append(found, one)
		}
	}
	require.Len(t, found, 1, "of call %s", callUUID)
	return found[0]
}

// Whoever was spoken to since gets nothing, whoever spoke first and in whatever order that becomes known.
func TestACallBackCallsTheSMSOff(t *testing.T) {
	t.Parallel()
	s := handled(t, fixture(t, "../"+missedCallFile))
	called := func(number, day string) {
		const scenario = "outbound_consultant_hangs_up"
		postScenario(t, s, scenario, anew(t, scenario, "48xxxxxxxxx", number, "2026-02-10", day)...)
	}
	for _, missed := range missedCalls {
		postScenario(t, s, missed.scenario)
	}
	state := func(scenario string) string { return triggerOf(t, s, callUUIDs(t)[scenario]).State }
	for _, missed := range missedCalls {
		if missed.scenario != "inbound_ring_all_caller_left" {
			require.Equal(t, "pending", state(missed.scenario))
		}
	}
	// A consultant calls the customer back, and the customer answers.
	called("+48502200103", "2026-06-30")
	require.Equal(t, "cancelled", state("inbound_abandoned_in_queue"))
	// A consultant calls back in vain.
	const vain = "outbound_no_answer"
	postScenario(t, s, vain, anew(t, vain, "48xxxxxxxxx", "+48503200104", "2026-02-03", "2026-06-30")...)
	require.Equal(t, "pending", state("inbound_abandoned_while_ringing"))
	// The customer calls again and is answered.
	const again = "inbound_answered"
	postScenario(t, s, again, anew(t, again, "48501200101", "48505440444", "2026-02-02", "2026-06-30")...)
	require.Equal(t, "cancelled", state("system_leg_only"))
	// What becomes known of a conversation that was before the missed call changes nothing.
	called("+48506200108", "2026-01-30")
	require.Equal(t, "pending", state("inbound_rejected_then_abandoned"))
	// A call counts as missed, and is then answered after all.
	postScenario(t, s, "unseen_parent")
	// The conversation is known before the missed call that was before it.
	called("+48501999001", "2026-06-30")
	const before = "inbound_abandoned_in_queue"
	postScenario(t, s, before, anew(t, before, "+48502200103", "+48501999001", "2026-02-02", "2026-06-29")...)

	states := map[string]int{}
	for _, one := range triggersOf(t, s, "missed-call") {
		states[one.State]++
		wait := one.FireAt.Sub(one.CreatedAt)
		require.LessOrEqual(t, wait, 5*time.Minute)
		require.Greater(t, wait, 5*time.Minute-patience, "the handler is as it stands")
	}
	require.Equal(t, map[string]int{"pending": 4, "cancelled": 4}, states)
	// Only a pending trigger ever does anything, and none of these has; so nothing can have been published.
	all := streamed(t, s, "the end of fourteen calls", func(seen []message) bool { return count(seen, "call_settled") == 14 })
	require.Empty(t, actions(all))
}
