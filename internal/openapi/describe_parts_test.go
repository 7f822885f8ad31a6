package openapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

// The recorded call, which every example is of.
const (
	recorded     = "../../fixtures/outbound_answered/"
	recordedCall = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	recordedLeg  = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"
)

// schemas gives what the routes share, the record of docs/schemas first.
func schemas(t *testing.T) object {
	t.Helper()
	all := recordSchemas(t)
	uuid, time, timeOrNull, nullable := ref("uuid"), ref("time"), ref("time_or_null"), orNull(object{"type": "string"})

	all["problem"] = structure(object{
		"type": object{"type": "string", "pattern": "^urn:webhookd:problem:[a-z_]+$"}, "title": object{"type": "string"},
		"status": object{"type": "integer"},
		"detail": with(object{"type": "string"}, told("what happened, what it means for the data that was sent, and what to do")),
		"instance": with(object{"type": "string", "pattern": "^urn:webhookd:request:[A-Za-z0-9._~-]{1,64}$"},
			told("holds the request id, which is in the log, too")),
		"code": with(object{"type": "string", "pattern": "^[a-z_]+$"},
			told("the end of the type; of a refused webhook, why it was refused")),
		"parameter?": with(object{"type": "string"}, told("the query parameter or header that it is about")),
		"allowed?":   with(list(object{"type": "string"}), told("what there is instead")),
		"errors?": with(list(structure(object{
			"field": object{"type": "string"}, "message": object{"type": "string"}, "line?": number(1),
		})), told("what is wrong with a body, one by one")),
	})
	messages := structure(object{"messages": list(object{"type": "string"})})
	all["novu_error"] = with(told("An error as Novu's clients know it."), structure(object{
		"statusCode": object{"type": "integer"}, "timestamp": time, "path": object{"type": "string"}, "message": object{"type": "string"},
		"type?":    object{"const": "PAYLOAD_VALIDATION_ERROR"},
		"errorId?": with(object{"type": "string"}, told("the request id, of 500")),
		"errors?": with(told("of 400 a list, of 422 an object by field"), object{"oneOf": []any{
			list(structure(object{"field": object{"type": "string"}, "message": object{"type": "string"}})),
			object{"type": "object", "additionalProperties": messages},
		}}),
	}))

	all["webhook"] = with(
		told("What the PBX posts. Only these three are looked for by name at the door; every other key may be there, and a value of an unexpected type counts as absent. "+
			"An event of another family than dialogs needs none of them."),
		object{"type": "object", "additionalProperties": true, "properties": object{
			"event_name":  object{"type": "string"},
			"event_time":  with(object{"type": "string"}, told("`YYYY-MM-DD HH:mm:ss` in UTC, or RFC 3339")),
			"dialog_uuid": with(object{"type": "string"}, told("8-4-4-4-12 hexadecimal digits")),
		}},
	)
	all["taken"] = structure(object{
		"status":      with(word("accepted", "ignored", "duplicate"), told("ignored: kept, of another family of events; duplicate: the account has this very body")),
		"journal_id?": number(1), "dialog_uuid?": uuid, "call_uuid?": uuid,
		"spooled?": with(object{"const": true}, told("the database is away, and the webhook is on this instance's disk")),
	})
	all["merged"] = structure(object{"status": object{"const": "merged"}, "call_uuid": uuid})
	all["calls"] = structure(object{
		"calls": list(ref("call")), "next_cursor": with(nullable, told("null on the last page")),
	})
	leg := all["leg"].(object)
	properties := with(leg["properties"].(object), object{"call_uuid": uuid})
	all["dialog"] = object{
		"type": "object", "properties": properties, "required": append([]any{"call_uuid"}, leg["required"].([]any)...),
	}
	all["webhook_item"] = structure(object{
		"kind": object{"const": "webhook"}, "journal_id": number(1), "received_at": time,
		"origin":     word("pbx", "settle", "timeout", "manual", "reconciled"),
		"event_name": nullable, "event_time": timeOrNull, "dialog_uuid": orNull(uuid),
		"body?":        told("the JSON that came"),
		"body_base64?": with(object{"type": "string", "contentEncoding": "base64"}, told("a body that is no JSON in UTF-8")),
	})
	types := []any{}
	for _, name := range trigger.EventTypes() {
		types = append(types, name)
	}
	all["event_type"] = object{"type": "string", "enum": types}
	all["event_item"] = structure(object{
		"kind": object{"const": "event"}, "seq": number(1), "type": ref("event_type"), "uuid": uuid, "created_on": time,
		"dialog_uuid": orNull(uuid), "late": object{"type": "boolean"}, "journal_id": number(0),
		"from?": with(uuid, told("of call_merged: the other call")), "transfer?": with(ref("transfer"), told("of call_transferred")),
	})
	all["timeline"] = structure(object{
		"call_uuid": uuid, "items": list(object{"oneOf": []any{ref("webhook_item"), ref("event_item")}}),
	})
	all["refused"] = structure(refused(time))
	all["refused_whole"] = with(told("It has `body`, or `body_base64` where the body is no UTF-8."), structure(with(refused(time), object{
		"body?": object{"type": "string"}, "body_base64?": object{"type": "string", "contentEncoding": "base64"},
	})))
	all["trigger"] = structure(object{
		"uuid": uuid, "account": object{"type": "string"}, "handler": object{"type": "string"},
		"state":  word("pending", "done", "cancelled", "failed", "skipped"),
		"reason": nullable, "transaction_id": nullable, "call_uuid": orNull(uuid), "event_uuid": orNull(uuid),
		"event_type": nullable, "event_at": timeOrNull, "depth": number(0), "created_at": time,
		"fire_at":  with(timeOrNull, told("null for one that fired at once")),
		"ended_at": timeOrNull,
	})
	all["triggers"] = structure(object{"triggers": list(ref("trigger"))})
	statisticsSchemas(all)
	novuSchemas(all)
	handlerSchemas(all)
	return all
}

