package openapi_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The description of the document. The schemas of records are those of docs/schemas, the examples those of the recorded
// call; what is here is how the routes use them, in files by what the routes are about. Whether it is so is for the tests
// of httpapi and cmd/webhookd, which hold the router and real answers against the document.

type object = map[string]any

func ref(name string) object        { return object{"$ref": "#/components/schemas/" + name} }
func exampleRef(name string) object { return object{"$ref": "#/components/examples/" + name} }

const (
	problemType = "application/problem+json"
	jsonType    = "application/json"
	streamType  = "text/event-stream"
)

// description is the document as it grows.
type description struct {
	paths object
}

func describe(t *testing.T) object {
	t.Helper()
	d := &description{paths: object{}}
	d.webhooks()
	d.calls()
	d.streams()
	d.statistics()
	d.quarantine()
	d.contacts()
	d.triggers()
	d.subscribers()
	d.topics()
	d.handlers()
	d.service()
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title":   "webhookd",
			"version": "1.0.0",
			"summary": "Takes the webhooks of a PBX, shows the calls that they tell of, and triggers what should follow.",
			"description": "Every answer is JSON in UTF-8 unless said otherwise, and carries `X-Request-ID` and `Cache-Control: no-store`. " +
				"`HEAD` works wherever `GET` does; any other method gets 405 with `Allow`. A query parameter that a route does not " +
				"have, one without a value, and one given twice get 400.\n\n" +
				"Errors are problem documents (RFC 9457): `detail` says what happened, what it means for the data that was sent, and " +
				"what to do; `code` is for programs. Below `/v1/events`, `/v1/subscribers` and `/v1/topics` they have the form that " +
				"Novu's clients know. Besides the errors that a route names, any request can get 404 `route_not_found`, 405 " +
				"`method_not_allowed`, 408 `request_timeout`, 431 `headers_too_large` and 500 `internal`.\n\n" +
				"On loopback, without secrets and tokens configured, everything is open to this machine's own programs.\n\n" +
				"The pages for people (`/` in a browser, `/calls`, `/calls.csv`, `/stats`, `/handlers`, `/quarantine`, `/api`, `/login` " +
				"with `/logout` and `/preferences`, and the files below `/assets`) are no part of the API and may change at any time. " +
				"What webhookd says on NATS is in `/asyncapi.json`. Within version 1, routes, parameters and fields may be added; " +
				"readers ignore what they do not know.",
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
			"contact": object{"name": "Whoever runs this installation of webhookd"},
		},
		"servers": []any{object{"url": "/", "description": "The server that this document comes from."}},
		"tags":    tags(),
		"paths":   d.paths,
		"components": object{
			"securitySchemes": securitySchemes(),
			"parameters":      parameters(),
			"headers":         headers(),
			"schemas":         schemas(t),
			"examples":        examples(t),
		},
	}
}

func tags() []any {
	tag := func(name, description string) object { return object{"name": name, "description": description} }
	return []any{
		tag("Webhooks", "Where the PBX posts to. A 200 means that the webhook is on disk."),
		tag("Calls", "The records of calls, and what they are made of."),
		tag("Streams", "Server-sent events, for boards and other clients that want to be told."),
		tag("Statistics", "Figures by interval, project or consultant."),
		tag("Quarantine", "The bodies that were refused: look, hand in again, discard."),
		tag("Contacts", "What is stored of a person: the right of access, and that to be forgotten."),
		tag("Triggers", "The API of Novu and Teleflow: triggers a handler or a flow for somebody."),
		tag("Subscribers", "Those whom triggers can go to."),
		tag("Topics", "Lists of subscribers."),
		tag("Handlers", "What webhookd does by itself when something happens."),
		tag("Service", "The process itself, its figures and its contracts."),
	}
}

