package goflowtest_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow/goflowtest"
)

const (
	id      = "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"
	ref     = `{"uuid":"` + id + `","name":"A"}`
	call    = `{"event_data":{"seq":1,"late":false,"call":{}}}`
	action  = `{"event_data":{"trigger":` + trigger + `}}`
	trigger = `{"uuid":"` + id + `","handler":"a","action":1,"event_uuid":"` + id + `","event_type":"call_missed",` +
		`"transaction_id":null,"depth":1}`
	message = `"text":"a","attachments":["image/jpeg:https://example.com/a.jpg"],"quick_replies":["b"]`
)

// good has an event of every type, without the keys that all have.
var good = map[string]string{
	"dialog_ringing": call, "dialog_alerting": call, "dialog_answered": call, "dialog_talking": call,
	"dialog_closed": call, "dialog_held": call, "dialog_resumed": call, "dialog_meeting_entered": call,
	"call_started": call, "call_alerting": call, "call_answered": call, "call_talking": call, "call_transferred": call,
	"call_merged": call, "call_ended": call, "call_reopened": call, "call_settled": call,
	"call_received": with(call, `{"call":{"uuid":"`+id+`","urn":"tel:48xxxxxxxxx","channel":`+ref+`}}`),
	"call_created":  with(call, `{"call":{"uuid":"`+id+`","urn":"ext:pkowalski","channel":`+ref+`}}`),
	"call_missed":   with(call, `{"channel":`+ref+`}`),
	"dial_wait": with(call, `{"urn":"tel:+48501502503","dial_limit_seconds":600,"call_limit_seconds":14400,
		"expires_on":"2026-01-02T03:04:05Z"}`),
	"dial_ended": with(call, `{"dial":{"status":"answered","duration":8}}`),
	"session_triggered": with(action, `{"flow":`+ref+`,"urns":["tel:+48501502503"],"contacts":[`+ref+`],"groups":[`+ref+`],
		"contact_query":"age > 10","create_contact":false,"exclusions":{"in_a_flow":true},
		"history":{"parent_uuid":"`+id+`","ancestors":1,"ancestors_since_input":1},
		"run_summary":{"uuid":"`+id+`","flow":`+ref+`,"status":"completed",
			"contact":{"uuid":"`+id+`","created_on":"2026-01-02T03:04:05Z"},
			"results":{"a":{"name":"A","value":"","category":"","node_uuid":"`+id+`","created_on":"2026-01-02T03:04:05Z"}}}}`),
	"flow_entered":       with(action, `{"flow":`+ref+`,"parent_run_uuid":"`+id+`","terminal":false}`),
	"msg_created":        with(action, `{"msg":{"uuid":"`+id+`","channel":`+ref+`,"urn":"tel:112",`+message+`}}`),
	"broadcast_created":  with(action, `{"translations":{"pol":{`+message+`}},"base_language":"pol","urns":[],"contacts":[],"groups":[`+ref+`]}`),
	"email_sent":         with(action, `{"to":["a@example.com"],"subject":"a","body":""}`),
	"webhook_called":     with(action, `{"url":"https://example.com","status":"success","status_code":200,"elapsed_ms":1,"retries":0,"request":"","response":"","extraction":"none"}`),
	"resthook_called":    with(action, `{"resthook":"a","payload":{}}`),
	"run_result_changed": with(action, `{"name":"a","value":"","category":"","input":""}`),

	"contact_field_changed":    with(action, `{"field":{"key":"a","name":"A"},"value":{"text":"b"}}`),
	"contact_groups_changed":   with(action, `{"groups_added":[`+ref+`],"groups_removed":[]}`),
	"contact_name_changed":     with(action, `{"name":""}`),
	"contact_language_changed": with(action, `{"language":"pol"}`),
	"contact_timezone_changed": with(action, `{"timezone":"Europe/Warsaw"}`),
	"contact_status_changed":   with(action, `{"status":"blocked"}`),
	"contact_urns_changed":     with(action, `{"urns":["tel:+48501502503?channel=`+id+`","mailto:a@example.com"]}`),
	"input_labels_added":       with(action, `{"input_uuid":"`+id+`","labels":[`+ref+`]}`),
	"error":                    with(action, `{"text":"a"}`),
	"failure":                  with(action, `{"text":"a"}`),
	"warning":                  with(action, `{"text":"a"}`),
}

