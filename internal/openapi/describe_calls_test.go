package openapi_test

import (
	"maps"

	"webhookd/internal/stats"
	"webhookd/internal/trigger"
)

// The routes of webhooks and of calls, and what shows them.

func (d *description) webhooks() {
	for _, one := range []struct{ name, id, summary string }{
		{"POST /v1/webhooks", "postWebhook", "Takes a webhook for the account default"},
		{"POST /v1/webhooks/{account}", "postAccountWebhook", "Takes a webhook for an account"},
	} {
		o := d.route(one.name, one.id, "Webhooks", byPBX, one.summary, "The body is one JSON object, whatever the `Content-Type` says; "+
			"up to `body_limit` bytes, 1 MiB unless configured. A body that is refused is kept in quarantine. After a 500 or 503 send "+
			"it again: if it was kept after all, the answer is `duplicate`.")
		o.reads("A webhook as the PBX sends it.", ref("webhook"), map[string]any{"recorded": exampleRef("webhook")})
		o.answers(200, "It is on disk.", ref("taken"), map[string]any{
			"accepted":  object{"status": "accepted", "journal_id": 1, "dialog_uuid": recordedCall, "call_uuid": recordedCall},
			"ignored":   object{"status": "ignored", "journal_id": 2},
			"duplicate": object{"status": "duplicate"},
			"spooled":   object{"status": "accepted", "spooled": true},
		})
		o.fails(400, "webhook_refused").fails(415, "content_encoding_unsupported").shows(415, "Accept-Encoding", "accept_encoding")
		o.fails(503, "storage_unavailable", "stopping", "busy", "timeout")
		if one.id == "postAccountWebhook" {
			o.fails(404, "account_not_found")
			// A path has no default, unlike a query.
			o.object["parameters"] = []any{object{
				"name": "account", "in": "path", "required": true, "description": "The account.",
				"schema": object{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "example": "crm",
			}}
		}
	}
}

func moment() object {
	return with(object{"type": "string"}, told("RFC 3339, `YYYY-MM-DD HH:mm:ss` in UTC, or `YYYY-MM-DD`, the first second of that day in UTC"))
}

func yesOrNo() object { return object{"type": "string", "enum": []any{"true", "false"}} }

func direction() object { return word("inbound", "outbound", "unknown") }

func (d *description) calls() {
	o := d.route("GET /v1/calls", "getCalls", "Calls", byReader, "A page of calls, the newest first",
		"All filters that are given must fit. Calls that were merged into others are left out, and calls that begin while you page do "+
			"not shift the pages.").takes("account")
	o.asks("state", "The call's state; `open` is every one but `ended`.", word("ringing", "alerting", "answered", "talking", "ended", "open"), "ended")
	o.asks("direction", "Who called whom.", direction(), nil)
	o.asks("disposition", "How it ended.", word("answered", "self_service", "abandoned", "no_answer", "busy", "rejected", "failed", "cancelled"), nil)
	o.asks("hangup_by", "`external`, `consultant`, `system`, `unknown`, or another dialog type in lower case.",
		object{"type": "string", "pattern": "^[a-z0-9_]{1,64}$"}, nil)
	o.asks("missed", "Was it missed?", yesOrNo(), nil)
	o.asks("transferred", "Was it transferred?", yesOrNo(), nil)
	o.asks("project", "The project's id.", text(256), "1")
	o.asks("consultant", "The id or user name of a consultant of the call, in any case.", text(256), "pkowalski")
	o.asks("number", "The external party's number: any way of writing a valid one, anything else as the PBX wrote it.", text(256), "48xxxxxxxxx")
	o.asks("from", "Calls with `started_at` at or after this time.", moment(), "2020-08-25")
	o.asks("to", "Calls with `started_at` before this time.", moment(), "2020-08-26")
	o.asks("limit", "Calls a page.", between(1, 200, 50), nil)
	o.asks("cursor", "The `next_cursor` of the page before, with the same filters.", text(256), nil)
	o.asked().answers(200, "The page.", ref("calls"), map[string]any{"recorded": exampleRef("calls")})

	about := func(name, id string, who guard, summary, text string) operation {
		o := d.route(name, id, "Calls", who, summary, text).takes("account").asked().fails(404, "call_not_found")
		return o.answers(308, "The call was merged into another one, which `Location` leads to.", ref("merged"), nil).
			shows(308, "Location", "location")
	}
	about("GET /v1/calls/{call_uuid}", "getCall", byReader, "One call's record", "The record as it is stored.").
		answers(200, "The record.", ref("call"), map[string]any{"recorded": exampleRef("call")})
	about("GET /v1/calls/{call_uuid}/timeline", "getTimeline", byReader, "Its webhooks and the events they made",
		"What came in about the call, in the order of the journal, each followed by the events that it made.").
		answers(200, "The timeline.", ref("timeline"), map[string]any{"recorded": exampleRef("timeline")})
	about("GET /v1/calls/{call_uuid}/triggers", "getCallTriggers", byKeyOrRead, "What the call has triggered", "The oldest first.").
		answers(200, "The triggers.", ref("triggers"), map[string]any{"recorded": exampleRef("triggers")})
	about("POST /v1/calls/{call_uuid}/close", "closeCall", byWhoChanges, "Closes a call that nobody will ever close",
		"Every open leg gets a close with the cause `MANUAL` at the time of the call's last webhook. A call that has ended is answered "+
			"as it is; a real close that arrives later wins. There is no body.").
		answers(200, "The record, with `end_basis` `manual` if it was open.", ref("call"), map[string]any{"recorded": exampleRef("call")})

	d.route("GET /v1/dialogs/{dialog_uuid}", "getDialog", "Calls", byReader, "One leg, with its call's UUID",
		"The leg as its call's record has it.").takes("account").asked().fails(404, "dialog_not_found").
		answers(200, "The leg.", ref("dialog"), map[string]any{"recorded": exampleRef("dialog")})
}

func (d *description) streams() {
	stream := func(name, id, summary, text, example string) operation {
		o := d.route(name, id, "Streams", byReader, summary, text+" A comment (`:`) every 15 s shows that the connection lives; a client "+
			"that does not take an event within 10 s is cut off.").takes("account")
		o.fails(400, "parameter_unknown", "parameter_invalid", "bad_request").fails(503, "streams_full")
		return o.answersAs(200, streamType, "The stream, which goes on until the client leaves, the server stops or the client is too slow.",
			object{"type": "string"}, map[string]any{"events": example})
	}
	types := []any{}
	for _, name := range trigger.EventTypes() {
		types = append(types, name)
	}
	o := stream("GET /v1/stream", "getStream", "An account's events as they are published",
		"Each event has its sequence on NATS as `id`, and as `data` the body that `/asyncapi.json` describes. Beside them there are "+
			"events named `gap` (the stream does not keep these any more), `stale` (NATS is away) and `fresh` (it is back).",
		"retry: 2000\n\nid: 4711\ndata: {\"uuid\":\"53d14d8f-db3a-5d71-b1b3-3ba6fa1a9398\",\"type\":\"dial_ended\",\"created_on\":\"2020-08-25T16:25:09Z\"}\n\n")
	o.takes("Last-Event-ID")
	o.object["parameters"] = append(o.object["parameters"].([]any), object{
		"name": "types", "in": "query", "description": "Only events of these types, separated by commas.", "style": "form", "explode": false,
		"schema": object{"type": "array", "items": object{"type": "string", "enum": types}}, "example": []any{"call_missed", "call_settled"},
	})
	o.asks("since", "Begin with what the stream took at this time or later; without it, with what is published from now on.", moment(), nil)
	stream("GET /v1/stream/calls", "getCallStream", "The calls that go on now, and every change of them",
		"Every connection begins with a snapshot: `reset` (drop every call that you have), a `call` with the record of each, and `ready`. "+
			"Then changes: `call` (put it in the table), `gone` (take it out), and `stale` and `fresh` when NATS goes and comes.",
		"retry: 2000\n\nevent: reset\ndata: {\"detail\":\"A snapshot begins. Drop the calls that you have.\"}\n\nevent: ready\ndata: {\"calls\":0}\n\n")
}

func (d *description) statistics() {
	o := d.route("GET /v1/stats", "getStatistics", "Statistics", byReader, "Figures by interval, project or consultant",
		"`formulas` and `parameters` in the answer say how figures are worked out. `total` is over all groups: rates and averages of "+
			"groups cannot be added up.").takes("account")
	at := with(object{"type": "string"}, told("as for `GET /v1/calls`, but that a date is the beginning of that day in the time zone"))
	o.asks("from", "Calls that began at or after this time; the beginning of the day that `to` is in, if not given.", at, "2020-08-25")
	o.asks("to", "Calls that began before this time; now, if not given.", at, "2020-08-26")
	o.asks("group_by", "What figures are told apart by.", with(word("interval", "project", "consultant"), object{"default": "interval"}), nil)
	o.asks("interval", "How long an interval is; only with `group_by=interval`.", with(word("15min", "hour", "day"), object{"default": "hour"}), "day")
	o.asks("time_zone", "A zone of the IANA database; the configured one if not given.", text(256), "Europe/Warsaw")
	o.asks("project", "Only calls of the project with this id; `-` for calls that have none.", text(256), nil)
	o.asks("consultant", "Only a consultant's parts in calls: id or user name, in any case.", text(256), nil)
	o.asks("direction", "Only calls of this direction.", direction(), nil)
	threshold := object{"type": "string", "pattern": "^[0-9a-z.]+$"}
	o.asks("answer_within", "The threshold of the service level, as `20s` or `20`, up to 24 h; the configured one if not given.", threshold, "20s")
	o.asks("abandon_after", "Up to which wait an abandoned call is a short one, up to 24 h; the configured one if not given.", threshold, "5s")
	o.asks("format", "What the answer is written as.", with(word("json", "csv"), object{"default": "json"}), nil)
	o.asked().answers(200, "The figures.", ref("report"), map[string]any{"recorded": exampleRef("stats")})
	o.answersAs(200, "text/csv", "The figures. As CSV the groups, one to a line (RFC 4180, UTF-8).", object{"type": "string"}, nil)
}

// statisticsSchemas are the figures, by the names that stats gives them.
func statisticsSchemas(all object) {
	count, rate, average := number(0), orNull(object{"type": "number", "minimum": 0, "maximum": 1}), orNull(number(0))
	figures := object{
		"hangup_by":   structure(object{"external": count, "consultant": count, "system": count, "unknown": count, "other": count}),
		"hangup_side": structure(object{"caller": count, "callee": count, "none": count}),
		"answer_rate": rate,
	}
	for _, name := range []string{
		"calls", "answered", "abandoned", "self_service", "no_answer", "busy", "rejected", "failed", "cancelled", "answered_elsewhere",
		"handle_ms", "hold_ms",
	} {
		figures[name] = count
	}
	for _, name := range []string{
		"average_speed_of_answer_ms", "longest_wait_ms", "average_handle_ms", "average_talk_ms", "average_hold_ms",
	} {
		figures[name] = average
	}
	all["call_figures"] = with(told("Times are milliseconds; a rate or an average of nothing is null."), structure(figures))
	inbound := maps.Clone(figures)
	for _, name := range []string{"offered", "answered_within", "short_abandoned", "missed"} {
		inbound[name] = count
	}
	inbound["abandon_rate"], inbound["service_level"] = rate, rate
	all["inbound_figures"] = with(told("Those of calls from outside, which have a service level."), structure(inbound))
	by := object{"inbound": ref("inbound_figures"), "outbound": ref("call_figures"), "unknown_direction": ref("call_figures")}
	all["figures"] = structure(by)
	zoned := object{"type": "string", "format": "date-time", "description": "RFC 3339 in the zone"}
	nullable := orNull(object{"type": "string"})
	all["group"] = structure(with(by, object{
		"interval":   orNull(structure(object{"from": zoned, "to": zoned})),
		"project":    orNull(structure(object{"id": nullable, "name": nullable})),
		"consultant": orNull(structure(object{"id": nullable, "username": nullable, "name": nullable})),
	}))
	all["report"] = structure(object{
		"account": object{"type": "string"}, "from": zoned, "to": zoned, "time_zone": object{"type": "string"},
		"group_by": word("interval", "project", "consultant"), "interval": orNull(word("15min", "hour", "day")),
		"project": nullable, "consultant": nullable, "direction": orNull(direction()),
		"unit":       word(stats.UnitCall, stats.UnitPart),
		"parameters": structure(object{"answer_within_ms": count, "abandon_after_ms": count}),
		"formulas":   object{"type": "object", "additionalProperties": object{"type": "string"}},
		"complete":   with(object{"type": "boolean"}, told("false as long as calls from before there were statistics are still being counted")),
		"total":      ref("figures"), "groups": list(ref("group")),
	})
}

func (d *description) quarantine() {
	example := object{
		"id": 7, "account": "default", "received_at": "2026-01-02T03:04:05.678901Z", "last_at": "2026-01-02T03:09:05.678901Z", "count": 2,
		"code": "malformed_json", "reason": "the body is no valid JSON",
		"sha256": "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6", "size": 12, "truncated": false,
	}
	o := d.route("GET /v1/quarantine", "getQuarantine", "Quarantine", byReader, "A page of the bodies that were refused",
		"The one that came last first, without the bodies themselves.").takes("account")
	o.asks("limit", "Bodies a page.", between(1, 200, 50), nil)
	o.asks("cursor", "The `next_cursor` of the page before.", text(256), nil)
	o.asked().answers(200, "The page.", structure(object{
		"refused": list(ref("refused")), "next_cursor": orNull(object{"type": "string"}),
	}), map[string]any{"one": object{"refused": []any{example}, "next_cursor": nil}})

	d.route("GET /v1/quarantine/{id}", "getRefused", "Quarantine", byReader, "One of them, whole", "").takes("account").asked().
		fails(404, "refused_not_found").
		answers(200, "The body, and why it was refused.", ref("refused_whole"), map[string]any{"one": with(example, object{"body": `{"event_name`})})
	d.route("POST /v1/quarantine/{id}/redrive", "redriveRefused", "Quarantine", byWhoChanges, "Hands it in once more",
		"As the PBX would; then it is no longer in quarantine. What is refused again stays, its `count` one higher. A body that had come "+
			"compressed with gzip is handed in as it was before.").takes("account").asked().
		fails(503, "stopping", "busy").
		fails(404, "refused_not_found").fails(409, "redrive_refused").
		answers(200, "It is on disk.", ref("taken"), map[string]any{
			"accepted": object{"status": "accepted", "journal_id": 9, "dialog_uuid": recordedLeg, "call_uuid": recordedCall},
		})
	d.route("DELETE /v1/quarantine/{id}", "discardRefused", "Quarantine", byWhoChanges, "Discards it", "For good.").takes("account").asked().
		fails(404, "refused_not_found").answers(204, "It is gone.", nil, nil)
}