func securitySchemes() object {
	return object{
		"webhook_secret": object{
			"type": "apiKey", "in": "header", "name": "X-Webhook-Secret",
			"description": "A secret of `webhook_secret`, in this header or the one that `webhook_header` names. Where no " +
				"token that reads is configured, a server that others can reach asks for it on reading, too, and where none that changes " +
				"is, on closing a call and emptying the quarantine; in accounts without a `webhook_auth` of their own alone.",
		},
		"read_token": object{
			"type": "http", "scheme": "bearer",
			"description": "A token of `read_tokens`: shows every account, or only its own if it is configured as `ACCOUNT:TOKEN`.",
		},
		"token": object{
			"type": "http", "scheme": "bearer",
			"description": "A token of `tokens` that has the scope: `read` to look, `triggers` for the trigger API, `admin` to change " +
				"handlers, the quarantine or a call. Each stands for one account, unless its one scope is `read` and it has none.",
		},
		"webhook_bearer": object{
			"type": "http", "scheme": "bearer",
			"description": "For an account whose `webhook_auth` (in `accounts`) has the type `bearer`.",
		},
		"webhook_basic": object{
			"type": "http", "scheme": "basic",
			"description": "For an account whose `webhook_auth` (in `accounts`) has the type `basic`.",
		},
		"webhook_signature": object{
			"type": "apiKey", "in": "header", "name": "Webhook-Signature",
			"description": "For an account whose `webhook_auth` (in `accounts`) has the type `standard_webhooks`: the signature of " +
				"Standard Webhooks (v1) over `Webhook-Id`, `Webhook-Timestamp` and the body.",
		},
		"api_key": object{
			"type": "apiKey", "in": "header", "name": "Authorization",
			"description": "A key of `api_keys`, as `Authorization: ApiKey KEY`. Each stands for one account.",
		},
		"session": object{
			"type": "apiKey", "in": "cookie", "name": "webhookd_session",
			"description": "The cookie that the page `/login` gives for a read token or an API key; it may do what that may.",
		},
	}
}

// guard is who may use a route: the security schemes of which one is enough, and what is answered to others. Every guard
// but none also lets this machine's own programs in where nothing is configured.
type guard struct {
	schemes      []string
	unauthorized []string // codes of 401
	forbidden    []string // codes of 403
}

var (
	anybody = guard{forbidden: []string{"not_local"}}
	byPBX   = guard{
		[]string{"webhook_secret", "webhook_bearer", "webhook_basic", "webhook_signature"},
		[]string{"unauthorized"},
		[]string{"source_refused", "not_local"},
	}
	byReader     = guard{[]string{"read_token", "token", "webhook_secret", "session"}, []string{"read_token_refused", "unauthorized"}, []string{"scope_missing", "not_local"}}
	byKey        = guard{[]string{"api_key", "token", "session"}, []string{"api_key_refused"}, []string{"scope_missing", "not_local"}}
	byKeyOrRead  = guard{[]string{"api_key", "token", "read_token", "webhook_secret", "session"}, []string{"api_key_refused", "read_token_refused", "unauthorized"}, []string{"not_local"}}
	byWhoChanges = guard{
		[]string{"api_key", "token", "webhook_secret", "session"},
		[]string{"read_token_refused", "unauthorized"},
		[]string{"read_only", "foreign_page", "scope_missing", "not_local"},
	}
	byAdministrator = guard{[]string{"api_key", "token", "session"}, byWhoChanges.unauthorized, byWhoChanges.forbidden}
	byOperator      = guard{byReader.schemes, byReader.unauthorized, []string{"read_foreign", "scope_missing", "not_local"}}
)

