package openapi_test

import (
	"webhookd/internal/triggerapi"
)

// The routes of the trigger API and of handlers. The former have Novu's names.

// maxID is how many bytes an id may have.
const maxID = 400

func novuSchemas(all object) {
	at := ref("time")
	id, short, free := object{"type": "string", "minLength": 1, "maxLength": maxID}, text(triggerapi.MaxText), object{"type": "object"}
	person := object{
		"email?": short, "phone?": short, "firstName?": short, "lastName?": short, "locale?": short, "avatar?": text(2048),
		"data?": with(free, told("up to 256 KiB")),
	}
	all["subscriber"] = structure(with(person, object{
		"_id": with(id, told("the same as `subscriberId`")), "subscriberId": id, "createdAt": at, "updatedAt": at,
	}))
	all["subscriber_given"] = with(told("What is given and not empty replaces what is there; other keys are overlooked."),
		structure(with(person, object{"subscriberId": id})))
	all["subscriber_changed"] = with(told("As with `POST /v1/subscribers`; the id is the one in the path."),
		structure(with(person, object{"subscriberId?": id})))
	all["topic"] = structure(object{
		"_id": with(id, told("the same as `key`")), "key": id, "name": short,
		"subscribers": with(list(id), told("the first 1000, by id")), "subscriberCount": number(0), "createdAt": at,
	})
	frame := func(of string) object {
		return structure(object{
			"page": number(0), "pageSize": number(1), "hasMore": object{"type": "boolean"},
			"totalCount?": with(number(0), told("there on the last page of topics, if it was asked for by its number")),
			"next":        with(orNull(id), told("the value of `after` for the next page")), "data": list(ref(of)),
		})
	}
	all["subscriber_page"], all["topic_page"] = frame("subscriber"), frame("topic")
	recipient := object{"oneOf": []any{
		id, ref("subscriber_given"),
		structure(object{"type": object{"const": "Topic"}, "topicKey": id}),
	}}
	all["recipient"] = with(told("A subscriber's id, a subscriber, who is then kept, or a topic."), recipient)
	request := object{
		"name":           with(object{"type": "string", "minLength": 1, "maxLength": triggerapi.MaxText}, told("of a handler, or of a flow in the configuration")),
		"overrides?":     with(free, told("read, and not used")),
		"transactionId?": with(text(maxID), told("made if not given. The same one again is the same trigger, and nothing is done")),
		"actor?":         with(told("on whose behalf"), object{"oneOf": []any{id, ref("subscriber_given")}}),
	}
	payload := with(free, told("up to 256 KiB, for the handler to use"))
	all["trigger_request"] = structure(with(request, object{
		"payload?": payload,
		"to": object{"oneOf": []any{
			ref("recipient"), object{"type": "array", "items": ref("recipient"), "maxItems": triggerapi.MaxRecipients},
		}},
	}))
	all["broadcast_request"] = structure(with(request, object{"payload": payload}))
	all["outcome"] = structure(object{
		"acknowledged": object{"const": true},
		"status": with(word("processed", "trigger_not_active", "invalid_recipients", "error"),
			told("processed: it was triggered, or waits for its time; anything else: nothing was done")),
		"error?":         with(list(object{"type": "string"}), told("why nothing was done")),
		"transactionId?": id,
	})
	all["broadcast"] = structure(object{
		"transactionId": id, "name": object{"type": "string"}, "state": word("running", "done", "cancelled", "failed"),
		"sent": number(0), "total": number(0), "createdAt": at, "updatedAt": at,
	})
}

const exampleTime = "2026-01-02T03:04:05.678Z"

func anna() object {
	return object{
		"_id": "48501502503", "subscriberId": "48501502503", "phone": "+48501502503", "firstName": "Anna",
		"createdAt": exampleTime, "updatedAt": exampleTime,
	}
}

// body is reads for a body that may be a form, too.
func (o operation) body(text string, schema object, example any) operation {
	return o.reads(text+" JSON is recognised whatever the `Content-Type` says; forms with brackets (`to[subscriberId]=a`) are taken, too.",
		schema, map[string]any{"example": example}).
		fails(400, "body_invalid").fails(415, "content_encoding_unsupported", "media_type_unsupported").fails(422, "body_unfit")
}