// with puts the members of a JSON object into another.
func with(object, members string) string {
	var values map[string]any
	for _, text := range []string{object, members} {
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			panic(err)
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func body(kind string) string {
	return with(good[kind], `{"uuid":"`+id+`","type":"`+kind+`","event_type":"`+kind+`","created_on":"2026-01-02T03:04:05Z",
		"account_key":"default","conversation_type":"pbx_project","conversation_key":""}`)
}

func TestGoodEventsAreTaken(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, goflowtest.Types(), slices.Collect(maps.Keys(good)))
	for kind := range good {
		require.NoError(t, goflowtest.Check([]byte(body(kind))), kind)
	}
}

// Every rule refuses what it is there for. A change is the path of a value and the JSON that takes its place; without any
// it is taken away.
func TestEveryRuleRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, change, want string }{
		{"call_ended", `uuid`, "uuid is missing"},
		{"call_ended", `uuid=7`, "uuid is no text"},
		{"call_ended", `uuid="c2b19c63-f17b-4726-b3a1"`, "no real UUID"},
		{"call_ended", `uuid="00000000-0000-0000-0000-000000000000"`, "no real UUID"},
		{"call_ended", `type`, "type is missing"},
		{"call_ended", `type="call_endet"`, `"call_endet" is not known`},
		{"call_ended", `event_type="call_started"`, `event_type is "call_started", but type is "call_ended"`},
		{"call_ended", `event_type`, "event_type is missing"},
		{"call_ended", `created_on="2026-01-02 03:04:05"`, "created_on is no time"},
		{"call_ended", `created_on="2026-01-02T03:04:05"`, "created_on is no time"},
		{"call_ended", `created_on=null`, "created_on is no"},
		{"call_ended", `step_uuid="` + id + `"`, "step_uuid must not be there"},
		{"call_ended", `account_key`, "account_key is missing"},
		{"call_ended", `account_key=""`, "account_key is empty"},
		{"call_ended", `conversation_type="call"`, "conversation_type is"},
		{"call_ended", `conversation_key=null`, "conversation_key is no text"},
		{"call_ended", `event_data`, "event_data is missing"},
		{"call_ended", `event_data=[]`, "event_data is no object"},
		{"call_ended", `event_data.seq=0`, "event_data.seq is no whole number"},
		{"call_ended", `event_data.late`, "event_data.late is missing"},
		{"call_ended", `event_data.call`, "event_data.call is missing"},
		{"error", `event_data.seq=1`, "event_data.seq must not be there"},
		{"error", `event_data.trigger.uuid="a"`, "event_data.trigger.uuid is"},
		{"error", `event_data.trigger.handler=""`, "event_data.trigger.handler is empty"},
		{"error", `event_data.trigger.action=-1`, "event_data.trigger.action is"},
		{"error", `event_data.trigger.event_uuid="a"`, "event_data.trigger.event_uuid is"},
		{"error", `event_data.trigger.event_type`, "event_data.trigger.event_type is missing"},
		{"error", `event_data.trigger.transaction_id`, "event_data.trigger.transaction_id is missing"},
		{"error", `event_data.trigger.transaction_id=""`, "event_data.trigger.transaction_id is empty"},
		{"error", `event_data.trigger.depth=0`, "event_data.trigger.depth is"},

		{"call_received", `call`, "call is missing"},
		{"call_received", `call.uuid="a"`, "call.uuid is"},
		{"call_received", `call.urn="sip:a@example.com"`, "call.urn is no URN"},
		{"call_received", `call.urn="+48501502503"`, "call.urn is no URN"},
		{"call_created", `call.urn="tel:+48xxxxxxxxx"`, "call.urn is no URN"},
		{"call_created", `call.urn="tel:"`, "call.urn is no URN"},
		{"call_created", `call.channel.uuid="1"`, "call.channel.uuid is"},
		{"call_created", `call.channel.name=null`, "call.channel.name is no text"},
		{"call_missed", `channel`, "channel is missing"},
		{"dial_wait", `urn="tel:a b"`, "urn is no URN"},
		{"dial_wait", `dial_limit_seconds="600"`, "dial_limit_seconds is no whole number"},
		{"dial_wait", `call_limit_seconds`, "call_limit_seconds is missing"},
		{"dial_wait", `expires_on="soon"`, "expires_on is no time"},
		{"dial_ended", `dial`, "dial is missing"},
		{"dial_ended", `dial.status="rejected"`, "dial.status is"},
		{"dial_ended", `dial.duration=-1`, "dial.duration is no whole number"},
		{"dial_ended", `dial.duration=1.5`, "dial.duration is no whole number"},

		{"session_triggered", `flow`, "flow is missing"},
		{"session_triggered", `flow.uuid="callback"`, "flow.uuid is"},
		{"session_triggered", `urns=["48501502503"]`, "urns[0]"},
		{"session_triggered", `urns=null`, "urns is no list"},
		{"session_triggered", `contacts=[{"name":"a"}]`, "contacts[0].uuid is missing"},
		{"session_triggered", `groups=["a"]`, "groups[0] is no object"},
		{"session_triggered", `contact_query=""`, "contact_query is empty"},
		{"session_triggered", `create_contact="yes"`, "create_contact is neither"},
		{"session_triggered", `exclusions.in_a_flow`, "exclusions.in_a_flow is missing"},
		{"session_triggered", `history`, "history is missing"},
		{"session_triggered", `history.parent_uuid="a"`, "history.parent_uuid is"},
		{"session_triggered", `history.ancestors=-1`, "history.ancestors is"},
		{"session_triggered", `history.ancestors_since_input`, "history.ancestors_since_input is missing"},
		{"session_triggered", `run_summary=null`, "run_summary is no object"},
		{"session_triggered", `run_summary={}`, "run_summary.uuid is missing"},
		{"session_triggered", `run_summary.flow`, "run_summary.flow is missing"},
		{"session_triggered", `run_summary.status="done"`, "run_summary.status is"},
		{"session_triggered", `run_summary.contact={}`, "run_summary.contact.uuid is missing"},
		{"session_triggered", `run_summary.results`, "run_summary.results is missing"},
		{"session_triggered", `run_summary.results.a.name=""`, "run_summary.results.a.name is empty"},
		{"session_triggered", `run_summary.results.a.value=1`, "run_summary.results.a.value is no text"},
		{"session_triggered", `run_summary.results.a.category`, "run_summary.results.a.category is missing"},
		{"session_triggered", `run_summary.results.a.node_uuid="a"`, "run_summary.results.a.node_uuid is"},
		{"session_triggered", `run_summary.results.a.created_on="2026-01-02"`, "run_summary.results.a.created_on is no time"},
		{"flow_entered", `parent_run_uuid="a"`, "parent_run_uuid is"},
		{"flow_entered", `terminal`, "terminal is missing"},
		{"msg_created", `msg`, "msg is missing"},
		{"msg_created", `msg.uuid="a"`, "msg.uuid is"},
		{"msg_created", `msg.channel`, "msg.channel is missing"},
		{"msg_created", `msg.urn="48501502503"`, "msg.urn is no URN"},
		{"msg_created", `msg.attachments=["a.jpg"]`, "msg.attachments[0]"},
		{"msg_created", `msg.quick_replies=[""]`, "msg.quick_replies[0]"},
		{"broadcast_created", `translations={}`, "translations have nothing in the base language"},
		{"broadcast_created", `translations.pol.text`, "translations.pol.text is missing"},
		{"broadcast_created", `base_language="polski"`, "base_language is"},
		{"broadcast_created", `groups=[]`, "nobody else is named"},
		{"email_sent", `to=[]`, "to is empty"},
		{"email_sent", `subject=""`, "subject is empty"},
		{"email_sent", `body`, "body is missing"},
		{"webhook_called", `url=""`, "url is empty"},
		{"webhook_called", `status="ok"`, "status is"},
		{"webhook_called", `status_code`, "status_code is missing"},
		{"webhook_called", `elapsed_ms=1.5`, "elapsed_ms is"},
		{"webhook_called", `retries=-1`, "retries is"},
		{"webhook_called", `request`, "request is missing"},
		{"webhook_called", `response=null`, "response is no text"},
		{"webhook_called", `extraction`, "extraction is missing"},
		{"resthook_called", `resthook=""`, "resthook is empty"},
		{"resthook_called", `payload="{}"`, "payload is no object"},
		{"run_result_changed", `name=""`, "name is empty"},
		{"run_result_changed", `value=200`, "value is no text"},
		{"run_result_changed", `category`, "category is missing"},
		{"run_result_changed", `input=7`, "input is no text"},
		{"contact_field_changed", `field.key=""`, "field.key is empty"},
		{"contact_field_changed", `value`, "value is missing"},
		{"contact_field_changed", `value="b"`, "value is no object"},
		{"contact_field_changed", `value.text=""`, "value.text is empty"},
		{"contact_groups_changed", `groups_added=null`, "groups_added is no list"},
		{"contact_groups_changed", `groups_removed`, "groups_removed is missing"},
		{"contact_name_changed", `name`, "name is missing"},
		{"contact_language_changed", `language="pl"`, "language is"},
		{"contact_timezone_changed", `timezone=1`, "timezone is no text"},
		{"contact_status_changed", `status="away"`, "status is"},
		{"contact_urns_changed", `urns=["fax:1"]`, "urns[0]"},
		{"input_labels_added", `input_uuid="a"`, "input_uuid is"},
		{"input_labels_added", `labels=[]`, "labels are empty"},
		{"error", `text=""`, "text is empty"},
		{"failure", `text`, "text is missing"},
		{"warning", `text=1`, "text is no text"},
	} {
		err := goflowtest.Check([]byte(changed(t, body(c.kind), c.change)))
		require.ErrorContains(t, err, c.want, "%s: %s", c.kind, c.change)
	}
	require.Error(t, goflowtest.Check([]byte(`[]`)))
}