// operation is a route as it is described.
type operation struct {
	object

	path  string
	codes map[int][]string // of problems, by status
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// route adds a route, such as "GET /v1/calls".
func (d *description) route(name, id, tag string, who guard, summary, text string) operation {
	method, path, _ := strings.Cut(name, " ")
	o := operation{object{"operationId": id, "tags": []any{tag}, "summary": summary, "responses": object{}}, path, map[int][]string{}}
	if text != "" {
		o.object["description"] = text
	}
	security := []any{}
	for _, scheme := range who.schemes {
		security = append(security, object{scheme: []any{}})
	}
	if len(security) > 0 {
		security = append(security, object{}) // on loopback, where nothing is configured
	}
	o.object["security"] = security
	for _, match := range inPath.FindAllStringSubmatch(path, -1) {
		o.takes(match[1])
	}
	if len(who.unauthorized) > 0 {
		o.fails(401, who.unauthorized...)
	}
	if len(who.forbidden) > 0 {
		o.fails(403, who.forbidden...)
	}
	if path != "/healthz" && path != "/readyz" {
		o.fails(429, "rate_exceeded")
	}
	item, there := d.paths[path].(object)
	if !there {
		item = object{}
		d.paths[path] = item
	}
	item[strings.ToLower(method)] = o.object
	return o
}

// takes adds parameters that are described under their name.
func (o operation) takes(names ...string) operation {
	list, _ := o.object["parameters"].([]any)
	for _, name := range names {
		list = append(list, object{"$ref": "#/components/parameters/" + name})
	}
	o.object["parameters"] = list
	return o
}

// asks adds a parameter of the query that this route alone has.
func (o operation) asks(name, text string, schema object, example any) operation {
	list, _ := o.object["parameters"].([]any)
	parameter := object{"name": name, "in": "query", "description": text, "schema": schema}
	if example != nil {
		parameter["example"] = example
	}
	o.object["parameters"] = append(list, parameter)
	return o
}

// reads adds a body of JSON.
func (o operation) reads(text string, schema object, named map[string]any) operation {
	o.object["requestBody"] = object{
		"required": true, "description": text, "content": object{jsonType: media(schema, named)},
	}
	return o.fails(413, "body_too_large")
}

func media(schema object, named map[string]any) object {
	content := object{"schema": schema}
	if len(named) > 0 {
		told := object{}
		for name, example := range named {
			told[name] = wrapped(example)
		}
		content["examples"] = told
	}
	return content
}

// wrapped gives an example in OpenAPI's form; one that is shared is one already.
func wrapped(example any) object {
	if shared, ok := example.(object); ok && len(shared) == 1 && shared["$ref"] != nil {
		return shared
	}
	return object{"value": example}
}

// answers adds what is answered when all is well.
func (o operation) answers(status int, text string, schema object, named map[string]any) operation {
	return o.answersAs(status, jsonType, text, schema, named)
}

func (o operation) answersAs(status int, contentType, text string, schema object, named map[string]any) operation {
	response := o.response(status)
	response["description"] = text
	if schema != nil {
		content, _ := response["content"].(object)
		if content == nil {
			content = object{}
		}
		content[contentType] = media(schema, named)
		response["content"] = content
	}
	return o
}

// shows adds a header of an answer.
func (o operation) shows(status int, header, component string) operation {
	list := o.response(status)["headers"].(object)
	list[header] = object{"$ref": "#/components/headers/" + component}
	return o
}

func (o operation) response(status int) object {
	all := o.object["responses"].(object)
	response, there := all[strconv.Itoa(status)].(object)
	if !there {
		response = object{"headers": object{"X-Request-ID": object{"$ref": "#/components/headers/request_id"}}}
		all[strconv.Itoa(status)] = response
	}
	return response
}

// fails adds problems with one status, by their codes.
func (o operation) fails(status int, codes ...string) operation {
	response := o.response(status)
	known := o.codes[status]
	for _, code := range codes {
		if !slices.Contains(known, code) {
			known = append(known, code)
		}
	}
	o.codes[status] = known
	told := make([]string, len(known))
	for i, code := range known {
		told[i] = "`" + code + "`"
	}
	response["description"] = strings.Join(told, ", ")
	if status == 401 {
		o.shows(status, "WWW-Authenticate", "www_authenticate")
	}
	if status == 429 || status == 503 {
		o.shows(status, "Retry-After", "retry_after")
	}
	if speaksNovu(o.path) {
		response["content"] = object{jsonType: media(object{
			"$ref": "#/components/schemas/novu_error", "properties": object{"statusCode": object{"const": status}},
		}, nil)}
		return o
	}
	types := make([]any, len(known))
	for i, code := range known {
		types[i] = "urn:webhookd:problem:" + code
	}
	response["content"] = object{problemType: media(object{
		"$ref":       "#/components/schemas/problem",
		"properties": object{"status": object{"const": status}, "type": object{"enum": types}},
	}, nil)}
	return o
}

func speaksNovu(path string) bool {
	for _, top := range []string{"/v1/events", "/v1/subscribers", "/v1/topics"} {
		if path == top || strings.HasPrefix(path, top+"/") {
			return true
		}
	}
	return false
}

// asked adds what every question to the database may get.
func (o operation) asked() operation {
	return o.fails(400, "parameter_unknown", "parameter_invalid", "bad_request").fails(503, "storage_unavailable", "timeout")
}

// Parts of schemas.

func text(most int) object { return object{"type": "string", "maxLength": most} }

func word(values ...any) object { return object{"type": "string", "enum": values} }

func number(least int) object { return object{"type": "integer", "minimum": least} }

func between(least, most, otherwise int) object {
	return object{"type": "integer", "minimum": least, "maximum": most, "default": otherwise}
}

func list(of object) object { return object{"type": "array", "items": of} }

func some(of object, most int) object {
	return object{"type": "array", "items": of, "minItems": 1, "maxItems": most}
}

func orNull(schema object) object { return object{"oneOf": []any{schema, object{"type": "null"}}} }

func with(schemas ...object) object {
	all := object{}
	for _, schema := range schemas {
		maps.Copy(all, schema)
	}
	return all
}

func told(description string) object { return object{"description": description} }

// structure is an object; keys that end with ? may be missing.
func structure(properties object) object {
	named, required := object{}, []any{}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		name, optional := strings.CutSuffix(key, "?")
		named[name] = properties[key]
		if !optional {
			required = append(required, name)
		}
	}
	schema := object{"type": "object", "properties": named}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func data(schema object) object { return structure(object{"data": schema}) }

// decoded gives the JSON of a file, for an example.
func decoded(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(text, &value), path)
	return value
}
