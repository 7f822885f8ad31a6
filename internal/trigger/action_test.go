package trigger_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

// v5 is the version-5 UUID, namespace URL, of a name: ids are worked out here from the names that the design gives.
func v5(name string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String() }

var channel = `{"uuid":"` + v5("webhookd:channel:default:") + `","name":""}`

// Every action makes its goflow event.
func TestActions(t *testing.T) {
	t.Parallel()
	const (
		ref    = `{"uuid":"` + flowUUID + `","name":"A"}`
		toFlow = `"flow":{"uuid":"` + flowUUID + `","name":"callback"}`
	)
	msg := func(n string) string { return v5("webhookd:msg:default:" + triggerID + ":" + n) }
	for name, c := range map[string]struct {
		on     *trigger.Occasion
		action string
		want   []string // type and keys
	}{
		"send_msg": {
			missed(t), `{"type":"send_msg","text":"Hello ${contact.name}","quick_replies":["Call me","${''}"]}`,
			[]string{`msg_created {"msg":{"uuid":"` + msg("1") + `","channel":` + channel + `,"urn":"tel:+48502200103",
				"text":"Hello Klient 103","attachments":[],"quick_replies":["Call me"]}}`},
		},
		"send_msg to all URNs": {
			asked(), `{"type":"send_msg","text":"","attachments":["image/png:https://example.com/${payload.order.id}.png"],"all_urns":true}`,
			[]string{
				`msg_created {"msg":{"uuid":"` + msg("1") + `","channel":` + channel + `,"urn":"tel:+48501502503",
					"text":"","attachments":["image/png:https://example.com/7.png"],"quick_replies":[]}}`,
				`msg_created {"msg":{"uuid":"` + msg("2") + `","channel":` + channel + `,"urn":"mailto:anna@example.com",
					"text":"","attachments":["image/png:https://example.com/7.png"],"quick_replies":[]}}`,
			},
		},
		"send_broadcast": {
			missed(t), `{"type":"send_broadcast","text":"${contact.number} called","urns":["tel:+48501502503","${''}"],"groups":[` + ref + `]}`,
			[]string{`broadcast_created {"translations":{"und":{"text":"+48502200103 called","attachments":[],"quick_replies":[]}},
				"base_language":"und","urns":["tel:+48501502503"],"contacts":[],"groups":[` + ref + `]}`},
		},
		"send_broadcast in a language": {
			missed(t), `{"type":"send_broadcast","text":"Dzwoni","contact_query":"city = ${contact.number}","base_language":"pol"}`,
			[]string{`broadcast_created {"translations":{"pol":{"text":"Dzwoni","attachments":[],"quick_replies":[]}},
				"base_language":"pol","urns":[],"contacts":[],"groups":[],"contact_query":"city = +48502200103"}`},
		},
		"send_email": {
			asked(), `{"type":"send_email","addresses":["${subscriber.email}"],"subject":"Order\n${payload.order.id}","body":"a\nb"}`,
			[]string{`email_sent {"to":["Anna@Example.com"],"subject":"Order 7","body":"a\nb"}`},
		},
		"start_flow": {
			missed(t), `{"type":"start_flow","flow":"callback","terminal":true}`,
			[]string{`flow_entered {` + toFlow + `,"parent_run_uuid":"` + v5("webhookd:run:default:"+triggerID) + `","terminal":true}`},
		},
		"set_contact_field": {
			missed(t), `{"type":"set_contact_field","field":{"key":"missed_on","name":"Missed on"},"value":"${call.ended_at}"}`,
			[]string{`contact_field_changed {"field":{"key":"missed_on","name":"Missed on"},"value":{"text":"2026-02-02T11:01:31Z"}}`},
		},
		"set_contact_field to nothing": {
			missed(t), `{"type":"set_contact_field","field":{"key":"hung_up"},"value":"${call.talking_at}"}`,
			[]string{`contact_field_changed {"field":{"key":"hung_up","name":"hung_up"},"value":null}`},
		},
		"set_contact_name": {
			asked(), `{"type":"set_contact_name","name":"${contact.name}"}`, []string{`contact_name_changed {"name":"Anna Nowak"}`},
		},
		"set_contact_language": {
			asked(), `{"type":"set_contact_language","language":"pol"}`, []string{`contact_language_changed {"language":"pol"}`},
		},
		"set_contact_timezone": {
			asked(), `{"type":"set_contact_timezone","timezone":"Europe/Warsaw"}`,
			[]string{`contact_timezone_changed {"timezone":"Europe/Warsaw"}`},
		},
		"set_contact_channel": {
			missed(t), `{"type":"set_contact_channel","channel":` + ref + `}`,
			[]string{`contact_urns_changed {"urns":["tel:+48502200103?channel=` + flowUUID + `"]}`},
		},
		"add_contact_groups": {
			missed(t), `{"type":"add_contact_groups","groups":[` + ref + `]}`,
			[]string{`contact_groups_changed {"groups_added":[` + ref + `],"groups_removed":[]}`},
		},
		"remove_contact_groups": {
			missed(t), `{"type":"remove_contact_groups","groups":[` + ref + `]}`,
			[]string{`contact_groups_changed {"groups_added":[],"groups_removed":[` + ref + `]}`},
		},
		"remove_contact_groups, all": {
			missed(t), `{"type":"remove_contact_groups","all_groups":true}`,
			[]string{`contact_groups_changed {"groups_added":[],"groups_removed":[],"all_groups":true}`},
		},
		"add_contact_urn": {
			missed(t), `{"type":"add_contact_urn","scheme":"mailto","path":"A@example.com"}`,
			[]string{`contact_urns_changed {"urns":["tel:+48502200103","mailto:a@example.com"]}`},
		},
		"add_contact_urn that is known": {
			missed(t), `{"type":"add_contact_urn","scheme":"tel","path":"+48 502 200 103"}`,
			[]string{`contact_urns_changed {"urns":["tel:+48502200103"]}`},
		},
		"add_contact_urn, external": {
			asked(), `{"type":"add_contact_urn","scheme":"ext","path":"${subscriber.id} b"}`,
			[]string{`contact_urns_changed {"urns":["tel:+48501502503","mailto:anna@example.com","ext:42%20b"]}`},
		},
		"add_input_labels": {
			missed(t), `{"type":"add_input_labels","labels":[` + ref + `]}`,
			[]string{`input_labels_added {"input_uuid":"` + missed(t).Event.UUID + `","labels":[` + ref + `]}`},
		},
		"set_run_result": {
			missed(t), `{"type":"set_run_result","name":"Waited","value":"${call.wait_ms / 1000}","category":"${call.wait_ms > 60000 ? 'long' : 'short'}"}`,
			[]string{`run_result_changed {"name":"Waited","value":"91","category":"long"}`},
		},
		"call_resthook of nobody": {
			asked(), `{"type":"call_resthook","resthook":"nobody","result_name":"Told"}`,
			[]string{
				`resthook_called {"resthook":"nobody","payload":{"account":"default","handler":"h","call":null,
					"event":{"uuid":"` + v5("webhookd:transaction:default:order 7") + `","type":"api","created_on":"2026-02-02T11:06:31Z"},
					"contact":{"urn":"tel:+48501502503","number":"+48501502503","name":"Anna Nowak"},
					"payload":{"order":{"id":7},"amount":12.5,"paid":true,"note":"a \"b\""}}}`,
				`run_result_changed {"name":"Told","value":"no subscribers","category":"Failure"}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fired := action(t, c.action).Fire(c.on, triggerID)
			require.Zero(t, fired.Failures)
			require.Empty(t, fired.Requests)
			made := bodies(t, c.on, fired.Events)
			require.Len(t, made, len(c.want))
			for i, want := range c.want {
				kind, own, _ := strings.Cut(want, " ")
				require.Equal(t, kind, made[i]["type"])
				require.JSONEq(t, own, keys(t, made[i]))
			}
		})
	}
}

// The session that a missed call starts: for the caller, and with what its flow reads as @parent.results.
func TestStartSession(t *testing.T) {
	t.Parallel()
	o := missed(t)
	fired := action(t, `{"type":"set_run_result","name":"My Mark","value":"a","category":"b"},
		{"type":"start_session","flow":{"uuid":"B7CF0D83-f1c9-411c-96fd-c511a4cfa86d","name":"Callback"}}`).Fire(o, triggerID)
	require.Len(t, fired.Events, 2)
	node := v5("webhookd:handler:h")
	made := func(name, value, category string) string {
		return `{"name":"` + name + `","value":"` + value + `","category":"` + category + `","node_uuid":"` + node +
			`","created_on":"2026-02-02T11:01:31Z"}`
	}
	require.JSONEq(t, `{
		"flow":{"uuid":"`+flowUUID+`","name":"Callback"},
		"urns":["tel:+48502200103"],"contacts":[],"groups":[],"exclusions":{"in_a_flow":false},"create_contact":false,
		"history":{"parent_uuid":"`+o.Event.UUID+`","ancestors":0,"ancestors_since_input":0},
		"run_summary":{"uuid":"`+v5("webhookd:run:default:"+triggerID)+`","flow":{"uuid":"`+node+`","name":"h"},
			"status":"completed","results":{
				"my_mark":`+made("My Mark", "a", "b")+`,
				"event_type":`+made("event_type", "call_missed", "call_missed")+`,
				"call_uuid":`+made("call_uuid", "c532b6e6-226f-4520-b637-1403ef4df269", "All Responses")+`,
				"direction":`+made("direction", "inbound", "inbound")+`,
				"disposition":`+made("disposition", "abandoned", "abandoned")+`,
				"hangup_by":`+made("hangup_by", "external", "external")+`,
				"missed":`+made("missed", "true", "true")+`,
				"connected":`+made("connected", "false", "false")+`,
				"talk_seconds":`+made("talk_seconds", "0", "All Responses")+`,
				"wait_seconds":`+made("wait_seconds", "91", "All Responses")+`,
				"external_number":`+made("external_number", "+48502200103", "All Responses")+`,
				"external_name":`+made("external_name", "Klient 103", "All Responses")+`,
				"project_id":`+made("project_id", "", "All Responses")+`,
				"project_name":`+made("project_name", "", "All Responses")+`
			}}}`, keys(t, bodies(t, o, fired.Events)[1]))
}

// Whoever is named for a session is in place of the caller; and what the API gave can be read by its flow.
func TestStartSessionForOthers(t *testing.T) {
	t.Parallel()
	session := func(o *trigger.Occasion, more string) map[string]any {
		fired := action(t, `{"type":"start_session","flow":"callback"`+more+`}`).Fire(o, triggerID)
		require.Len(t, fired.Events, 1)
		return bodies(t, o, fired.Events)[0]
	}
	ref := `{"uuid":"` + flowUUID + `","name":"A"}`
	body := session(missed(t), `,"urns":["tel:+48${'600700800'}"]`)
	require.Equal(t, []any{"tel:+48600700800"}, body["urns"])
	body = session(missed(t), `,"contacts":[`+ref+`],"groups":[`+ref+`],"contact_query":"a = b","exclusions":{"in_a_flow":true}`)
	require.Empty(t, body["urns"])
	require.Len(t, body["contacts"], 1)
	require.Len(t, body["groups"], 1)
	require.Equal(t, "a = b", body["contact_query"])
	require.Equal(t, map[string]any{"in_a_flow": true}, body["exclusions"])
	body = session(missed(t), `,"create_contact":true`)
	require.Empty(t, body["urns"])
	require.Equal(t, true, body["create_contact"])

	body = session(asked(), "")
	require.Equal(t, []any{"tel:+48501502503"}, body["urns"])
	summary, ok := body["run_summary"].(map[string]any)
	require.True(t, ok)
	results, ok := summary["results"].(map[string]any)
	require.True(t, ok)
	for name, value := range map[string]string{"amount": "12.5", "paid": "true", "note": `a "b"`, "event_type": "api"} {
		result, ok := results[name].(map[string]any)
		require.True(t, ok, name)
		require.Equal(t, value, result["value"])
	}
	require.NotContains(t, results, "order") // no single value
}

// The flow of a session may be chosen by the payload, if configuration names it.
func TestAFlowMayBeChosenByAnExpression(t *testing.T) {
	t.Parallel()
	o := asked()
	o.Payload = map[string]any{"flow": "callback"}
	h := action(t, `{"type":"start_session","flow":"${payload.flow}"}`)
	require.Equal(t, map[string]any{"uuid": flowUUID, "name": "callback"}, bodies(t, o, h.Fire(o, triggerID).Events)[0]["flow"])
	o = asked()
	o.Payload = map[string]any{"flow": "another"}
	require.Equal(t, 1, h.Fire(o, triggerID).Failures)
}

// What a request says, and what comes of it.
func TestCallWebhook(t *testing.T) {
	t.Parallel()
	o := missed(t)
	h := action(t, `{"type":"call_webhook","method":"post","url":"https://example.com/${contact.name}?n=${contact.number}",
		"headers":{"Authorization":"Token ${'t'}"},"body":{"who":"${contact.name}","n":1,"list":[true,null,"${1+1}"]},
		"result_name":"Told","secret":"whsec_aHVudGVyMg=="}`)
	fired := h.Fire(o, triggerID)
	require.Empty(t, fired.Events)
	require.Equal(t, []trigger.Request{{
		ID: v5("webhookd:request:default:" + triggerID + ":1:1"), Account: account, TriggerID: triggerID, Handler: "h",
		Action: 1, Number: 1, Kind: trigger.KindWebhook, Method: "POST",
		URL:     "https://example.com/Klient%20103?n=%2B48502200103",
		Headers: map[string]string{"Authorization": "Token t"}, Body: `{"list":[true,null,"2"],"n":1,"who":"Klient 103"}`,
		ResultName: "Told",
	}}, fired.Requests)
	require.Equal(t, "whsec_aHVudGVyMg==", h.Secret(1).Reveal())
	require.Empty(t, h.Secret(2).Reveal())
	require.Empty(t, h.Secret(0).Reveal())

	// It is kept as JSON.
	data, err := json.Marshal(fired.Requests[0])
	require.NoError(t, err)
	var kept trigger.Request
	require.NoError(t, json.Unmarshal(data, &kept))
	require.Equal(t, fired.Requests[0], kept)

	events := kept.Events(o, trigger.Outcome{
		Status: trigger.StatusSuccess, StatusCode: 201, Elapsed: 1_234_567_890, Retries: 2, RequestTrace: "POST / HTTP/1.1",
		ResponseTrace: "HTTP/1.1 201 Created", Body: []byte(`{"id": 7}`), URL: "https://example.com/shown",
	})
	made := bodies(t, o, events)
	require.Len(t, made, 2)
	require.Equal(t, "webhook_called", made[0]["type"])
	require.Equal(t, v5("webhookd:action:default:"+triggerID+":1.1.1"), made[0]["uuid"])
	require.JSONEq(t, `{"url":"https://example.com/shown","status":"success","status_code":201,"elapsed_ms":1234,"retries":2,
		"request":"POST / HTTP/1.1","response":"HTTP/1.1 201 Created","extraction":"valid"}`, keys(t, made[0]))
	require.Equal(t, "run_result_changed", made[1]["type"])
	require.JSONEq(t, `{"name":"Told","value":"201","category":"Success","input":"POST https://example.com/shown",
		"extra":{"id":7}}`, keys(t, made[1]))
}

func TestARequestThatFailsForGood(t *testing.T) {
	t.Parallel()
	o := missed(t)
	request := action(t, `{"type":"call_webhook","method":"GET","url":"https://u:p@example.com/?token=hunter2&a=b"}`).Fire(o, triggerID).Requests[0]
	made := bodies(t, o, request.Events(o, trigger.Outcome{
		Status: trigger.StatusResponseError, StatusCode: 503, Body: []byte("oh no"),
	}))
	require.Len(t, made, 2)
	require.JSONEq(t, `{"url":"https://REDACTED@example.com/?a=b&token=REDACTED","status":"response_error","status_code":503,
		"elapsed_ms":0,"retries":0,"request":"","response":"","extraction":"ignored"}`, keys(t, made[0]))
	require.Equal(t, "error", made[1]["type"])
	require.Equal(t, "handler h, action 1 (call_webhook): GET https://REDACTED@example.com/?a=b&token=REDACTED: the answer was 503",
		made[1]["text"])

	made = bodies(t, o, request.Events(o, trigger.Outcome{Status: trigger.StatusConnectionError, Reason: "no such host"}))
	require.Equal(t, "none", made[0]["extraction"])
	require.Contains(t, made[1]["text"], ": no such host")
	made = bodies(t, o, request.Events(o, trigger.Outcome{Status: trigger.StatusConnectionError}))
	require.Contains(t, made[1]["text"], ": there was no answer")
}

// A resthook's event comes at once; each of its URLs is a request of its own, and the first one gives the result.
func TestCallResthook(t *testing.T) {
	t.Parallel()
	o := missed(t)
	fired := action(t, `{"type":"call_resthook","resthook":"new-lead","result_name":"Lead"}`).Fire(o, triggerID)
	made := bodies(t, o, fired.Events)
	require.Len(t, made, 1)
	require.Equal(t, "resthook_called", made[0]["type"])
	payload, err := json.Marshal(made[0]["payload"])
	require.NoError(t, err)
	require.Len(t, fired.Requests, 2)
	ids := map[string]bool{}
	for i, request := range fired.Requests {
		require.Equal(t, trigger.KindResthook, request.Kind)
		require.Equal(t, "POST", request.Method)
		require.Equal(t, environment().Resthooks["new-lead"][i], request.URL)
		require.JSONEq(t, string(payload), request.Body)
		events := request.Events(o, trigger.Outcome{Status: trigger.StatusSuccess, StatusCode: 200})
		require.Len(t, events, 2-i)
		for _, event := range events {
			require.NotContains(t, ids, event.UUID)
			ids[event.UUID] = true
		}
		require.Equal(t, "new-lead", bodies(t, o, events)[0]["resthook"])
	}
}

// An action that fails says so with handler, action and reason; the others go on.
func TestAnActionThatFailsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	o := asked()
	fired := action(t, `{"type":"send_msg","text":"a"},
		{"type":"send_msg","text":"${payload.customer.name}"},
		{"type":"set_contact_language","language":"${payload.note}"},
		{"type":"set_contact_name","name":"b"}`).Fire(o, triggerID)
	require.Equal(t, 2, fired.Failures)
	made := bodies(t, o, fired.Events)
	require.Len(t, made, 4)
	for i, want := range []string{"msg_created", "error", "error", "contact_name_changed"} {
		require.Equal(t, want, made[i]["type"])
		require.Equal(t, v5("webhookd:action:default:"+triggerID+":"+string(rune('1'+i))), made[i]["uuid"])
		require.Equal(t, "2026-02-02T11:06:31Z", made[i]["created_on"])
	}
	require.Equal(t, "handler h, action 2 (send_msg): ${ payload.customer.name }: cannot fetch name from <nil> (at character 18)",
		made[1]["text"])
	require.Equal(t, `handler h, action 3 (set_contact_language): "a \"b\"" is no language of ISO 639-3, such as pol`,
		made[2]["text"])
	require.Equal(t, map[string]any{
		"uuid": triggerID, "handler": "h", "action": 2.0, "event_uuid": o.Event.UUID, "event_type": "api",
		"transaction_id": "order 7", "depth": 1.0,
	}, made[1]["event_data"].(map[string]any)["trigger"])
	require.Equal(t, map[string]any{"order": map[string]any{"id": 7.0}, "amount": 12.5, "paid": true, "note": `a "b"`},
		made[1]["event_data"].(map[string]any)["payload"])
	require.NotContains(t, made[1]["event_data"], "call")
}

// Everything that can go wrong only when a handler fires.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ action, want string }{
		"an empty message":  {`{"type":"send_msg","text":"${payload.nothing} "}`, "the message is empty"},
		"an attachment":     {`{"type":"send_msg","text":"a","attachments":["${payload.note}"]}`, "is no attachment"},
		"a bare number":     {`{"type":"start_session","flow":"callback","urns":["${subscriber.phone}"]}`, "is a bare number"},
		"a SIP address":     {`{"type":"start_session","flow":"callback","urns":["${'sip:a@example.com'}"]}`, "a scheme that goflow does not read"},
		"a UUID":            {`{"type":"start_session","flow":"callback","contacts":[{"uuid":"${payload.note}"}]}`, "is no UUID"},
		"an address":        {`{"type":"send_email","addresses":["${payload.note}"],"subject":"a","body":"b"}`, "is no e-mail address"},
		"a subject":         {`{"type":"send_email","addresses":["a@example.com"],"subject":"${payload.nothing}","body":"b"}`, "is empty"},
		"a URL":             {`{"type":"call_webhook","method":"GET","url":"${payload.note}"}`, "is no URL"},
		"a header":          {`{"type":"call_webhook","method":"GET","url":"https://example.com","headers":{"A":"${'a\\nb'}"}}`, "holds a control character"},
		"a number":          {`{"type":"add_contact_urn","scheme":"tel","path":"${payload.note}"}`, "is no telephone number"},
		"a name":            {`{"type":"set_run_result","name":"${payload.nothing}","value":"a"}`, "is longer than 64 characters, or empty"},
		"a time":            {`{"type":"set_contact_name","name":"${date(payload.note)}"}`, "is no time"},
		"no number":         {`{"type":"set_contact_name","name":"${1 / 0}"}`, "the result is no number"},
		"the wrong type":    {`{"type":"set_contact_name","name":"${payload.note + 1}"}`, "invalid operation: string + int"},
		"too long an event": {`{"type":"set_contact_name","name":"${repeat('a', 300000)}"}`, "would be longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := asked()
			fired := action(t, c.action).Fire(o, triggerID)
			require.Equal(t, 1, fired.Failures)
			made := bodies(t, o, fired.Events)
			require.Len(t, made, 1)
			require.Equal(t, "error", made[0]["type"])
			require.Contains(t, made[0]["text"], c.want)
		})
	}
}

