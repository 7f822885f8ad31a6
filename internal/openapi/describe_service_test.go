package openapi_test

// The routes about the process itself.

func (d *description) service() {
	index := structure(object{
		"name": object{"const": "webhookd"}, "version": object{"type": "string"},
		"routes": list(object{"type": "string", "pattern": "^(GET|POST|PUT|PATCH|DELETE) /"}),
	})
	example := map[string]any{"index": object{
		"name": "webhookd", "version": "v1.0.0", "routes": []any{"POST /v1/webhooks", "GET /v1/calls"},
	}}
	d.route("GET /v1", "getIndex", "Service", byReader, "The list of routes", "").answers(200, "The list.", index, example)
	d.route("GET /", "getRoot", "Service", byReader, "The same to programs, a page to browsers",
		"Which of them is decided by `Accept`: whoever names `text/html` gets the page, or is sent to `/login`.").
		answers(200, "The list.", index, example).
		answersAs(200, "text/html", "The list, or the page.", object{"type": "string"}, nil).
		answers(303, "To `/login`, for browsers that are not logged in.", nil, nil).shows(303, "Location", "location")
	document := func(path, id, what string) {
		d.route("GET "+path, id, "Service", anybody, what, "It shows nothing of anybody, so it asks for no secret.").
			answers(200, "The document.", object{"type": "object"}, nil)
	}
	document("/openapi.json", "getOpenAPI", "This document")
	document("/asyncapi.json", "getAsyncAPI", "What webhookd says on NATS, as an AsyncAPI 3 document")
	d.route("GET /healthz", "getHealth", "Service", guard{}, "Is the process alive?", "It says nothing else: restarting the process mends no dependency.").
		answers(200, "It is.", structure(object{"status": object{"const": "ok"}}), map[string]any{"ok": object{"status": "ok"}})
	dependencies := with(told("by name, `ok` or what it lacks"), object{"type": "object", "additionalProperties": object{"type": "string"}})
	d.route("GET /readyz", "getReadiness", "Service", guard{}, "Is everything there that it needs?", "").
		answers(200, "Webhooks are taken. `degraded`: something is missing that they can do without.",
			structure(object{"status": word("ready", "degraded"), "dependencies": dependencies}), map[string]any{
				"ready": object{"status": "ready", "dependencies": object{"database": "ok", "nats": "ok", "spool": "ok"}},
			}).
		answers(503, "Webhooks are refused.", structure(object{"status": object{"const": "not_ready"}, "dependencies": dependencies}), nil)
	d.route("GET /metrics", "getMetrics", "Service", byOperator, "Figures for Prometheus", "They count all accounts together.").
		answersAs(200, "text/plain", "In Prometheus's text format.", object{"type": "string"}, nil)
}
