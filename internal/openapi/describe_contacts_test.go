package openapi_test

// The routes of what is stored of a person.

func (d *description) contacts() {
	instant := object{"type": "string", "format": "date-time"}
	anything := object{"description": "Whatever JSON is stored."}
	row := object{"type": "object", "additionalProperties": anything}
	rows := object{"type": "object", "description": "By table.", "additionalProperties": list(row)}
	d.route("GET /v1/contacts/{number}", "exportContact", "Contacts", byAdministrator, "Everything that is stored of a person",
		"In one document, found by number: the records of all calls that name it, their webhooks as they came, and the rows of further "+
			"tables. It goes through all of the account's journal, so a large one takes longer than a request may (503 `timeout`): "+
			"`webhookd export` has no such bound. It shows others, too, whom the person spoke with.").takes("account").asked().
		fails(400, "number_invalid").
		answers(200, "All of it; empty lists where there is nothing.", structure(object{
			"account": object{"type": "string"}, "number": object{"type": "string"}, "exported_at": instant, "calls": list(object{"type": "object"}),
			"webhooks": list(structure(object{
				"journal_id": number(1), "received_at": instant, "origin": word("pbx", "settle", "timeout", "manual", "reconciled"),
				"event_name": object{"type": "string"}, "call_uuid": orNull(object{"type": "string", "format": "uuid"}), "body": anything,
				"body_base64?": object{"type": "string"},
			})),
			"rows": rows,
		}), map[string]any{"nothing": object{
			"account": "default", "number": "+48501502503", "exported_at": "2026-01-02T03:04:05Z", "calls": []any{}, "webhooks": []any{},
			"rows": object{"outbox": []any{}},
		}})

	o := d.route("DELETE /v1/contacts/{number}", "eraseContact", "Contacts", byAdministrator, "Takes a person out of everything",
		"The number and the names that were told with it become a pseudonym in every webhook, call, event and trigger that is stored; what is "+
			"no history is removed. All figures stay. What breaks off (503 `timeout`) goes on with the same pseudonym when it is asked for "+
			"again; `webhookd erase` has no such bound.").takes("account")
	o.asks("dry_run", "`true`: nothing is changed, and the counts are of what would be.", with(yesOrNo(), object{"default": "false"}), nil)
	o.asked().fails(400, "number_invalid").
		answers(200, "The certificate. It is kept, too, without the number.", structure(object{
			"id": object{"type": "string", "format": "uuid"}, "account": object{"type": "string"}, "erased_at": instant,
			"dry_run": object{"type": "boolean"}, "pseudonym": object{"type": "string", "pattern": "^erased-[0-9a-f]{12}$"}, "calls": number(0),
			"open_calls": number(0), "stream_messages": orNull(number(0)), "late_until": instant,
			"tables":      object{"type": "object", "additionalProperties": structure(object{"rewritten": number(0), "removed": number(0)})},
			"not_reached": list(structure(object{"where": object{"type": "string"}, "why": object{"type": "string"}, "until": object{"type": "string"}})),
		}), map[string]any{"one": object{
			"id": "9d1f6c0e-3c0a-4d57-9a5b-0c4a6f0a8f11", "account": "default", "erased_at": "2026-01-02T03:04:05Z", "dry_run": false,
			"pseudonym": "erased-3f2a9c41d0e7", "calls": 1, "open_calls": 0, "stream_messages": 17, "late_until": "2026-02-01T03:04:05Z",
			"tables":      object{"journal": object{"rewritten": 3, "removed": 0}},
			"not_reached": []any{object{"where": "backups", "why": "They are copies.", "until": "As long as they are kept."}},
		}})
}