func refused(time object) object {
	return object{
		"id": number(1), "account": object{"type": "string"}, "received_at": time, "last_at": time,
		"count": with(number(1), told("how often it came")), "code": object{"type": "string"}, "reason": object{"type": "string"},
		"sha256": object{"type": "string", "pattern": "^[0-9a-f]{64}$"}, "size": number(0),
		"truncated": with(object{"type": "boolean"}, told("only its beginning was kept")),
	}
}

// recordSchemas gives the parts of docs/schemas that a record is made of.
func recordSchemas(t *testing.T) object {
	t.Helper()
	data, err := os.ReadFile("../../docs/schemas/parts.json")
	require.NoError(t, err)
	var parts struct {
		Defs object `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(data), `"#/$defs/`, `"#/components/schemas/`)), &parts))
	all := object{}
	for _, name := range []string{"call", "leg", "transfer", "uuid", "time", "time_or_null", "milliseconds", "id"} {
		require.Contains(t, parts.Defs, name)
		all[name] = parts.Defs[name]
	}
	return all
}

func headers() object {
	header := func(text string, schema object) object {
		return object{"description": text, "required": true, "schema": schema}
	}
	anything := object{"type": "string", "minLength": 1}
	return object{
		"request_id": header("The request's id, which stands in the server's log: the one that was sent, if it is 1 to 64 of "+
			"`A-Z a-z 0-9 . _ ~ -`, else a new one.", object{"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,64}$"}),
		"www_authenticate": header("What would be taken.", anything),
		"retry_after":      header("When to try again, in seconds.", object{"type": "string", "pattern": "^[1-9][0-9]*$"}),
		"location":         header("Where it is.", object{"type": "string", "format": "uri-reference"}),
		"accept_encoding":  header("What would be taken.", object{"const": "identity"}),
		"idempotency_replay": object{
			"description": "There if the answer is one that was given before.", "schema": object{"const": "true"},
		},
	}
}

func parameters() object {
	all := object{}
	in := func(place, name, text string, schema object, example any) {
		parameter := object{"name": name, "in": place, "description": text, "schema": schema}
		if example != nil {
			parameter["example"] = example
		}
		if place == "path" {
			parameter["required"] = true
		}
		all[name] = parameter
	}
	id := object{"type": "string", "minLength": 1, "maxLength": 400}
	in("query", "account", "The account; that of the key or token if it is for one, else `default`.", accountName(), "default")
	uuid := object{"type": "string", "format": "uuid"}
	in("path", "call_uuid", "The call's UUID, in any case.", uuid, recordedCall)
	in("path", "dialog_uuid", "The leg's UUID, in any case.", uuid, recordedLeg)
	in("path", "id", "The number of the body in quarantine.", number(1), 7)
	in("path", "number", "The person's number, percent-encoded (+ as %2B); written in any way.", object{"type": "string", "minLength": 3, "maxLength": 64}, "+48501502503")
	in("path", "name", "The handler's name.", handlerName(), "missed-call")
	in("path", "subscriberId", "The subscriber's id, percent-encoded; up to 400 bytes.", id, "48501502503")
	in("path", "topicKey", "The topic's key, percent-encoded; up to 400 bytes.", id, "vip")
	in("path", "transactionId", "The id of the trigger, percent-encoded; up to 400 bytes.", id, "order-4711")
	in("query", "after", "Only entries after this id: `next` of the page before. It does not go with `page`.", text(256), nil)
	in("query", "page", "Which page, from 0; within the first 10,000 entries.", object{"type": "integer", "minimum": 0, "maximum": 9999, "default": 0}, nil)
	all["Idempotency-Key"] = object{
		"name": "Idempotency-Key", "in": "header", "schema": text(255),
		"description": "The same request again, with the same key and body, does nothing and gets the same answer, for 24 h.",
	}
	all["Last-Event-ID"] = object{
		"name": "Last-Event-ID", "in": "header", "schema": object{"type": "string", "pattern": "^[0-9]+$"},
		"description": "The last id that was seen: the stream goes on right behind it. Browsers send it by themselves. It goes before `since`.",
	}
	return all
}

func accountName() object {
	return object{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "default": "default"}
}

func handlerName() object {
	return object{"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}
}

// examples are of the recorded call.
func examples(t *testing.T) object {
	t.Helper()
	value := func(summary string, example any) object { return object{"summary": summary, "value": example} }
	file, err := os.ReadFile(recorded + "webhooks.ndjson")
	require.NoError(t, err)
	var webhooks []any
	for line := range bytes.Lines(file) {
		var webhook any
		require.NoError(t, json.Unmarshal(line, &webhook))
		webhooks = append(webhooks, webhook)
	}
	call := decoded(t, recorded+"call.json").(object)
	legs := call["legs"].([]any)
	// The file holds what follows from the webhooks alone; these tell how it became known.
	call["seq"], call["revision"], call["updated_at"] = 16, 0, "2020-08-25T16:25:10.117204Z"
	return object{
		"webhook": value("A call begins", webhooks[0]),
		"call":    value("The recorded call", call),
		"calls":   value("A page with the recorded call", object{"calls": []any{call}, "next_cursor": nil}),
		"dialog":  value("Its second leg", with(legs[1].(object), object{"call_uuid": recordedCall})),
		"timeline": value("Its first webhook, and the first event that it made", object{
			"call_uuid": recordedCall,
			"items": []any{
				object{
					"kind": "webhook", "journal_id": 1, "received_at": "2020-08-25T16:24:41.512043Z", "origin": "pbx",
					"event_name": "dialog_create", "event_time": "2020-08-25T16:24:41Z", "dialog_uuid": recordedCall, "body": webhooks[0],
				},
				object{
					"kind": "event", "seq": 1, "type": "dialog_ringing", "uuid": "a13f34b1-89f2-5645-9841-2acc60100943",
					"created_on": "2020-08-25T16:24:41Z", "dialog_uuid": recordedCall, "late": false, "journal_id": 1,
				},
			},
		}),
		"triggers": value("What the recorded call has triggered", object{"triggers": []any{object{
			"uuid": "9bc12d39-578a-5570-b50f-2030776f9236", "account": "default", "handler": "call-ended", "state": "done",
			"reason": nil, "transaction_id": nil, "call_uuid": recordedCall, "event_uuid": "30ecccee-bba1-598c-843f-596e34e37d93",
			"event_type": "call_ended", "event_at": "2020-08-25T16:25:09Z", "depth": 1, "created_at": "2020-08-25T16:25:09.308658Z",
			"fire_at": nil, "ended_at": "2020-08-25T16:25:09.308658Z",
		}}}),
		"stats": value("The day of the recorded call", decoded(t, "testdata/stats.json")),
	}
}