// changes adds what every change may get.
func (o operation) changes() operation {
	return o.fails(429, "too_many_requests").fails(503, "storage_unavailable", "stopping", "timeout")
}

func (d *description) triggers() {
	processed := object{"acknowledged": true, "status": "processed", "transactionId": "0d8ec1c8-0c0c-4a5b-9d0e-6d6c0d1f0d5e"}
	once := func(name, id, summary, text string) operation {
		return d.route(name, id, "Triggers", byKey, summary, text).takes("Idempotency-Key").changes().
			shows(201, "Idempotency-Replayed", "idempotency_replay")
	}
	once("POST /v1/events/trigger", "trigger", "Triggers a handler or a flow for somebody",
		"The answer comes as soon as the trigger is on disk.").
		body("The trigger.", ref("trigger_request"), object{
			"name": "missed-call", "to": object{"subscriberId": "48501502503", "phone": "+48501502503"}, "payload": object{"order": 4711},
		}).fails(422, "name_unknown").
		answers(201, "It is on disk; `status` says what became of it.", data(ref("outcome")), map[string]any{"processed": object{"data": processed}})
	once("POST /v1/events/trigger/bulk", "triggerBulk", "Does so up to 100 times",
		"One that cannot be done does not stop the others.").
		body("The triggers.", structure(object{"events": with(some(ref("trigger_request"), triggerapi.MaxBulk),
			told("one that is not of this form is answered with the status `error` in its place"))}),
			object{"events": []any{object{"name": "missed-call", "to": "anna"}, object{"name": "no-such-handler", "to": "anna"}}}).
		answers(201, "What became of each, in their order.", data(list(ref("outcome"))), map[string]any{"one failed": object{"data": []any{
			processed,
			object{"acknowledged": true, "status": "error", "error": []any{"There is neither a handler nor a flow of this name."}},
		}}})
	once("POST /v1/events/trigger/broadcast", "broadcast", "Does so for every subscriber",
		"It goes to every subscriber that the account has, page by page after the answer was given.").
		body("The trigger, without `to`.", ref("broadcast_request"), object{"name": "maintenance", "payload": object{"from": "22:00"}}).
		fails(422, "name_unknown").
		answers(201, "It is on disk, and begins.", data(ref("outcome")), map[string]any{"processed": object{"data": processed}})
	d.route("GET /v1/events/trigger/broadcast/{transactionId}", "getBroadcast", "Triggers", byKeyOrRead, "How far a broadcast has come",
		"Novu has no such route.").takes("account").asked().fails(404, "broadcast_not_found").
		answers(200, "The broadcast.", data(ref("broadcast")), map[string]any{"running": object{"data": object{
			"transactionId": "order-4711", "name": "maintenance", "state": "running", "sent": 200, "total": 450,
			"createdAt": exampleTime, "updatedAt": exampleTime,
		}}})
	d.route("DELETE /v1/events/trigger/{transactionId}", "cancelTrigger", "Triggers", byKey, "Calls off what is pending",
		"Triggers that wait for their time, and the rest of a broadcast. Slashes in the id need not be encoded.").changes().
		fails(400, "bad_request").
		answers(200, "false if nothing was pending.", data(object{"type": "boolean"}), map[string]any{"called off": object{"data": true}})
}

// paged adds the parameters of a page.
func (o operation) paged(size string) operation {
	return o.takes("account", "page", "after").asks(size, "Entries a page.", between(1, 100, 10), nil).asked()
}

