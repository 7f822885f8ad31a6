package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// outcome is what a client is told of a trigger.
type outcome struct {
	Acknowledged  bool     `json:"acknowledged"`
	Status        string   `json:"status"`
	Error         []string `json:"error"`
	TransactionID string   `json:"transactionId"`
}

func dataOf[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	var envelope map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(a.body, &envelope), "%s", a.body)
	require.Len(t, envelope, 1, "%s", a.body)
	var value T
	require.NoError(t, json.Unmarshal(envelope["data"], &value), "%s", a.body)
	return value
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	got := b.post(t, "/v1/events/trigger",
		`{"name":"now","to":"anna","payload":{"a":1},"overrides":{"sms":{"from":"x"}},"transactionId":"tx-1",
		  "actor":{"subscriberId":"boss"},"tenant":"t","bridgeUrl":"ignored"}`, "Content-Type", "application/json")
	require.JSONEq(t, `{"data":{"acknowledged":true,"status":"processed","transactionId":"tx-1"}}`, string(got.body))
	require.Equal(t, 201, got.status)
	require.Equal(t, []asked{{"default", triggerapi.Request{
		Name: "now", To: []triggerapi.Recipient{{Subscriber: store.Subscriber{ID: "anna"}}},
		Payload: json.RawMessage(`{"a":1}`), Overrides: json.RawMessage(`{"sms":{"from":"x"}}`), TransactionID: "tx-1",
		Actor: &store.Subscriber{ID: "boss"},
	}}}, m.requests())

	got = b.post(t, "/v1/events/trigger", `{"name":"callback","to":["anna",{"type":"Topic","topicKey":"vip"}]}`)
	one := dataOf[outcome](t, got, 201)
	require.Equal(t, "processed", one.Status)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, one.TransactionID)
	require.Equal(t, one.TransactionID, m.requests()[1].TransactionID)
}

func TestTriggerThatCannotBeDone(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	const path = "/v1/events/trigger"

	e := requireNovuError(t, b.post(t, path, `{"name":"nobody","to":"anna"}`), 422, path)
	require.JSONEq(t, `{"name":{"messages":["There is neither a handler nor a flow of this name."]}}`, string(e.Errors))
	require.Equal(t, "2026-01-02T03:04:05.678Z", e.Timestamp)

	one := dataOf[outcome](t, b.post(t, path, `{"name":"off","to":"anna","transactionId":"x"}`), 201)
	require.Equal(t, outcome{true, "trigger_not_active", nil, "x"}, one)
	one = dataOf[outcome](t, b.post(t, path, `{"name":"now","to":[],"transactionId":"y"}`), 201)
	require.Equal(t, outcome{true, "invalid_recipients", nil, "y"}, one)

	e = requireNovuError(t, b.post(t, path, `{"to":[5,{"email":"a"}],"payload":[],"transactionId":1}`), 422, path)
	require.JSONEq(t, `{"name":{"messages":["It is missing."]},"payload":{"messages":["It is no object."]},
		"transactionId":{"messages":["It is no text."]},
		"to[0]":{"messages":["It is neither a subscriber's id nor an object."]},
		"to[1].subscriberId":{"messages":["It is missing."]}}`, string(e.Errors))

	for name, body := range map[string]string{
		"nothing": "", "half": `{"name":`, "a list": `[]`, "a text": `"x"`, "too deep": strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40),
		"bad UTF-8": "{\"name\":\"\xff\"}",
	} {
		e := requireNovuError(t, b.post(t, path, body, "Content-Type", "application/json"), 400, path)
		require.Contains(t, e.Message, "nothing was done", name)
	}
	requireNovuError(t, b.post(t, path, `<name>now</name>`, "Content-Type", "application/xml"), 415, path)
	requireNovuError(t, b.post(t, path, `{}`, "Content-Encoding", "gzip"), 415, path)
	requireNovuError(t, b.get(t, path), 405, path)
	requireNovuError(t, b.post(t, "/v1/events/elsewhere", `{}`), 404, "/v1/events/elsewhere")
}