// A caller who hides his number is told of, but the handler is not to blame for him.
func TestNobodyIsNoFailure(t *testing.T) {
	t.Parallel()
	o := missed(t)
	hidden := *o.Call
	hidden.External.Number, hidden.External.NumberE164 = "", ""
	o = o.WithCall(&hidden, nil)
	for _, text := range []string{
		`{"type":"send_msg","text":"a"}`, `{"type":"start_session","flow":"callback"}`,
		`{"type":"set_contact_channel","channel":{"uuid":"` + flowUUID + `"}}`,
		`{"type":"send_broadcast","text":"a","urns":["${contact.urn}"]}`,
		`{"type":"send_email","addresses":["${subscriber.email}"],"subject":"a","body":"b"}`,
	} {
		fired := action(t, text).Fire(o, triggerID)
		require.Zero(t, fired.Failures)
		made := bodies(t, o, fired.Events)
		require.Len(t, made, 1)
		require.Contains(t, made[0]["text"], "nobody is known")
	}
}

// What a handler made can make handlers fire; the history of a session says how deep that went.
func TestChaining(t *testing.T) {
	t.Parallel()
	o := missed(t)
	h := action(t, `{"type":"start_session","flow":"callback"}`)
	for depth := 1; depth <= trigger.MaxDepth; depth++ {
		require.Equal(t, depth-1, o.Depth)
		event := h.Fire(o, triggerID).Events[0]
		body := bodies(t, o, []flowEvent{event})[0]
		require.Equal(t, map[string]any{
			"parent_uuid": o.Event.UUID, "ancestors": float64(depth - 1), "ancestors_since_input": float64(depth - 1),
		}, body["history"])
		require.InDelta(t, depth, body["event_data"].(map[string]any)["trigger"].(map[string]any)["depth"], 0)
		o = o.Next(event)
		require.Equal(t, o.CallUUID(), missed(t).CallUUID())
	}
	made := bodies(t, o, []flowEvent{h.TooDeep(o, triggerID)})
	require.Equal(t, "failure", made[0]["type"])
	require.Equal(t, "handler h was not fired: 5 triggers led to it, one from the other", made[0]["text"])
}