func (d *description) subscribers() {
	page := object{"page": 0, "pageSize": 10, "hasMore": false, "next": nil, "data": []any{anna()}}
	given := object{"subscriberId": "48501502503", "phone": "+48501502503", "firstName": "Anna"}
	d.route("GET /v1/subscribers", "getSubscribers", "Subscribers", byKeyOrRead, "A page of those whom triggers can go to",
		"By id: subscribers that the API was given, and the external parties of calls, by their numbers.").paged("limit").
		answers(200, "The page.", ref("subscriber_page"), map[string]any{"one": page})
	d.route("POST /v1/subscribers", "postSubscriber", "Subscribers", byKey, "Creates or changes one", "").takes("account").
		asked().changes().body("The subscriber.", ref("subscriber_given"), given).
		answers(201, "The subscriber as it is now.", data(ref("subscriber")), map[string]any{"kept": object{"data": anna()}})
	one := func(name, id string, who guard, summary string) operation {
		return d.route(name, id, "Subscribers", who, summary, "").takes("account").asked().fails(400, "bad_request")
	}
	one("GET /v1/subscribers/{subscriberId}", "getSubscriber", byKeyOrRead, "One of them").fails(404, "subscriber_not_found").
		answers(200, "The subscriber.", data(ref("subscriber")), map[string]any{"one": object{"data": anna()}})
	one("PUT /v1/subscribers/{subscriberId}", "putSubscriber", byKey, "Creates or changes one").changes().
		body("What changes.", ref("subscriber_changed"), object{"firstName": "Anna"}).
		answers(200, "The subscriber as it is now.", data(ref("subscriber")), map[string]any{"kept": object{"data": anna()}})
	deleted := object{"acknowledged": true, "status": "deleted"}
	one("DELETE /v1/subscribers/{subscriberId}", "deleteSubscriber", byKey, "Removes one, also from all topics").changes().
		fails(404, "subscriber_not_found").
		answers(200, "It is gone.", data(structure(object{"acknowledged": object{"const": true}, "status": object{"const": "deleted"}})),
			map[string]any{"deleted": object{"data": deleted}})
}

func (d *description) topics() {
	id := object{"type": "string", "minLength": 1, "maxLength": maxID}
	vip := object{
		"_id": "vip", "key": "vip", "name": "Important customers", "subscribers": []any{"48501502503"}, "subscriberCount": 1,
		"createdAt": exampleTime,
	}
	d.route("GET /v1/topics", "getTopics", "Topics", byKeyOrRead, "A page of topics", "By key.").paged("pageSize").
		asks("key", "Only the topic with this key.", text(triggerapi.MaxText), nil).
		answers(200, "The page.", ref("topic_page"), map[string]any{"one": object{
			"page": 0, "pageSize": 10, "hasMore": false, "totalCount": 1, "next": nil, "data": []any{vip},
		}})
	created := data(structure(object{"_id": id, "key": id}))
	example := map[string]any{"vip": object{"data": object{"_id": "vip", "key": "vip"}}}
	d.route("POST /v1/topics", "postTopic", "Topics", byKey, "Creates a topic",
		"One that is there already only gets the name.").takes("account").asked().changes().
		body("The topic.", structure(object{"key": id, "name?": text(triggerapi.MaxText)}), object{"key": "vip", "name": "Important customers"}).
		answers(201, "It was created.", created, example).answers(200, "It was there already.", created, example)
	one := func(name, id string, who guard, summary, text string) operation {
		return d.route(name, id, "Topics", who, summary, text).takes("account").asked().fails(400, "bad_request")
	}
	one("GET /v1/topics/{topicKey}", "getTopic", byKeyOrRead, "One topic", "With its first 1000 subscribers, by id.").
		fails(404, "topic_not_found").answers(200, "The topic.", data(ref("topic")), map[string]any{"vip": object{"data": vip}})
	one("PATCH /v1/topics/{topicKey}", "renameTopic", byKey, "Gives it another name", "").changes().
		body("The name.", structure(object{"name": object{"type": "string", "minLength": 1, "maxLength": triggerapi.MaxText}}),
			object{"name": "Important customers"}).fails(404, "topic_not_found").
		answers(200, "The topic as it is now.", data(ref("topic")), map[string]any{"vip": object{"data": vip}})
	one("DELETE /v1/topics/{topicKey}", "deleteTopic", byKey, "Removes it", "Its subscribers stay.").changes().
		fails(404, "topic_not_found").answers(204, "It is gone.", nil, nil)
	d.route("GET /v1/topics/{topicKey}/subscribers", "getTopicSubscribers", "Topics", byKeyOrRead, "A page of its subscribers", "By id, whole.").
		paged("limit").fails(400, "bad_request").fails(404, "topic_not_found").
		answers(200, "The page.", ref("subscriber_page"), map[string]any{"one": object{
			"page": 0, "pageSize": 10, "hasMore": false, "next": nil, "data": []any{anna()},
		}})
	ids := structure(object{"subscribers": some(id, triggerapi.MaxIDs)})
	one("POST /v1/topics/{topicKey}/subscribers", "addTopicSubscribers", byKey, "Puts subscribers on it",
		"The topic is created if there is none; only who is a subscriber can be put on it.").changes().
		body("Their ids.", ids, object{"subscribers": []any{"anna", "nobody"}}).fails(404, "topic_not_found").
		answers(200, "Who was put on it.", data(structure(object{
			"succeeded": list(id), "failed?": structure(object{"notFound": list(id)}),
		})), map[string]any{"one failed": object{"data": object{
			"succeeded": []any{"anna"}, "failed": object{"notFound": []any{"nobody"}},
		}}})
	one("POST /v1/topics/{topicKey}/subscribers/removal", "removeTopicSubscribers", byKey, "Takes some off it", "").changes().
		body("Their ids.", ids, object{"subscribers": []any{"anna"}}).fails(404, "topic_not_found").answers(204, "They are off it.", nil, nil)
}

