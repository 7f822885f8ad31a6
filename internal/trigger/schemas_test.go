package trigger_test

import (
	"maps"
	"slices"
	"strings"
)

// The description of the schemas in docs/schemas.

type schema = map[string]any

const partsName = "parts" // what the schemas share

// part refers to a definition in the shared file.
func part(name string) schema { return schema{"$ref": partsName + ".json#/$defs/" + name} }

// here refers to a definition in the same file.
func here(name string) schema { return schema{"$ref": "#/$defs/" + name} }

func aText(description string) schema {
	if description == "" {
		return schema{"type": "string"}
	}
	return schema{"type": "string", "description": description}
}
func aFilled(description string) schema { return with(aText(description), schema{"minLength": 1}) }

func aWord(words ...string) schema {
	list := make([]any, 0, len(words))
	for _, w := range words {
		list = append(list, w)
	}
	return schema{"enum": list}
}

// orNull allows null, too.
func orNull(s schema) schema { return schema{"oneOf": []any{s, schema{"type": "null"}}} }

func aCount(least int) schema { return schema{"type": "integer", "minimum": least} }
func aFlag() schema           { return schema{"type": "boolean"} }
func aList(of schema) schema  { return schema{"type": "array", "items": of} }
func someOf(of schema) schema { return with(aList(of), schema{"minItems": 1}) }

// with puts keys of one schema into another.
func with(a, b schema) schema {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// object is an object whose keys are all there, but for those whose name ends with a question mark.
func anObject(properties schema) schema {
	named, required := schema{}, []any{}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		name, optional := strings.CutSuffix(key, "?")
		named[name] = properties[key]
		if !optional {
			required = append(required, name)
		}
	}
	return schema{"type": "object", "properties": named, "required": required}
}

const draft = "https://json-schema.org/draft/2020-12/schema"

// describe gives every schema by the name of its file.
func describe() map[string]schema {
	all := map[string]schema{partsName: parts()}
	for name, description := range callDescriptions {
		all[name] = event(name, description, callKeys[name], callData(name))
	}
	for name, made := range actionSchemas() {
		all[name] = event(name, made.description, made.keys, part("action_data"))
	}
	return all
}

// event is the schema of one type.
func event(name, description string, keys, data schema) schema {
	properties := schema{
		"uuid": part("uuid"), "type": schema{"const": name}, "created_on": part("time"), "account_key": aFilled("the account"),
		"conversation_type": schema{"const": "pbx_project"},
		"conversation_key":  aText("the id of the PBX project, empty if there is none"),
		"event_type":        schema{"const": name}, "event_data": data,
	}
	maps.Copy(properties, keys)
	return with(anObject(properties), schema{"$schema": draft, "title": name, "description": description})
}

var callDescriptions = map[string]string{
	"dialog_ringing":         "A leg began to ring.",
	"dialog_alerting":        "A leg's party's telephone rings.",
	"dialog_answered":        "A leg was answered.",
	"dialog_talking":         "A leg began to talk.",
	"dialog_closed":          "A leg closed.",
	"dialog_held":            "A leg's party put the other on hold.",
	"dialog_resumed":         "A leg's party took the other off hold.",
	"dialog_meeting_entered": "A leg joined a meeting room.",
	"call_started":           "A call was seen for the first time.",
	"call_received":          "An inbound call began.",
	"call_created":           "An outbound call began.",
	"dial_wait":              "An outbound call dialled an external party.",
	"call_alerting":          "The record's alerting_at got a value.",
	"call_answered":          "The record's answered_at got a value.",
	"call_talking":           "The record's talking_at got a value.",
	"call_transferred":       "The call went on from one leg to another.",
	"call_merged":            "Another call turned out to be part of this one.",
	"dial_ended":             "A dialled external party's leg closed.",
	"call_reopened":          "An open leg joined a call that had ended.",
	"call_ended":             "Every leg that was seen is closed.",
	"call_missed":            "An inbound call ended without anybody having taken it.",
	"call_settled":           "The record that counts: the call has been quiet since it ended, or changed after that.",
}

// callKeys are goflow's keys of the types that it knows.
var callKeys = map[string]schema{
	"call_received": {"call": part("call_reference")},
	"call_created":  {"call": part("call_reference")},
	"call_missed":   {"channel": part("reference")},
	"dial_wait": {
		"urn": part("urn"), "dial_limit_seconds": aCount(0), "call_limit_seconds": aCount(0), "expires_on": part("time"),
	},
	"dial_ended": {"dial": anObject(schema{"status": aWord("answered", "no_answer", "busy", "failed"), "duration": aCount(0)})},
}

// callData is event_data of an event of a call.
func callData(name string) schema {
	properties := schema{
		"seq":  with(aCount(1), schema{"description": "the event's number in its call"}),
		"late": with(aFlag(), schema{"description": "what it tells was already behind when it became known"}),
		"call": part("call"),
	}
	switch {
	case strings.HasPrefix(name, "dialog_") || name == "dial_wait" || name == "dial_ended":
		properties["dialog"] = part("leg")
	case name == "call_merged":
		properties["from"], properties["into"] = part("uuid"), part("uuid")
	case name == "call_transferred":
		properties["transfer"] = part("transfer")
	}
	return anObject(properties)
}