func TestAMessageMayHaveNothingButAttachments(t *testing.T) {
	t.Parallel()
	empty := changed(t, body("msg_created"), `msg.text=""`)
	require.NoError(t, goflowtest.Check([]byte(empty)))
	require.ErrorContains(t, goflowtest.Check([]byte(changed(t, empty, `msg.attachments=[]`))), "msg.text is empty")
}

func TestASummaryMayBeLeftOut(t *testing.T) {
	t.Parallel()
	require.NoError(t, goflowtest.Check([]byte(changed(t, body("session_triggered"), `run_summary`))))
}

func TestSomebodyHasToBeNamed(t *testing.T) {
	t.Parallel()
	nobody := body("session_triggered")
	for _, change := range []string{`urns=[]`, `contacts=[]`, `groups=[]`, `contact_query`} {
		nobody = changed(t, nobody, change)
	}
	require.ErrorContains(t, goflowtest.Check([]byte(nobody)), "nobody else is named")
	require.NoError(t, goflowtest.Check([]byte(changed(t, nobody, `create_contact=true`))))
}

// changed sets or takes away one value.
func changed(t *testing.T, body, change string) string {
	t.Helper()
	var values map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &values))
	path, text, set := strings.Cut(change, "=")
	parts := strings.Split(path, ".")
	at := values
	for _, part := range parts[:len(parts)-1] {
		inner, ok := at[part].(map[string]any)
		require.True(t, ok, change)
		at = inner
	}
	last := parts[len(parts)-1]
	if set {
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value), change)
		at[last] = value
	} else {
		require.Contains(t, at, last, change)
		delete(at, last)
	}
	data, err := json.Marshal(values)
	require.NoError(t, err)
	return string(data)
}