func handlerSchemas(all object) {
	kinds := object{"oneOf": []any{ref("event_type"), object{"enum": []any{"*", "api"}}}}
	definition := object{
		"name": handlerName(),
		"on": with(told("what it fires on: types of events, `*` for all, `api` for triggers over the API"),
			object{"oneOf": []any{kinds, object{"type": "array", "items": kinds, "minItems": 1}}}),
		"account?":      with(accountNameOnly(), told("only events of this account")),
		"project?":      with(told("only calls of the PBX project with this id"), object{"type": []any{"string", "integer"}}),
		"when?":         with(text(4096), told("an expression that has to be true")),
		"after?":        with(object{"type": "string"}, told("how long the actions wait, as `90s`, `5m`, `24h`; up to 8784h")),
		"cancel_on?":    with(told("types of events that call a waiting trigger off"), object{"oneOf": []any{kinds, list(kinds)}}),
		"cancel_scope?": word("call", "contact"),
		"once_per?":     structure(object{"scope": word("call", "contact"), "window?": object{"type": "string"}}),
		"do": with(told("the actions, in order"), object{
			"type": "array", "minItems": 1, "maxItems": 50, "items": object{
				"type": "object", "properties": object{"type": with(object{"type": "string"}, told("such as `send_msg`; the other keys are those of the action"))},
				"required": []any{"type"}, "additionalProperties": true,
			},
		}),
		"enabled?": object{"type": "boolean", "default": true},
	}
	all["definition"] = with(told("A handler's definition. Secrets in it are shown as `REDACTED`."), structure(definition))
	unnamed := with(definition, object{"name?": handlerName()})
	delete(unnamed, "name")
	all["definition_named_by_path"] = with(told("A definition that may leave its name out."), structure(unnamed))
	nullable, at := orNull(object{"type": "string"}), ref("time")
	all["handler"] = structure(object{
		"name": handlerName(), "account": with(nullable, told("null for every account")), "source": word("file", "api"),
		"enabled": with(object{"type": "boolean"}, told("what counts, whatever the definition says")),
		"fired":   with(orNull(number(0)), told("null where it is not shown: of every account, to who sees one")), "fired_at": orNull(at),
		"failures": with(orNull(number(0)), told("those in a row; null as fired is")), "last_error": nullable,
		"updated_at": at, "definition": ref("definition"),
	})
	all["trial"] = with(told("Either a call that is kept, or an event as it is published."), object{"oneOf": []any{
		with(structure(object{"call_uuid": object{"type": "string", "format": "uuid"}, "event_type?": ref("event_type"), "definition?": ref("definition_named_by_path")}),
			object{"additionalProperties": false}),
		with(structure(object{"event": object{"type": "object"}, "definition?": ref("definition_named_by_path")}), object{"additionalProperties": false}),
	}})
	all["tried"] = structure(object{
		"handler": object{"type": "string"}, "matches": object{"type": "boolean"},
		"reason":  with(nullable, told("why it does not match")),
		"fire_at": with(orNull(at), told("null for at once")),
		"events": with(list(with(structure(object{"uuid": ref("uuid"), "type": ref("event_type")}), object{"additionalProperties": true})),
			told("what it would publish, as `/asyncapi.json` describes it")),
		"requests": with(list(object{"type": "object"}), told("what it would send out")),
	})
}

