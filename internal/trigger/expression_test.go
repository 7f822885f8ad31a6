package trigger_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

// filled gives what a template makes of an occasion, by way of the simplest action.
func filled(t testing.TB, o *trigger.Occasion, template string) string {
	t.Helper()
	quoted, err := json.Marshal(template)
	require.NoError(t, err)
	fired := action(t, `{"type":"set_contact_name","name":`+string(quoted)+`}`).Fire(o, triggerID)
	var made struct{ Name, Text string }
	require.NoError(t, json.Unmarshal(fired.Events[0].Goflow, &made))
	require.Empty(t, made.Text, template)
	return made.Name
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	o := asked()
	for template, want := range map[string]string{
		"":                                 "",
		"plain":                            "plain",
		"$ { } $$ {x} $":                   "$ { } $$ {x} $",
		"$${payload}":                      "${payload}",
		"$$${1}":                           "$${1}", // the escape is what stands before the brace
		"a $${b} ${1} $${c}":               "a ${b} 1 ${c}",
		"${1}${2}":                         "12",
		"${ contact.name }!":               "Anna Nowak!",
		`${ {"a": 1}["a"] }`:               "1",
		`${ "}" }`:                         "}",
		`${ '\'}' }`:                       "'}",
		"${ `\\` }":                        `\`,
		"${payload.note}":                  `a "b"`,
		"${payload.nothing}":               "",
		"${payload.nothing?.at.all}":       "",
		"${payload.paid}":                  "true",
		"${payload.amount}":                "12.5",
		"${payload.amount * 2}":            "25",
		"${payload.order.id}":              "7",
		"${1e20}":                          "1e+20",
		"${0.1 + 0.2}":                     "0.30000000000000004",
		"${-0.0}":                          "0",
		"${7 / 2}":                         "3.5",
		"${payload.order}":                 `{"id":7}`,
		"${[1, 'a', nil]}":                 `[1,"a",null]`,
		"${toJSON(payload.note)}":          `"a \"b\""`,
		"${subscriber.data.vip}":           "true",
		"${contact.urn} ${contact.number}": "tel:+48501502503 +48501502503",
		"${transaction_id} ${event.type}":  "order 7 api",
		"${now}":                           "2026-02-02T11:06:31Z",
		"${date(now).Hour()}":              "11",
		"${date(now)}":                     "2026-02-02T11:06:31Z",
		"${date(now).In(timezone('Europe/Warsaw'))}":           "2026-02-02T12:06:31+01:00",
		"${date('2026-02-02', '2006-01-02', 'Europe/Warsaw')}": "2026-02-02T00:00:00+01:00",
		"${date('02.01.2026', '02.01.2006').Month()}":          "1",
		"${date('2026-01-02 03:04:05').Weekday()}":             "Friday",
		"${date(now) - date('2026-02-02T11:00:00Z')}":          "6m31s",
		"${timezone('Europe/Warsaw')}":                         "Europe/Warsaw",
		"${keys(payload)}":                                     `["amount","note","order","paid"]`,
		"${join(map(1..3, string(#)), '-')}":                   "1-2-3",
		"${repeat('ab', 3)}":                                   "ababab",
		"${replace('aXbX', 'X', '-')}":                         "a-b-",
		"${toBase64('hunter2')}":                               "aHVudGVyMg==",
		"${'a' + payload.note + 'c'}":                          `aa "b"c`,
		"${payload.amount + 1}":                                "13.5",
		"${call.call_uuid}${call.legs}${dialog.state}":         "[]",
		"${event.seq} ${event.late} ${call.ring_ms}":           "0 false 0",
		"${account}":                                    "default",
		"\u017c\u00f3 ${'\u0105'}":                      "\u017c\u00f3 \u0105",
		"${fromBase64('/w==')}":                         "\uFFFD",
		"${upper(contact.name) | lower() | trim()}":     "anna nowak",
		"${let a = payload.amount; a > 12 ? 'x' : 'y'}": "x",
	} {
		require.Equal(t, want, filled(t, o, template), template)
	}
}

// What stands for null, and how the fields of a call are named.
func TestVariablesOfACall(t *testing.T) {
	t.Parallel()
	o := answered(t)
	for template, want := range map[string]string{
		"${call.call_uuid}":                                   o.Call.CallUUID,
		"${call.direction}":                                   "outbound",
		"${call.hangup_by}":                                   "consultant",
		"${call.connected_basis}":                             "reported",
		"${call.seq == event.seq}":                            "true",
		"${len(call.legs)}":                                   "2",
		"${call.legs[0].state}":                               "closed",
		"${call.legs[0].caller_dialog_uuid == ''}":            "true",
		"${call.attempts[0].outcome}":                         "answered",
		"${count(call.attempts, .dialog_type == 'EXTERNAL')}": "1",
		"${call.external.number == contact.number}":           "true",
		"${call.transfers}${call.meeting_uuids}":              "[][]",
		"${payload}${subscriber.data}":                        "{}{}",
		"${dialog.dialog_uuid}":                               "",
		"${call.system_answered_at}":                          "",
		"${find(call.consultants, .name != '').name == call.consultants[0].name}": "true",
	} {
		require.Equal(t, want, filled(t, o, template), template)
	}
	closed := one(t, "outbound_consultant_hangs_up", "dialog_closed")
	require.Equal(t, closed.event.DialogUUID, filled(t, closed.occasion(), "${dialog.dialog_uuid}"))
}

// The record that expressions see is the record that readers see: every field, under its name.
func TestExpressionsSeeTheWholeRecord(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"outbound_answered", "transfer_chain", "meeting", "hold_simple", "campaign_two_tries"} {
		for _, r := range play(t, scenario) {
			var seen, record map[string]any
			require.NoError(t, json.Unmarshal([]byte(filled(t, r.occasion(), "${call}")), &seen))
			require.NoError(t, json.Unmarshal(r.record, &record))
			delete(record, "updated_at")
			require.Equal(t, emptied(record), seen)
		}
	}
}

// emptied puts the empty value in the place of null, and makes texts of the ids.
func emptied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			switch {
			case inner == nil && strings.HasSuffix(key, "_ms"):
				v[key] = 0.0
			case inner == nil:
				v[key] = ""
			case key == "id":
				if number, ok := inner.(float64); ok {
					v[key] = strconv.Itoa(int(number))
				}
			default:
				v[key] = emptied(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = emptied(v[i])
		}
	}
	return value
}

// An expression cannot make a lot out of a little: the limits are the same on every machine.
func TestExpressionsAreBounded(t *testing.T) {
	t.Parallel()
	o := asked()
	list := make([]any, 300)
	for i := range list {
		list[i] = "x"
	}
	o.Payload = map[string]any{"list": list, "text": strings.Repeat("a", 1000)}
	var doubling strings.Builder
	doubling.WriteString("let a0 = payload.text; ")
	for i := range 20 {
		fmt.Fprintf(&doubling, "let a%d = a%d + a%d; ", i+1, i, i)
	}
	doubling.WriteString("a20")
	for expression, want := range map[string]string{
		"count(payload.list, {count(payload.list, # != 'y') > 200})": "too often",
		"len(1..1000000)":                                                "memory budget exceeded",
		"len(map(payload.list, payload.list))":                           "", // 300 times the same list is no new one
		"repeat(payload.text, 2000)":                                     "too long a text",
		"repeat(payload.text, 10000000000)":                              "too long a text",
		"repeat(payload.text, -1)":                                       "too long a text",
		"replace(payload.text, 'a', payload.text + payload.text)":        "too long a text",
		"join(map(payload.list, repeat(payload.text, 3)), payload.text)": "too long a text",
		"reduce(payload.list, #acc + #acc, 'xx')":                        "too long a text",
		"toBase64(repeat(payload.text, 900))":                            "too long a text",
		"len(reduce(1..30, concat(#acc, #acc), payload.list))":           "memory budget exceeded",
		"timezone('Local')":                                              "the time zone of the machine",
		"date(now, '2006', 'Local')":                                     "the time zone of the machine",
		"timezone('Nowhere')":                                            "is no time zone",
		"keys(payload.list)":                                             "cannot get keys",
		"toJSON(1 / 0)":                                                  "cannot be written as JSON",
		"payload.list[300]":                                              "out of range",
		doubling.String():                                                "too long a text",
	} {
		quoted, err := json.Marshal("${ " + expression + " }")
		require.NoError(t, err)
		fired := action(t, `{"type":"set_contact_name","name":`+string(quoted)+`}`).Fire(o, triggerID)
		if want == "" {
			require.Zero(t, fired.Failures, expression)
			continue
		}
		require.Equal(t, 1, fired.Failures, expression)
		require.Contains(t, string(fired.Events[0].Goflow), want, expression)
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	o := answered(t)
	for when, want := range map[string]bool{
		"call.connected": true,
		"call.talk_ms > 60000 && call.external.number startsWith '48'": true,
		"call.direction == 'inbound'":                                  false,
		"any(call.legs, .dialog_type == 'EXTERNAL')":                   true,
		"all(call.legs, {.state == 'closed'})":                         true,
		"none(call.legs, .state == 'ringing')":                         true,
		"len(filter(call.legs, .dialog_type == 'CONSULTANT')) == 1":    true,
		"payload.flag": false, // nothing is not true
		"event.type in ['call_settled', 'call_ended']": true,
		"date(call.ended_at).Hour() in 0..23":          true,
		"contact.number matches '^[+]?48'":             true,
		"not call.missed":                              true,
	} {
		h, err := trigger.ReadJSON([]byte(`{"name":"h","on":"*","when":"` + when + `","do":[{"type":"send_msg","text":"a"}]}`))
		require.NoError(t, err)
		c, err := trigger.Compile(h, environment())
		require.NoError(t, err, when)
		wanted, err := c.Wants(o)
		require.NoError(t, err, when)
		require.Equal(t, want, wanted, when)
	}
}

// A condition that is neither true nor false is an error of the handler, not a no.
func TestAConditionThatCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		"payload.note":          "invalid operation: bool(string)",
		"payload.amount > 'a'":  "invalid operation: float64 > string",
		"payload.order.id.x":    "cannot fetch x from float64",
		"call.legs[0].state ==": "",
	} {
		h, err := trigger.ReadJSON([]byte(`{"name":"h","on":"*","when":"` + when + `","do":[{"type":"send_msg","text":"a"}]}`))
		require.NoError(t, err)
		c, err := trigger.Compile(h, environment())
		if want == "" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err, when)
		wanted, err := c.Wants(asked())
		require.ErrorContains(t, err, "handler h, when: "+want)
		require.False(t, wanted)
	}
}

func TestAHandlerOfAProjectIsForItsCallsOnly(t *testing.T) {
	t.Parallel()
	o := one(t, "outbound_answered", "call_ended").occasion()
	require.Equal(t, "1", o.Call.Project.ID.Text())
	for project, want := range map[string]bool{"1": true, `"1"`: true, "2": false, `"project"`: false} {
		wanted, err := handler(t, "  on: call_ended\n  project: "+project+"\n  do: [{type: send_msg, text: a}]").Wants(o)
		require.NoError(t, err)
		require.Equal(t, want, wanted, project)
	}
	wanted, err := handler(t, "  on: call_ended\n  project: 1\n  do: [{type: send_msg, text: a}]").Wants(asked())
	require.NoError(t, err)
	require.False(t, wanted)
}