type actionSchema struct {
	description string
	keys        schema
}

func actionSchemas() map[string]actionSchema {
	reference, references, urns := part("reference"), aList(part("reference")), aList(part("urn"))
	return map[string]actionSchema{
		"session_triggered": {"start_session: a flow begins for somebody.", schema{
			"flow": reference, "urns": urns, "contacts": references, "groups": references, "contact_query?": aFilled(""),
			"exclusions": anObject(schema{"in_a_flow": aFlag()}), "create_contact": aFlag(), "run_summary?": part("run_summary"),
			"history": anObject(schema{"parent_uuid": part("uuid"), "ancestors": aCount(0), "ancestors_since_input": aCount(0)}),
		}},
		"flow_entered": {"start_flow: the contact goes on in another flow.", schema{
			"flow": reference, "parent_run_uuid": part("uuid"), "terminal": aFlag(),
		}},
		"msg_created": {"send_msg: a message to the contact.", schema{"msg": anObject(with(contentSchema(), schema{
			"uuid": part("uuid"), "channel": reference, "urn": part("urn"),
		}))}},
		"broadcast_created": {"send_broadcast: a message to others.", schema{
			"translations": schema{
				"type": "object", "minProperties": 1, "propertyNames": schema{"pattern": "^[a-z]{3}$"},
				"additionalProperties": anObject(contentSchema()),
			},
			"base_language": schema{"type": "string", "pattern": "^[a-z]{3}$"}, "urns": urns, "contacts": references,
			"groups": references, "contact_query?": aFilled(""),
		}},
		"email_sent": {"send_email: an e-mail.", schema{
			"to": someOf(aFilled("")), "subject": aFilled(""), "body": aText(""),
		}},
		"webhook_called": {"call_webhook, and each URL of call_resthook: what a request came to.", schema{
			"url": aFilled("without secrets"), "resthook?": aFilled(""),
			"status": aWord("success", "connection_error", "response_error"), "status_code": aCount(0), "elapsed_ms": aCount(0),
			"retries": aCount(0), "request": aText("as it was sent, without secrets"), "response": aText("as it came, without secrets"),
			"extraction": aWord("none", "valid", "ignored", "cleaned"),
		}},
		"resthook_called": {"call_resthook: what is sent to the resthook's URLs.", schema{
			"resthook": aFilled(""), "payload": schema{"type": "object"},
		}},
		"run_result_changed": {"set_run_result, and call_webhook and call_resthook with result_name: a result.", schema{
			"name": with(aFilled(""), schema{"maxLength": 64}), "value": aText(""), "category": aText(""), "input?": aText(""),
			"extra?": schema{},
		}},
		"contact_field_changed": {"set_contact_field: a field of the contact; null clears it.", schema{
			"field": anObject(schema{"key": aFilled(""), "name": aFilled("")}),
			"value": orNull(anObject(schema{"text": aFilled("")})),
		}},
		"contact_groups_changed": {
			"add_contact_groups, remove_contact_groups: the groups of the contact. With all_groups, it leaves all that it is in.",
			schema{"groups_added": references, "groups_removed": references, "all_groups?": schema{"const": true}},
		},
		"contact_name_changed": {"set_contact_name: the contact's name.", schema{"name": aText("")}},
		"contact_language_changed": {"set_contact_language: the contact's language, ISO 639-3.", schema{
			"language": schema{"type": "string", "pattern": "^([a-z]{3})?$"},
		}},
		"contact_timezone_changed": {"set_contact_timezone: the contact's time zone.", schema{"timezone": aText("")}},
		"contact_urns_changed": {
			"add_contact_urn, set_contact_channel: the contact's URNs, a channel as their query.", schema{"urns": urns},
		},
		"input_labels_added": {"add_input_labels: labels of the event that the handler fired on.", schema{
			"input_uuid": part("uuid"), "labels": someOf(part("reference")),
		}},
		"error":   {"An action or a condition of a handler failed.", schema{"text": aFilled("")}},
		"failure": {"A handler was not fired, or was switched off.", schema{"text": aFilled("")}},
	}
}

func contentSchema() schema {
	return schema{"text": aText(""), "attachments": aList(aFilled("")), "quick_replies": aList(aFilled(""))}
}

// urnPattern takes the URNs that goflow reads.
const urnPattern = `^(tel:(\+[0-9]{7,15}|[a-z0-9]{1,64})|(bsuid|ext|facebook|fcm|freshchat|instagram|jiochat|line|mailto|` +
	`rocketchat|slack|telegram|twitter|twitterid|viber|vk|webchat|wechat|whatsapp):[^\s?#]+)(\?\S*)?$`