func accountNameOnly() object { return object{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"} }

func (d *description) handlers() {
	definition := object{
		"name": "missed-call", "on": []any{"call_missed"}, "after": "5m", "cancel_on": []any{"call_started"}, "cancel_scope": "contact",
		"do": []any{object{"type": "send_msg", "text": "We missed your call of ${ call.started_at }."}}, "enabled": true,
	}
	shown := object{
		"name": "missed-call", "account": nil, "source": "api", "enabled": true, "fired": 12, "fired_at": "2026-01-02T03:04:05.678901Z",
		"failures": 0, "last_error": nil, "updated_at": "2026-01-01T00:00:00Z", "definition": definition,
	}
	example := map[string]any{"missed-call": shown}
	d.route("GET /v1/handlers", "getHandlers", "Handlers", byKeyOrRead, "All handlers",
		"By name. With a key, those of its account and those of all accounts.").takes("account").asked().
		answers(200, "The handlers.", structure(object{"handlers": list(ref("handler"))}), map[string]any{"one": object{"handlers": []any{shown}}})
	define := func(name, id, summary, text string, schema object) operation {
		return d.route(name, id, "Handlers", byKey, summary, text).asked().
			reads("A definition.", schema, map[string]any{"missed-call": definition}).
			fails(400, "body_invalid").fails(403, "handler_foreign").fails(415, "content_encoding_unsupported").fails(422, "handler_invalid")
	}
	define("POST /v1/handlers", "postHandler", "Creates a handler", "It is in force in all instances soon after the answer.", ref("definition")).
		fails(409, "handler_exists").
		answers(201, "The handler.", ref("handler"), example).shows(201, "Location", "location")
	one := func(name, id string, who guard, summary, text string) operation {
		return d.route(name, id, "Handlers", who, summary, text).asked()
	}
	one("GET /v1/handlers/{name}", "getHandler", byKeyOrRead, "One handler", "").fails(404, "handler_not_found").
		answers(200, "The handler.", ref("handler"), example)
	define("PUT /v1/handlers/{name}", "putHandler", "Creates or replaces it",
		"A secret of an action that is sent as `REDACTED` stays as it was.", ref("definition_named_by_path")).
		fails(409, "handler_exists", "handler_of_file").
		answers(200, "It was replaced.", ref("handler"), example).
		answers(201, "It was created.", ref("handler"), example).shows(201, "Location", "location")
	one("PATCH /v1/handlers/{name}", "switchHandler", byKey, "Switches it on or off", "").
		reads("Which of the two.", with(structure(object{"enabled": object{"type": "boolean"}}), object{"additionalProperties": false}),
			map[string]any{"off": object{"enabled": false}}).
		fails(400, "body_invalid").fails(404, "handler_not_found").fails(415, "content_encoding_unsupported").
		answers(200, "The handler.", ref("handler"), example)
	one("DELETE /v1/handlers/{name}", "deleteHandler", byKey, "Removes it", "What it has triggered stays.").
		fails(404, "handler_not_found").fails(409, "handler_of_file").answers(204, "It is gone.", nil, nil)
	one("POST /v1/handlers/{name}/test", "tryHandler", byKey, "What it would do, without doing it",
		"Changes and publishes nothing. With a `definition` that one is tried, and the handler need not be there.").takes("account").
		reads("What to try it on.", ref("trial"), map[string]any{"a call": object{"call_uuid": recordedCall, "event_type": "call_ended"}}).
		fails(400, "body_invalid").fails(404, "handler_not_found", "call_not_found").fails(415, "content_encoding_unsupported").
		fails(422, "handler_invalid", "body_unfit").
		answers(200, "What it would do.", ref("tried"), map[string]any{"does not match": object{
			"handler": "missed-call", "matches": false, "reason": "the call has no such event", "fire_at": nil, "events": []any{}, "requests": []any{},
		}})
	one("GET /v1/handlers/{name}/triggers", "getHandlerTriggers", byKeyOrRead, "What it has triggered", "The newest first.").
		asks("limit", "How many.", between(1, 200, 50), nil).fails(404, "handler_not_found").
		answers(200, "The triggers.", ref("triggers"), map[string]any{"recorded": exampleRef("triggers")})
}