func TestServiceThatCannot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err        error
		status     int
		retryAfter string
	}{
		"no database":   {fmt.Errorf("write: %w", store.ErrUnavailable), 503, "5"},
		"stopping":      {ingest.ErrStopping, 503, "5"},
		"busy":          {ingest.ErrBusy, 429, "1"},
		"a fault of us": {errors.New("the roof is on fire"), 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, m := setupTriggers(t, nil)
			m.err = tc.err
			for path, body := range map[string]string{
				"/v1/events/trigger":                 `{"name":"now","to":"a"}`,
				"/v1/events/trigger/bulk":            `{"events":[{"name":"now","to":"a"}]}`,
				"/v1/events/trigger/broadcast":       `{"name":"now","payload":{}}`,
				"/v1/subscribers":                    `{"subscriberId":"a"}`,
				"/v1/topics":                         `{"key":"a"}`,
				"/v1/topics/a/subscribers":           `{"subscribers":["a"]}`,
				"/v1/topics/a/subscribers/removal":   `{"subscribers":["a"]}`,
				"DELETE /v1/events/trigger/x":        "",
				"DELETE /v1/topics/x":                "",
				"DELETE /v1/subscribers/x":           "",
				"GET /v1/subscribers/x":              "",
				"GET /v1/topics/x":                   "",
				"GET /v1/events/trigger/broadcast/x": "",
			} {
				method, path, ok := strings.Cut(path, " ")
				if !ok {
					method, path = "POST", method
				}
				if method == "GET" && (errors.Is(tc.err, ingest.ErrBusy) || errors.Is(tc.err, ingest.ErrStopping)) {
					continue // reading does not wait for anything to be written
				}
				got := b.do(t, method, path, strings.NewReader(body))
				e := requireNovuError(t, got, tc.status, path)
				require.Equal(t, tc.retryAfter, got.header.Get("Retry-After"))
				require.NotContains(t, string(got.body), "roof")
				if tc.status == 500 {
					require.Equal(t, got.header.Get("X-Request-ID"), e.ErrorID)
				}
			}
		})
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	got := b.post(t, "/v1/events/trigger/bulk", `{"events":[
		{"name":"now","to":"a","transactionId":"1"}, {"to":"b"}, 7, {"name":"nobody","to":"c"}, {"name":"off","to":"d","transactionId":"5"},
		{"name":"now","to":[],"transactionId":"6"}, {"name":"callback","to":{"subscriberId":"e"},"transactionId":"7"}]}`)
	require.Equal(t, []outcome{
		{true, "processed", nil, "1"},
		{true, "error", []string{"name: It is missing."}, ""},
		{true, "error", []string{"The trigger is no object."}, ""},
		{true, "error", []string{"There is neither a handler nor a flow of this name."}, ""},
		{true, "trigger_not_active", nil, "5"},
		{true, "invalid_recipients", nil, "6"},
		{true, "processed", nil, "7"},
	}, dataOf[[]outcome](t, got, 201))
	require.Len(t, m.requests(), 5)

	list := func(n int) string {
		return `{"events":[` + strings.TrimSuffix(strings.Repeat(`{"name":"now","to":"a"},`, n), ",") + `]}`
	}
	require.Len(t, dataOf[[]outcome](t, b.post(t, "/v1/events/trigger/bulk", list(100)), 201), 100)
	for _, n := range []int{0, 101} {
		e := requireNovuError(t, b.post(t, "/v1/events/trigger/bulk", list(n)), 400, "/v1/events/trigger/bulk")
		require.Contains(t, string(e.Errors), `"field":"events"`)
	}
	requireNovuError(t, b.post(t, "/v1/events/trigger/bulk", `{}`), 422, "/v1/events/trigger/bulk")
	all := dataOf[[]outcome](t, b.post(t, "/v1/events/trigger/bulk", `{"events":[{},{}]}`), 201)
	require.Len(t, all, 2)
	require.Len(t, m.requests(), 105)
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	const path = "/v1/events/trigger/broadcast"
	got := b.post(t, path, `{"name":"callback","payload":{"a":1},"transactionId":"all/1"}`)
	require.Equal(t, outcome{true, "processed", nil, "all/1"}, dataOf[outcome](t, got, 201))
	require.Empty(t, m.requests()[0].To)
	requireNovuError(t, b.post(t, path, `{"name":"callback"}`), 422, path)
	requireNovuError(t, b.post(t, path, `{"name":"nobody","payload":{}}`), 422, path)

	got = b.get(t, path+"/all%2F1")
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"data":{"transactionId":"all/1","name":"callback","state":"running","sent":200,"total":450,
		"createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-01-02T03:04:06.678Z"}}`, string(got.body))
	requireNovuError(t, b.get(t, path+"/other"), 404, path+"/other")
	require.True(t, dataOf[bool](t, b.do(t, http.MethodDelete, "/v1/events/trigger/all%2F1", nil), 200))
}

// An id may hold anything; clients encode it, or not.
func TestCancel(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	for _, id := range []string{
		"simple", "a/b", "bulk", "broadcast", "50%", "a b", "a+b", "zażółć", "..", ".", "a//b", "?x=1", "#1", "x;y", "/", "%2F",
		strings.Repeat("x", store.MaxKey),
	} {
		body, err := json.Marshal(map[string]any{"name": "later", "to": "anna", "transactionId": id})
		require.NoError(t, err)
		require.Equal(t, id, dataOf[outcome](t, b.post(t, "/v1/events/trigger", string(body)), 201).TransactionID)
		path := "/v1/events/trigger/" + strings.NewReplacer(".", "%2E", "+", "%2B").Replace(url.PathEscape(id))
		require.True(t, dataOf[bool](t, b.do(t, http.MethodDelete, path, nil), 200), id)
		require.False(t, dataOf[bool](t, b.do(t, http.MethodDelete, path, nil), 200), id)
	}
	m.pending[[2]string{"default", "a/b"}] = true
	require.True(t, dataOf[bool](t, b.do(t, http.MethodDelete, "/v1/events/trigger/a/b", nil), 200), "not encoded")
	for _, id := range []string{"never", strings.Repeat("x", store.MaxKey+1), "%00", "%FF"} {
		require.False(t, dataOf[bool](t, b.do(t, http.MethodDelete, "/v1/events/trigger/"+id, nil), 200))
	}
	conn := b.dial(t) // net/http would not send this
	_, err := fmt.Fprintf(conn, "DELETE /v1/events/trigger/50%% HTTP/1.1\r\nHost: %s\r\n\r\n", b.addr)
	require.NoError(t, err)
	requireNovuError(t, readRaw(t, conn), 400, "/v1/events/trigger/50%")
}

// The Ruby client labels nothing as JSON and writes forms with brackets.
func TestBodiesThatAreNotLabelled(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	const form = "application/x-www-form-urlencoded"
	for _, tc := range []struct{ label, body string }{
		{"application/json", `{"name":"now","to":{"subscriberId":"x"},"payload":{"a":"1"}}`},
		{"application/json; charset=utf-8", ` {"name":"now","to":{"subscriberId":"x"},"payload":{"a":"1"}} `},
		{form, `{"name":"now","to":{"subscriberId":"x"},"payload":{"a":"1"}}`},
		{"", `{"name":"now","to":{"subscriberId":"x"},"payload":{"a":"1"}}`},
		{"text/plain", `{"name":"now","to":{"subscriberId":"x"},"payload":{"a":"1"}}`},
		{form, `name=now&payload%5Ba%5D=1&to%5BsubscriberId%5D=x`},
		{"", `name=now&payload[a]=1&to[subscriberId]=x&`},
		{form, `name=now&payload[a]=1&to[][subscriberId]=x`},
		{form, `name=now&payload[a]=1&to[0][subscriberId]=x`},
		{form, `name=now&payload[a]=1&to=x&transactionId=&actor=`},
	} {
		var label []string
		if tc.label != "" {
			label = []string{"Content-Type", tc.label}
		}
		before := len(m.requests())
		require.Equal(t, 201, b.post(t, "/v1/events/trigger", tc.body, label...).status, tc.body)
		last := m.requests()[before]
		require.Equal(t, []triggerapi.Recipient{{Subscriber: store.Subscriber{ID: "x"}}}, last.To, tc.body)
		require.JSONEq(t, `{"a":"1"}`, string(last.Payload), tc.body)
	}
	got := b.post(t, "/v1/events/trigger/broadcast", `name=callback&payload[a][]=1&payload[a][]=2`, "Content-Type", form)
	require.Equal(t, 201, got.status)
	last := m.requests()[len(m.requests())-1]
	require.JSONEq(t, `{"a":["1","2"]}`, string(last.Payload))
	require.Equal(t, 201, b.post(t, "/v1/events/trigger/broadcast", `name=callback`, "Content-Type", form).status)
	for _, wrong := range []string{"hello", "name=now&to[=x", "name=now&name[a]=x", "name=%zz"} {
		requireNovuError(t, b.post(t, "/v1/events/trigger", wrong, "Content-Type", form), 400, "/v1/events/trigger")
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.APIKeys = []httpapi.APIKey{{Key: "one-key"}, {Account: "acme", Key: "another-key"}}
	})
	const path, body = "/v1/events/trigger", `{"name":"now","to":"anna"}`
	send := func(apiKey, path, body, key string) answer {
		return b.post(t, path, body, "Authorization", "ApiKey "+apiKey, "Idempotency-Key", key)
	}
	first := send("one-key", path, body, "k")
	require.Equal(t, 201, first.status)
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	again := send("one-key", path, body, " k ")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, first.status, again.status)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "application/json", again.header.Get("Content-Type"))
	require.Len(t, m.requests(), 1)

	// The same key with anything else is another request.
	for _, other := range []answer{
		send("one-key", path, `{"name":"now","to":"bert"}`, "k"),
		send("one-key", path, body, "K"),
		send("another-key", path, body, "k"),
		send("one-key", path, body, ""),
		send("one-key", "/v1/events/trigger/broadcast", `{"name":"callback","payload":{}}`, "k"),
		send("one-key", "/v1/events/trigger/bulk", `{"events":[{"name":"now","to":"a"},{}]}`, "k"),
	} {
		require.Equal(t, 201, other.status)
		require.Empty(t, other.header.Get("Idempotency-Replayed"))
	}
	require.Len(t, m.requests(), 7)
	for path, body := range map[string]string{
		"/v1/events/trigger/broadcast": `{"name":"callback","payload":{}}`,
		"/v1/events/trigger/bulk":      `{"events":[{"name":"now","to":"a"},{}]}`,
	} {
		require.Equal(t, "true", send("one-key", path, body, "k").header.Get("Idempotency-Replayed"))
	}
	require.Len(t, m.requests(), 7)

	// What was refused may succeed the next time.
	require.Equal(t, 422, send("one-key", path, `{"name":"soon","to":"a"}`, "k").status)
	m.mu.Lock()
	m.handlers["soon"] = store.Handler{Name: "soon", Enabled: true}
	m.mu.Unlock()
	require.Equal(t, 201, send("one-key", path, `{"name":"soon","to":"a"}`, "k").status)
	requireNovuError(t, send("one-key", path, body, strings.Repeat("k", 256)), 400, path)
}

func TestLargeTriggers(t *testing.T) {
	t.Parallel()
	const path = "/v1/events/trigger"
	large := `{"name":"now","to":"a","payload":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`
	b, m := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.WebhookSecrets, cfg.APIKeys = []string{"the-secret"}, []httpapi.APIKey{{Key: "the-key"}}
		cfg.BodyLimit = 200 << 10
	})
	requireNovuError(t, b.post(t, path, large), 401, path)
	requireNovuError(t, b.post(t, path, large, "Authorization", "ApiKey wrong"), 401, path)
	require.Equal(t, 201, b.post(t, path, large, "Authorization", "ApiKey the-key").status)
	requireNovuError(t, b.post(t, path, large+strings.Repeat(" ", 100<<10), "Authorization", "ApiKey the-key"), 413, path)
	requireProblem(t, b.post(t, "/v1/webhooks", large, "Authorization", "ApiKey the-key"), 401, "unauthorized")
	require.Len(t, m.requests(), 1)
	require.Len(t, m.requests()[0].Payload, 100<<10+8)
}

func TestTriggersLeaveNothingPersonalInTheLog(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, func(cfg *httpapi.Config) { cfg.APIKeys = []httpapi.APIKey{{Key: "top-secret-key"}} })
	key := []string{"Authorization", "ApiKey top-secret-key", "Idempotency-Key", "kowalski"}
	b.post(t, "/v1/events/trigger", `{"name":"now","to":"kowalski","payload":{"phone":"+48501502503"}}`, key...)
	b.post(t, "/v1/events/trigger", `{"name":"kowalski","to":{"kowalski":1}}`, key...)
	b.do(t, http.MethodDelete, "/v1/events/trigger/kowalski", nil, key...)
	b.get(t, "/v1/subscribers/kowalski", key...)
	b.get(t, "/v1/subscribers/kowalski", "Authorization", "ApiKey top-secret-kez")
	require.Equal(t, 5, strings.Count(b.log.String(), "answered request"))
	for _, personal := range []string{"kowalski", "501502503", "top-secret"} {
		require.NotContains(t, b.log.String(), personal)
	}
}
