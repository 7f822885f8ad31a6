package asyncapi_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/statsapi"
	"webhookd/internal/trigger"
)

// The description of the document. Types, subjects and schemas are the program's own; what is here is how AsyncAPI says
// them.

type object = map[string]any

const schemaFolder = "../../docs/schemas"

func ref(kind, name string) object  { return object{"$ref": "#/components/" + kind + "/" + name} }
func channelRef(name string) object { return object{"$ref": "#/channels/" + name} }
func messageOf(channel, name string) object {
	return object{"$ref": "#/channels/" + channel + "/messages/" + name}
}

func describe(t *testing.T) object {
	t.Helper()
	schemas := readSchemas(t)
	d := &description{
		channels: object{}, operations: object{}, messages: object{}, schemas: schemas,
		parameters: object{
			"account": object{"description": "The account, as a token: letters, digits, _ and -. Any other name is b64- and its " +
				"bytes in base64url without padding.", "examples": []any{"default"}},
			"call_uuid": object{"description": "The call's UUID, in lower case."},
		},
	}
	d.events(t)
	d.bucket()
	d.service()
	return object{
		"asyncapi": "3.0.0",
		"id":       "urn:webhookd:nats",
		"info": object{
			"title":   "webhookd on NATS",
			"version": "1.0.0",
			"description": "What webhookd says on NATS of the calls of a PBX: events on the JetStream stream " + flow.StreamName +
				", the calls that go on in the KV bucket " + flow.BucketName + ", and a service that answers questions. Within version " +
				"1, keys and types may be added; readers ignore what they do not know.",
			"license": object{"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"contact": object{"name": "Whoever runs this installation of webhookd"},
			"tags":    []any{object{"name": "calls"}, object{"name": "events"}},
		},
		"defaultContentType": "application/json",
		"servers": object{
			"embedded": object{
				"host": "127.0.0.1:4222", "protocol": "nats",
				"description": "The server inside of webhookd, as it is unless configured. With a cluster, its servers are meant.",
			},
		},
		"channels":   d.channels,
		"operations": d.operations,
		"components": object{"messages": d.messages, "schemas": d.schemas, "parameters": d.parameters},
	}
}

// description is the document as it grows.
type description struct{ channels, operations, messages, schemas, parameters object }

// readSchemas gives the schemas of docs/schemas in the form of AsyncAPI's: all in one place, the shared parts among them.
func readSchemas(t *testing.T) object {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(trigger.EventTypes())+1)
	schemas := object{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		text := strings.ReplaceAll(string(data), `"parts.json#/$defs/`, `"#/components/schemas/`)
		text = strings.ReplaceAll(text, `"#/$defs/`, `"#/components/schemas/`)
		var schema object
		require.NoError(t, json.Unmarshal([]byte(text), &schema))
		delete(schema, "$schema") // AsyncAPI's own dialect is draft 7, and everything here means the same in it
		if strings.TrimSuffix(filepath.Base(file), ".json") != "parts" {
			schemas[schema["title"].(string)] = schema
			continue
		}
		for name, part := range schema["$defs"].(object) {
			require.NotContains(t, trigger.EventTypes(), name)
			schemas[name] = part
		}
	}
	return schemas
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// events describes a channel for each type of event.
func (d *description) events(t *testing.T) {
	t.Helper()
	for _, kind := range trigger.EventTypes() {
		summary, ok := d.schemas[kind].(object)["description"].(string)
		require.True(t, ok, "%s says nothing of itself", kind)
		d.messages[kind] = object{
			"name": kind, "title": words(kind), "summary": summary, "contentType": "application/json",
			"headers": headers(kind), "payload": ref("schemas", kind),
		}
		// A token has no braces of its own.
		d.channel(kind, strings.Replace(flow.Subject("A", kind), ".A.", ".{account}.", 1), summary, kind)
		d.operation("publish_"+kind, "send", kind, kind, summary)
	}
}

// channel describes one with one message.
func (d *description) channel(name, address, summary, message string) {
	parameters := object{}
	for _, parameter := range []string{"account", "call_uuid"} {
		if strings.Contains(address, "{"+parameter+"}") {
			parameters[parameter] = ref("parameters", parameter)
		}
	}
	channel := object{
		"address": address, "title": words(name), "description": summary,
		"messages": object{message: ref("messages", message)},
	}
	if len(parameters) > 0 {
		channel["parameters"] = parameters
	}
	d.channels[name] = channel
}

func (d *description) operation(name, action, channel, message, summary string) object {
	operation := object{
		"action": action, "channel": channelRef(channel), "title": words(name), "summary": summary,
		"description": summary, "messages": []any{messageOf(channel, message)},
	}
	d.operations[name] = operation
	return operation
}

// headers describes those of an event.
func headers(kind string) object {
	text := object{"type": "string"}
	return object{
		"type": "object",
		"properties": object{
			"Nats-Msg-Id":    ref("schemas", "uuid"),
			"ce-specversion": object{"const": "1.0"},
			"ce-id":          ref("schemas", "uuid"),
			"ce-source":      object{"type": "string", "pattern": "^/webhookd/[A-Za-z0-9_-]+$"},
			"ce-type":        object{"const": "webhookd." + kind},
			"ce-subject":     text,
			"ce-time":        ref("schemas", "time"),
			"content-type":   object{"const": "application/json"},
			"traceparent":    object{"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
		},
		"required": []any{
			"Nats-Msg-Id", "ce-id", "ce-source", "ce-specversion", "ce-subject", "ce-time", "ce-type", "content-type",
		},
	}
}

// bucket describes the KV bucket.
func (d *description) bucket() {
	summary := "The record of a call that is not settled. A message without a payload (KV-Operation DEL or PURGE) takes it away."
	d.messages["live_call"] = object{
		"name": "live_call", "title": "live call", "summary": summary, "contentType": "application/json",
		"payload": ref("schemas", "call"),
	}
	d.channel("live_call", "$KV."+flow.BucketName+".{account}.{call_uuid}", summary, "live_call")
	d.operation("show_call", "send", "live_call", "live_call", summary)
}

// service describes what is answered.
func (d *description) service() {
	uuid, time := ref("schemas", "uuid"), ref("schemas", "time")
	account := object{"type": "string", "description": "default if not given"}
	place := object{
		"type": "object", "properties": object{"started_at": time, "call_uuid": uuid},
		"required": []any{"call_uuid", "started_at"}, "additionalProperties": false,
	}
	d.schemas["place"] = place
	d.schemas["get_request"] = object{
		"type": "object", "properties": object{"account": account, "call_uuid": uuid},
		"required": []any{"call_uuid"}, "additionalProperties": false,
	}
	d.schemas["active_request"] = object{
		"type": "object",
		"properties": object{
			"account": account, "limit": object{"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
			"after": ref("schemas", "place"),
		},
		"additionalProperties": false,
	}
	d.schemas["active_answer"] = object{
		"type": "object",
		"properties": object{
			"calls": object{"type": "array", "items": ref("schemas", "call")},
			"next":  object{"oneOf": []any{ref("schemas", "place"), object{"type": "null"}}},
		},
		"required": []any{"calls", "next"},
	}
	parameters := object{"account": account}
	for _, name := range statsapi.Parameters {
		parameters[name] = object{"type": []any{"string", "number"}, "description": "as in GET /v1/stats"}
	}
	d.schemas["stats_request"] = object{"type": "object", "properties": parameters, "additionalProperties": false}
	figures := object{"type": "object", "description": "the figures; formulas says how each is worked out"}
	d.schemas["stats_answer"] = object{
		"type": "object", "description": "as GET /v1/stats answers",
		"properties": object{
			"account": object{"type": "string"}, "from": time, "to": time, "time_zone": object{"type": "string"},
			"complete": object{"type": "boolean"}, "total": figures, "groups": object{"type": "array", "items": figures},
			"formulas": object{"type": "object", "additionalProperties": object{"type": "string"}},
		},
		"required": []any{"account", "from", "to", "time_zone", "complete", "total", "groups", "formulas"},
	}
	d.question("get", "One call's record; that of the call it was merged into, if it was.", "call")
	d.question("active", "The open calls, the newest first, as many as fit into one message.", "active_answer")
	d.question("stats", "Figures of a time: those of GET /v1/stats.", "stats_answer")
}

// question describes a subject of the service, once with the account in the request and once in the subject.
func (d *description) question(name, summary, answer string) {
	d.messages[name+"_request"] = object{
		"name": name + "_request", "title": name + " request", "summary": summary, "contentType": "application/json",
		"payload": ref("schemas", name+"_request"),
	}
	d.messages[name+"_answer"] = object{
		"name": name + "_answer", "title": name + " answer", "summary": summary, "contentType": "application/json",
		"headers": object{
			"type": "object",
			"properties": object{
				"Nats-Service-Error-Code": object{"type": "string", "description": "only of an error, which has no payload; as in HTTP"},
				"Nats-Service-Error":      object{"type": "string", "description": "what happened and what to do"},
			},
		},
		"payload": ref("schemas", answer),
	}
	replies := name + "Answer"
	d.channels[replies] = object{
		"address": nil, "title": name + " answer", "description": "The reply subject of the request.",
		"messages": object{name + "_answer": ref("messages", name+"_answer")},
	}
	for suffix, address := range map[string]string{"": "", "_of_account": ".{account}"} {
		channel := "calls_" + name + suffix
		d.channel(channel, "webhookd.calls."+name+address, summary, name+"_request")
		operation := d.operation("answer_"+channel, "receive", channel, name+"_request", summary)
		operation["bindings"] = object{"nats": object{"queue": "q", "bindingVersion": "0.1.0"}}
		operation["reply"] = object{
			"channel": channelRef(replies), "messages": []any{messageOf(replies, name+"_answer")},
		}
	}
}
