package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/openapi/openapitest"
)

// asker sends requests to real servers, and holds each answer, and each request that was taken, against the OpenAPI document.
type asker struct {
	contract *openapitest.Contract
	met      map[string]map[int]bool            // by operation: statuses
	codes    map[string]map[int]map[string]bool // and of each the codes of problems
}

// reply is an answer read to its end, or, of a stream, to the end of its first event.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request; headers are name and value in turn.
func (a *asker) ask(t *testing.T, s *service, name, body string, headers ...string) reply {
	t.Helper()
	method, target, _ := strings.Cut(name, " ")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.HTTP, strings.NewReader(body))
	require.NoError(t, err)
	request.URL.Opaque = target // as it stands, whatever it is
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(t, err, name)
	defer func() { _ = response.Body.Close() }()
	got := reply{status: response.StatusCode, header: response.Header, body: readReply(t, response)}

	operation := a.contract.Find(method, target)
	require.NotNil(t, operation, name)
	require.NoError(t, a.contract.Check(method, target, openapitest.Answer{Status: got.status, Header: got.header.Get, Body: got.body}))
	if got.status < 300 && !strings.HasPrefix(got.header.Get("Content-Type"), "text/") {
		require.NoError(t, a.contract.CheckRequest(method, target, []byte(body)))
	}
	a.note(operation, got)
	return got
}

func readReply(t *testing.T, response *http.Response) []byte {
	t.Helper()
	if response.Header.Get("Content-Type") != "text/event-stream" {
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return body
	}
	var body []byte
	for part := make([]byte, 4096); !bytes.Contains(body, []byte("\ndata: ")); {
		n, err := response.Body.Read(part)
		require.NoError(t, err, "%s", body)
		body = append(body, part[:n]...)
	}
	return body
}

func (a *asker) note(operation *openapitest.Operation, got reply) {
	name := operation.Name()
	if a.met[name] == nil {
		a.met[name], a.codes[name] = map[int]bool{}, map[int]map[string]bool{}
	}
	if a.codes[name][got.status] == nil {
		a.codes[name][got.status] = map[string]bool{}
	}
	a.met[name][got.status] = true
	var problem struct{ Type string }
	if json.Unmarshal(got.body, &problem) == nil {
		a.codes[name][got.status][strings.TrimPrefix(problem.Type, "urn:webhookd:problem:")] = true
	}
}

// expect is ask with the status that must come.
func (a *asker) expect(t *testing.T, s *service, status int, name, body string, headers ...string) reply {
	t.Helper()
	got := a.ask(t, s, name, body, headers...)
	require.Equal(t, status, got.status, "%s: %s", name, got.body)
	return got
}

// Statuses and codes that take something to break; the tests of internal/httpapi make it, and hold the answers against the
// document in the same way.
var (
	otherwiseMet  = []int{429, 503}
	otherwiseTold = []string{"parameter_invalid", "bad_request", "storage_unavailable", "timeout", "stopping", "busy", "streams_full"}
)