// parts are what the schemas share.
func parts() schema {
	leg := anObject(schema{
		"dialog_uuid": here("uuid"), "dialog_type": orNull(aFilled("")), "direction": orNull(aFilled("")),
		"caller_dialog_uuid": orNull(here("uuid")), "link_basis": aWord("root", "caller_dialog_uuid", "campaign"),
		"state":       aWord("ringing", "alerting", "answered", "talking", "closed"),
		"close_cause": orNull(aFilled("")), "created_at": here("time_or_null"), "ringing_at": here("time_or_null"),
		"alerting_at": here("time_or_null"), "answered_at": here("time_or_null"), "talking_at": here("time_or_null"),
		"closed_at": here("time_or_null"),
		"holds":     aList(anObject(schema{"from": here("time"), "to": here("time_or_null")})),
	})
	return schema{
		"$schema": draft, "title": "What the schemas of events share",
		"$defs": schema{
			"uuid": schema{
				"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
			},
			"time":         schema{"type": "string", "format": "date-time", "description": "RFC 3339 in UTC"},
			"time_or_null": orNull(here("time")),
			"milliseconds": orNull(aCount(0)),
			"urn": schema{
				"type": "string", "pattern": urnPattern,
				"description": "tel:+48501502503, tel:48xxxxxxxxx, ext:pkowalski",
			},
			"reference":      anObject(schema{"uuid": here("uuid"), "name": aText("")}),
			"call_reference": anObject(schema{"uuid": here("uuid"), "urn": here("urn"), "channel": here("reference")}),
			"id":             schema{"type": []any{"string", "number", "null"}, "description": "as the PBX sent it"},
			"leg":            leg,
			"transfer": anObject(schema{
				"from": here("uuid"), "to": here("uuid"), "at": here("time"), "kind": aWord("blind", "consultative"),
			}),
			"call":        callSchema(),
			"action_data": actionData(),
			"run_summary": anObject(schema{
				"uuid": here("uuid"), "flow": here("reference"), "status": schema{"const": "completed"},
				"results": schema{"type": "object", "additionalProperties": anObject(schema{
					"name": aFilled(""), "value": aText(""), "category": aText(""), "node_uuid": here("uuid"), "created_on": here("time"),
				})},
			}),
		},
	}
}

// actionData is event_data of an event that a handler made.
func actionData() schema {
	return anObject(schema{
		"trigger": anObject(schema{
			"uuid": here("uuid"), "handler": aFilled(""), "action": aCount(0), "event_uuid": here("uuid"), "event_type": aFilled(""),
			"transaction_id": orNull(aFilled("")), "depth": aCount(1),
		}),
		"payload?": schema{"type": "object"}, "call?": here("call"), "dialog?": here("leg"),
	})
}

func callSchema() schema {
	outcome := aWord("answered", "rejected", "busy", "no_answer", "failed", "answered_elsewhere", "caller_left")
	return with(schema{"description": "the call's record; docs/calls.md explains every field"}, anObject(schema{
		"account": aFilled(""), "call_uuid": here("uuid"), "direction": aWord("inbound", "outbound", "unknown"),
		"state": aWord("ringing", "alerting", "answered", "talking", "ended"), "connected": aFlag(),
		"connected_basis": orNull(aWord("reported", "inferred")),
		"disposition": orNull(aWord("answered", "self_service", "abandoned", "no_answer", "busy", "rejected", "failed",
			"cancelled")),
		"missed": aFlag(), "hangup_by": orNull(aFilled("")), "hangup_side": orNull(aWord("caller", "callee")),
		"hangup_dialog_uuid": orNull(here("uuid")),
		"hangup_basis":       orNull(aWord("reported", "inferred", "conflict", "none")),
		"end_basis":          orNull(aWord("reported", "timeout", "manual", "reconciled")),
		"started_at":         here("time"), "system_answered_at": here("time_or_null"), "alerting_at": here("time_or_null"),
		"answered_at": here("time_or_null"), "talking_at": here("time_or_null"), "ended_at": here("time_or_null"),
		"ring_ms": here("milliseconds"), "wait_ms": here("milliseconds"), "talk_ms": here("milliseconds"),
		"hold_ms": here("milliseconds"), "total_ms": here("milliseconds"),
		"external": anObject(schema{
			"number": orNull(aFilled("")), "number_e164": orNull(schema{"type": "string", "pattern": `^\+[0-9]+$`}),
			"name": orNull(aFilled("")),
		}),
		"consultants": aList(anObject(schema{
			"dialog_uuid": here("uuid"), "id": here("id"), "username": orNull(aFilled("")), "name": orNull(aFilled("")),
		})),
		"project":       anObject(schema{"id": here("id"), "name": orNull(aFilled(""))}),
		"meeting_uuids": aList(aFilled("")),
		"attempts": aList(anObject(schema{
			"dialog_uuid": here("uuid"), "dialog_type": orNull(aFilled("")), "outcome": orNull(outcome),
		})),
		"transfers": aList(here("transfer")), "legs": aList(here("leg")), "seq": aCount(1), "revision": aCount(0),
		"updated_at": here("time"),
	}))
}