// A handler that is evaluated over what a handler made sees what it made.
func TestTheKeysOfAnActionEventAreSeen(t *testing.T) {
	t.Parallel()
	o := missed(t)
	request := action(t, `{"type":"call_webhook","method":"GET","url":"https://example.com"}`).Fire(o, triggerID).Requests[0]
	events := request.Events(o, trigger.Outcome{Status: trigger.StatusResponseError, StatusCode: 404})
	h := handler(t, `  on: webhook_called
  when: event.data.status_code >= 400 && call.missed
  do: [{type: set_contact_name, name: "${event.data.status}"}]`)
	next := o.Next(events[0])
	wanted, err := h.Wants(next)
	require.NoError(t, err)
	require.True(t, wanted)
	require.Equal(t, "response_error", bodies(t, next, h.Fire(next, triggerID).Events)[0]["name"])
}

// The events that tell of handlers themselves.
func TestEventsAboutHandlers(t *testing.T) {
	t.Parallel()
	o := missed(t)
	h := handler(t, `  on: call_missed
  when: date(call.talking_at).Hour() > 8
  do: [{type: send_msg, text: a}]`)
	_, err := h.Wants(o)
	require.EqualError(t, err, `handler h, when: "" is no time, such as 2006-01-02T15:04:05Z (at character 1)`)
	made := bodies(t, o, []flowEvent{h.Failed(o, triggerID, err), h.SwitchedOff(o, triggerID, 20)})
	require.Equal(t, "error", made[0]["type"])
	require.Equal(t, err.Error(), made[0]["text"])
	require.Equal(t, v5("webhookd:action:default:"+triggerID+":when"), made[0]["uuid"])
	require.Equal(t, "failure", made[1]["type"])
	require.Equal(t, "handler h was switched off: it failed 20 times in a row", made[1]["text"])
}

// A flow that configuration names can be asked for by its name.
func TestAFlowStandsForAHandler(t *testing.T) {
	t.Parallel()
	require.Nil(t, trigger.ForFlow("another", environment()))
	o := asked()
	h := trigger.ForFlow("callback", environment())
	require.NotNil(t, h)
	body := bodies(t, o, h.Fire(o, triggerID).Events)[0]
	require.Equal(t, "session_triggered", body["type"])
	require.Equal(t, map[string]any{"uuid": flowUUID, "name": "callback"}, body["flow"])
	require.Equal(t, []any{"tel:+48501502503"}, body["urns"])
}