// What the OpenAPI document says is so: every operation, with every status and every code of a problem that it names, but
// for those that take something to break.
func TestTheOpenAPIDocumentIsTrue(t *testing.T) {
	t.Parallel()
	contract, err := openapitest.Load()
	require.NoError(t, err)
	a := &asker{contract, map[string]map[int]bool{}, map[string]map[int]map[string]bool{}}

	file := filepath.Join(t.TempDir(), "handlers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("handlers:\n  - {name: of-file, on: api, do: [{type: send_msg, text: x}]}\n"), 0o600))
	open := startService(t, nil, "--settle-delay", "1h", "--data-dir", t.TempDir(), "--handlers", file)
	closed := startService(t, []string{
		"WEBHOOKD_WEBHOOK_SECRET=the-secret-of-the-pbx", "WEBHOOKD_READ_TOKENS=the-token-of-the-board,crm:the-token-of-the-crm",
		"WEBHOOKD_API_KEYS=the-key-of-the-default,crm:the-key-of-the-crm",
	}, "--settle-delay", "1h", "--data-dir", t.TempDir())
	secretOnly := startService(t, []string{"WEBHOOKD_WEBHOOK_SECRET=the-secret-of-the-pbx"},
		"--listen", "0.0.0.0:0", "--settle-delay", "1h", "--data-dir", t.TempDir())
	// It listens where others can reach it, and is asked here.
	_, port, err := net.SplitHostPort(secretOnly.HTTP)
	require.NoError(t, err)
	secretOnly.HTTP = net.JoinHostPort("127.0.0.1", port)
	tokensOnly := startService(t, []string{"WEBHOOKD_READ_TOKENS=the-token-of-the-board"}, "--settle-delay", "1h", "--data-dir", t.TempDir())

	scoped := startService(t, []string{"WEBHOOKD_CONFIG=" + tokensFile(t)}, "--settle-delay", "1h", "--data-dir", t.TempDir())

	askForCalls(t, a, open)
	askForHandlers(t, a, open, closed)
	askForTriggers(t, a, open)
	askForQuarantine(t, a, open, closed)
	askForContacts(t, a, open, closed)
	askForTheService(t, a, open, closed)
	askInVain(t, a, open)
	askWithoutLeave(t, a, open, closed, secretOnly, tokensOnly)
	askBeyondTheScope(t, a, scoped)

	for _, operation := range contract.Operations {
		name := operation.Name()
		for _, status := range operation.Statuses {
			if slices.Contains(otherwiseMet, status) {
				continue
			}
			assert.True(t, a.met[name][status], "%s: %d was never met", name, status)
			for _, code := range operation.Codes[status] {
				if !slices.Contains(otherwiseTold, code) {
					assert.True(t, a.codes[name][status][code], "%s: %d %s was never met", name, status, code)
				}
			}
		}
	}
}

// askForCalls plays the recorded call and one that is merged into another, and asks for all that there is of them.
func askForCalls(t *testing.T, a *asker, s *service) {
	t.Helper()
	for webhook := range strings.Lines(read(t, "webhooks.ndjson")) {
		a.expect(t, s, 200, "POST /v1/webhooks", strings.TrimSpace(webhook))
	}
	first, _, _ := strings.Cut(read(t, "webhooks.ndjson"), "\n")
	a.expect(t, s, 200, "POST /v1/webhooks", first)
	a.expect(t, s, 200, "POST /v1/webhooks/crm", `{"event_type":"presence"}`)
	a.expect(t, s, 400, "POST /v1/webhooks", "{")
	a.expect(t, s, 400, "POST /v1/webhooks/crm", "{}}")
	a.expect(t, s, 404, "POST /v1/webhooks/no%20name", "{}")

	const call = "/v1/calls/" + recordedCall
	a.expect(t, s, 200, "GET /v1/calls?limit=1&state=ended&missed=false&consultant=pkowalski&project=1&from=2020-08-25", "")
	for _, suffix := range []string{"", "/timeline", "/triggers"} {
		a.expect(t, s, 200, "GET "+call+suffix, "")
	}
	a.expect(t, s, 200, "POST "+call+"/close", "")
	a.expect(t, s, 200, "GET /v1/dialogs/"+recordedCall, "")
	a.expect(t, s, 200, "HEAD "+call, "")
	a.expect(t, s, 200, "GET /v1/stream?since=2020-01-01&types=call_started,call_ended", "", "Last-Event-ID", "0")
	a.expect(t, s, 200, "GET /v1/stream/calls", "")
	for _, query := range []string{
		"group_by=interval&interval=day&time_zone=Europe/Warsaw", "group_by=project", "group_by=consultant&direction=outbound", "format=csv",
	} {
		a.expect(t, s, 200, "GET /v1/stats?from=2020-08-25&to=2020-08-26&"+query, "")
	}

	merged := ""
	for webhook := range strings.Lines(read(t, "../reparented/webhooks.ndjson")) {
		a.expect(t, s, 200, "POST /v1/webhooks", strings.TrimSpace(webhook))
	}
	for _, id := range anyUUID.FindAllString(read(t, "../reparented/webhooks.ndjson"), -1) {
		if a.ask(t, s, "GET /v1/calls/"+id, "").status == http.StatusPermanentRedirect {
			merged = id
		}
	}
	require.NotEmpty(t, merged, "no call of this scenario is merged into another")
	for _, suffix := range []string{"", "/timeline", "/triggers"} {
		a.expect(t, s, 308, "GET /v1/calls/"+merged+suffix, "")
	}
	a.expect(t, s, 308, "POST /v1/calls/"+merged+"/close", "")
}

func askForHandlers(t *testing.T, a *asker, open, closed *service) {
	t.Helper()
	const definition = `{"name":"ended","on":["call_ended","call_missed"],"do":[{"type":"send_msg","text":"Bye."}]}`
	a.expect(t, open, 201, "POST /v1/handlers", definition)
	a.expect(t, open, 409, "POST /v1/handlers", definition)
	a.expect(t, open, 201, "PUT /v1/handlers/later", `{"on":"call_ended","after":"5m","cancel_on":"call_started","do":[{"type":"send_msg","text":"Later."}]}`)
	a.expect(t, open, 200, "PUT /v1/handlers/later", `{"on":"call_ended","once_per":{"scope":"contact","window":"1h"},"do":[{"type":"send_msg","text":"Once."}]}`)
	a.expect(t, open, 409, "PUT /v1/handlers/of-file", `{"on":"api","do":[{"type":"send_msg","text":"x"}]}`)
	a.expect(t, open, 422, "POST /v1/handlers", `{"name":"Bad"}`)
	a.expect(t, open, 422, "PUT /v1/handlers/later", `{"on":"no_such_event"}`)
	a.expect(t, open, 400, "PUT /v1/handlers/later", `[]`)
	a.expect(t, open, 400, "POST /v1/handlers", `[]`)
	a.expect(t, open, 400, "PATCH /v1/handlers/later", `{"enabled":1}`)
	a.expect(t, open, 200, "PATCH /v1/handlers/later", `{"enabled":false}`)
	a.expect(t, open, 200, "GET /v1/handlers", "")
	a.expect(t, open, 200, "GET /v1/handlers/later", "")
	a.expect(t, open, 409, "DELETE /v1/handlers/of-file", "")
	a.expect(t, open, 204, "DELETE /v1/handlers/later", "")

	a.expect(t, open, 200, "POST /v1/handlers/ended/test", `{"call_uuid":"`+recordedCall+`","event_type":"call_ended"}`)
	a.expect(t, open, 200, "POST /v1/handlers/ended/test", `{"call_uuid":"`+recordedCall+`","event_type":"call_missed"}`)
	a.expect(t, open, 400, "POST /v1/handlers/ended/test", `{}`)
	a.expect(t, open, 404, "POST /v1/handlers/ended/test", `{"call_uuid":"`+noSuch+`"}`)
	a.expect(t, open, 404, "POST /v1/handlers/none/test", `{"call_uuid":"`+recordedCall+`"}`)
	a.expect(t, open, 422, "POST /v1/handlers/ended/test", `{"call_uuid":"`+recordedCall+`","definition":{"on":"x"}}`)
	a.expect(t, open, 200, "POST /v1/handlers/ended/test", `{"event":{"type":"call_missed"}}`)
	a.expect(t, open, 422, "POST /v1/handlers/ended/test", `{"event":{"type":"call_missed","event_data":{"call":7}}}`)
	postScenario(t, open, "inbound_abandoned_in_queue")
	require.Contains(t, string(a.expect(t, open, 200, "GET /v1/handlers/ended/triggers?limit=5", "").body), `"done"`)

	const foreign = `{"name":"foreign","account":"crm","on":"call_ended","do":[{"type":"send_msg","text":"x"}]}`
	key := []string{"Authorization", "ApiKey the-key-of-the-default"}
	a.expect(t, closed, 403, "POST /v1/handlers", foreign, key...)
	a.expect(t, closed, 403, "PUT /v1/handlers/foreign", foreign, key...)
	a.expect(t, closed, 201, "PUT /v1/handlers/mine", `{"on":"api","do":[{"type":"send_msg","text":"x"}]}`, key...)
	a.expect(t, closed, 409, "PUT /v1/handlers/mine", `{"on":"api","do":[{"type":"send_msg","text":"x"}]}`, "Authorization", "ApiKey the-key-of-the-crm")
}

// noSuch is a UUID that nothing has.
const noSuch = "00000000-0000-4000-8000-000000000000"

func askForTriggers(t *testing.T, a *asker, s *service) {
	t.Helper()
	a.expect(t, s, 201, "POST /v1/handlers", `{"name":"asked","on":"api","after":"1h","do":[{"type":"send_msg","text":"Hello."}]}`)
	a.expect(t, s, 201, "POST /v1/subscribers", `{"subscriberId":"anna","phone":"+48501502503","firstName":"Anna","data":{"vip":true}}`)
	a.expect(t, s, 200, "PUT /v1/subscribers/bert", `{"email":"bert@example.com"}`)
	a.expect(t, s, 200, "GET /v1/subscribers/anna", "")
	a.expect(t, s, 200, "GET /v1/subscribers?limit=1", "")
	a.expect(t, s, 200, "GET /v1/subscribers?after=anna", "")

	a.expect(t, s, 201, "POST /v1/topics", `{"key":"vip","name":"Important customers"}`)
	a.expect(t, s, 200, "POST /v1/topics", `{"key":"vip"}`)
	a.expect(t, s, 200, "PATCH /v1/topics/vip", `{"name":"VIP"}`)
	a.expect(t, s, 200, "POST /v1/topics/vip/subscribers", `{"subscribers":["anna","nobody"]}`)
	a.expect(t, s, 200, "POST /v1/topics/vip/subscribers", `{"subscribers":["bert"]}`)
	a.expect(t, s, 200, "GET /v1/topics/vip", "")
	a.expect(t, s, 200, "GET /v1/topics?key=vip", "")
	a.expect(t, s, 200, "GET /v1/topics?pageSize=1&page=0", "")
	a.expect(t, s, 200, "GET /v1/topics/vip/subscribers", "")
	a.expect(t, s, 204, "POST /v1/topics/vip/subscribers/removal", `{"subscribers":["bert"]}`)

	const one = `{"name":"asked","to":{"subscriberId":"anna","phone":"+48501502503"},"payload":{"order":4711},"transactionId":"order/4711","actor":"boss"}`
	a.expect(t, s, 201, "POST /v1/events/trigger", one, "Idempotency-Key", "one")
	replayed := a.expect(t, s, 201, "POST /v1/events/trigger", one, "Idempotency-Key", "one")
	require.Equal(t, "true", replayed.header.Get("Idempotency-Replayed"))
	a.expect(t, s, 201, "POST /v1/events/trigger", `{"name":"asked","to":[{"type":"Topic","topicKey":"vip"},"bert"]}`)
	a.expect(t, s, 201, "POST /v1/events/trigger", `{"name":"asked","to":[]}`)
	a.expect(t, s, 201, "POST /v1/events/trigger/bulk", `{"events":[{"name":"asked","to":"anna"},{"name":"none","to":"anna"}]}`)
	a.expect(t, s, 201, "POST /v1/events/trigger/broadcast", `{"name":"asked","payload":{},"transactionId":"all"}`)
	a.expect(t, s, 200, "GET /v1/events/trigger/broadcast/all", "")
	require.JSONEq(t, `{"data":true}`, string(a.expect(t, s, 200, "DELETE /v1/events/trigger/order/4711", "").body))
	require.JSONEq(t, `{"data":false}`, string(a.expect(t, s, 200, "DELETE /v1/events/trigger/none", "").body))

	for _, name := range []string{
		"POST /v1/events/trigger", "POST /v1/events/trigger/bulk", "POST /v1/events/trigger/broadcast", "POST /v1/subscribers",
		"PUT /v1/subscribers/anna", "POST /v1/topics", "PATCH /v1/topics/vip", "POST /v1/topics/vip/subscribers",
		"POST /v1/topics/vip/subscribers/removal",
	} {
		a.expect(t, s, 400, name, `[]`)
		a.expect(t, s, 415, name, `<x/>`, "Content-Type", "application/xml")
		a.expect(t, s, 422, name, `{"email":5}`)
	}
	a.expect(t, s, 422, "POST /v1/events/trigger", `{"name":"none","to":"anna"}`)
	a.expect(t, s, 400, "DELETE /v1/events/trigger/%zz", "")

	a.expect(t, s, 204, "DELETE /v1/topics/vip", "")
	a.expect(t, s, 200, "DELETE /v1/subscribers/anna", "")
}

func askForQuarantine(t *testing.T, a *asker, open, closed *service) {
	t.Helper()
	const bad = `{"event_name`
	a.expect(t, open, 400, "POST /v1/webhooks", bad)
	a.expect(t, open, 400, "POST /v1/webhooks", "\xff")
	a.expect(t, open, 200, "GET /v1/quarantine?limit=1", "")
	var page struct {
		Refused []struct{ ID int }
	}
	require.NoError(t, json.Unmarshal(a.expect(t, open, 200, "GET /v1/quarantine", "").body, &page))
	require.GreaterOrEqual(t, len(page.Refused), 2)
	for _, one := range page.Refused {
		a.expect(t, open, 200, fmt.Sprintf("GET /v1/quarantine/%d", one.ID), "")
	}
	one := fmt.Sprintf("/v1/quarantine/%d", page.Refused[0].ID)
	a.expect(t, open, 409, "POST "+one+"/redrive", "")
	a.expect(t, open, 204, "DELETE "+one, "")

	// A body that came compressed is taken when it is redriven.
	var packed bytes.Buffer
	webhook := strings.Replace(read(t, "webhooks.ndjson"), recordedCall, "00000000-0000-4000-8000-000000000001", 1)
	webhook, _, _ = strings.Cut(webhook, "\n")
	packer := gzip.NewWriter(&packed)
	_, err := packer.Write([]byte(webhook))
	require.NoError(t, err)
	require.NoError(t, packer.Close())
	a.expect(t, open, 415, "POST /v1/webhooks", packed.String(), "Content-Encoding", "gzip")
	require.NoError(t, json.Unmarshal(a.expect(t, open, 200, "GET /v1/quarantine?limit=1", "").body, &page))
	a.expect(t, open, 200, fmt.Sprintf("POST /v1/quarantine/%d/redrive", page.Refused[0].ID), "")

	for _, name := range []string{
		"POST /v1/quarantine/1/redrive", "DELETE /v1/quarantine/1", "POST /v1/calls/" + noSuch + "/close",
	} {
		read := []string{"Authorization", "Bearer the-token-of-the-board"}
		require.Contains(t, string(a.expect(t, closed, 403, name, "", read...).body), "read_only")
		foreign := append(slices.Clone(read), "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site")
		require.Contains(t, string(a.expect(t, closed, 403, name, "", foreign...).body), "foreign_page")
	}
}

func askForContacts(t *testing.T, a *asker, open, closed *service) {
	t.Helper()
	for line := range strings.Lines(read(t, "../inbound_answered/webhooks.ndjson")) {
		a.expect(t, open, 200, "POST /v1/webhooks", strings.TrimSpace(line))
	}
	number, _ := personOfInboundAnswered(t)
	a.expect(t, open, 200, "GET /v1/contacts/"+number, "")
	a.expect(t, open, 200, "DELETE /v1/contacts/"+number+"?dry_run=true", "")
	a.expect(t, open, 200, "DELETE /v1/contacts/"+number, "")
	for _, method := range []string{"GET", "DELETE"} {
		require.Contains(t, string(a.expect(t, open, 400, method+" /v1/contacts/jan", "").body), "number_invalid")
		name := method + " /v1/contacts/" + number
		read := []string{"Authorization", "Bearer the-token-of-the-board"}
		require.Contains(t, string(a.expect(t, closed, 403, name, "", read...).body), "read_only")
		foreign := append(slices.Clone(read), "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site")
		require.Contains(t, string(a.expect(t, closed, 403, name, "", foreign...).body), "foreign_page")
	}
}

func askForTheService(t *testing.T, a *asker, open, closed *service) {
	t.Helper()
	for _, name := range []string{"GET /v1", "GET /", "GET /openapi.json", "GET /asyncapi.json", "GET /healthz", "GET /readyz", "GET /metrics"} {
		a.expect(t, open, 200, name, "")
	}
	a.expect(t, open, 200, "GET /", "", "Accept", "text/html")
	a.expect(t, closed, 303, "GET /", "", "Accept", "text/html")
	a.expect(t, closed, 403, "GET /metrics", "", "Authorization", "Bearer the-token-of-the-crm")
}

// askInVain sends to every operation what it refuses whatever else there is.
func askInVain(t *testing.T, a *asker, s *service) {
	t.Helper()
	missing := strings.NewReplacer(
		"{account}", "crm", "{call_uuid}", noSuch, "{dialog_uuid}", noSuch, "{id}", "4711", "{subscriberId}", "nobody",
		"{topicKey}", "none", "{transactionId}", "none", "{name}", "none",
	)
	bodies := map[string]string{
		"renameTopic": `{"name":"x"}`, "removeTopicSubscribers": `{"subscribers":["anna"]}`, "addTopicSubscribers": `{"subscribers":["anna"]}`,
		"switchHandler": `{"enabled":true}`, "tryHandler": `{"call_uuid":"` + recordedCall + `"}`,
	}
	large := strings.Repeat(" ", 1<<20) + "{}"
	for _, operation := range a.contract.Operations {
		path := missing.Replace(operation.Path)
		if slices.Contains(operation.Statuses, 400) && operation.ID != "cancelTrigger" {
			name := operation.Method + " " + path + "?no_such=1"
			a.expect(t, s, 400, name, "[")
		}
		if operation.Reads {
			a.expect(t, s, 413, operation.Method+" "+path, large)
			a.expect(t, s, 415, operation.Method+" "+path, "x", "Content-Encoding", "gzip")
		}
		switch {
		case !slices.Contains(operation.Statuses, 404), operation.ID == "postAccountWebhook":
		case operation.ID == "addTopicSubscribers": // it would be created, if it could have such a key
			a.expect(t, s, 404, operation.Method+" "+strings.Replace(path, "none", "%01", 1), bodies[operation.ID])
		default:
			a.expect(t, s, 404, operation.Method+" "+path, bodies[operation.ID])
		}
	}
}

// askWithoutLeave sends to every operation a request that may not be there.
func askWithoutLeave(t *testing.T, a *asker, open, closed, secretOnly, tokensOnly *service) {
	t.Helper()
	for _, operation := range a.contract.Operations {
		name := operation.Method + " " + strings.NewReplacer("{", "", "}", "").Replace(operation.Path)
		if len(operation.Schemes) > 0 {
			a.expect(t, closed, 401, name, "")
			a.expect(t, secretOnly, 401, name, "")
			a.expect(t, closed, 401, name, "", "Authorization", "ApiKey wrong")
			a.expect(t, closed, 401, name, "", "Authorization", "Bearer wrong")
		}
		if slices.Contains(operation.Schemes, "read_token") {
			a.expect(t, tokensOnly, 401, name, "")
		}
		if slices.Contains(operation.Statuses, 403) {
			a.expect(t, open, 403, name, "", "Host", "evil.example")
		}
	}
}

// tokensFile is the configuration of a server with tokens of one scope each, which takes webhooks from nowhere near.
func tokensFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(path, []byte("webhook_sources: [192.0.2.0/24]\ntokens:\n"+
		"  - {name: trigger, account: crm, scopes: [triggers], secret: the-token-that-triggers}\n"+
		"  - {name: change, account: crm, scopes: [admin], secret: the-token-that-changes}\n"+
		"  - {name: read, account: crm, scopes: [read], secret: the-token-that-reads}\n"), 0o600))
	return path
}

// askBeyondTheScope asks for everything with a token that is not for it, and hands in webhooks from where none may come.
func askBeyondTheScope(t *testing.T, a *asker, scoped *service) {
	t.Helper()
	for _, operation := range a.contract.Operations {
		name := operation.Method + " " + strings.NewReplacer("{", "", "}", "").Replace(operation.Path)
		if slices.Contains(operation.Schemes, "token") &&
			a.ask(t, scoped, name, "", "Authorization", "Bearer the-token-that-triggers").status != http.StatusForbidden {
			a.ask(t, scoped, name, "", "Authorization", "Bearer the-token-that-changes")
		}
		if slices.Contains(operation.Codes[http.StatusForbidden], "source_refused") {
			a.expect(t, scoped, 403, name, "{}")
		}
	}
}
