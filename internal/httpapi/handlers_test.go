package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

const someHandler = `{"name":"sms","on":["call_missed"],"do":[{"type":"send_msg","text":"We call back."}]}`

func names(t *testing.T, a answer) []string {
	t.Helper()
	require.Equal(t, 200, a.status, "%s", a.body)
	var list struct {
		Handlers []struct {
			Name string `json:"name"`
		} `json:"handlers"`
	}
	require.NoError(t, json.Unmarshal(a.body, &list))
	got := []string{}
	for _, handler := range list.Handlers {
		got = append(got, handler.Name)
	}
	return got
}

func TestHandlersAreListed(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, func(cfg *httpapi.Config) { cfg.APIKeys = []httpapi.APIKey{{Key: "k"}, {Account: "acme", Key: "a"}} })
	require.Equal(t, []string{"acme-only", "filed", "later", "now", "off"}, names(t, b.get(t, "/v1/handlers")))
	require.Equal(t, []string{"filed", "later", "now", "off"}, names(t, b.get(t, "/v1/handlers?account=default")))
	require.Equal(t, []string{"acme-only", "filed", "later", "now", "off"}, names(t, b.get(t, "/v1/handlers?account=acme")))
	require.Equal(t, []string{"filed", "later", "now", "off"}, names(t, b.get(t, "/v1/handlers", "Authorization", "ApiKey k")))
	require.Len(t, names(t, b.get(t, "/v1/handlers", "Authorization", "ApiKey a")), 5)
	requireProblem(t, b.get(t, "/v1/handlers?acount=acme"), 400, "parameter_unknown")
}

func TestHandlerIsCreatedReadChangedAndRemoved(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	got := b.post(t, "/v1/handlers", someHandler)
	require.Equal(t, 201, got.status, "%s", got.body)
	require.Equal(t, "/v1/handlers/sms", got.header.Get("Location"))
	want := `{"name":"sms","account":null,"source":"api","enabled":true,"fired":0,"fired_at":null,"failures":0,"last_error":null,
		"updated_at":"2026-01-02T03:04:05.678901Z","definition":` + someHandler + `}`
	require.JSONEq(t, want, string(got.body))
	require.JSONEq(t, want, string(b.get(t, "/v1/handlers/sms").body))

	requireProblem(t, b.post(t, "/v1/handlers", someHandler), 409, "handler_exists")
	got = b.do(t, http.MethodPatch, "/v1/handlers/sms", strings.NewReader(`{"enabled":false}`))
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `"enabled":false`)
	for _, wrong := range []string{`{}`, `{"enabled":1}`, `{"enabled":null}`, `{"enabled":true,"after":"5m"}`, ``, `{"enabled":true}{}`} {
		requireProblem(t, b.do(t, http.MethodPatch, "/v1/handlers/sms", strings.NewReader(wrong)), 400, "body_invalid")
	}

	put := func(name, body string) answer {
		return b.do(t, http.MethodPut, "/v1/handlers/"+name, strings.NewReader(body))
	}
	require.Equal(t, 200, put("sms", someHandler).status)
	got = put("another", ` { "on":["call_ended"],"do":[] } `)
	require.Equal(t, 201, got.status, "%s", got.body)
	require.Equal(t, "/v1/handlers/another", got.header.Get("Location"))
	require.JSONEq(t, `{"name":"another","on":["call_ended"],"do":[]}`, string(m.handlers["another"].Definition))
	p := requireProblem(t, put("another", someHandler), 422, "handler_invalid")
	require.Contains(t, p.Detail, "name: it is not the one in the path")
	requireProblem(t, put("Another", someHandler), 422, "handler_invalid")
	requireProblem(t, put("another", `{}`), 422, "handler_invalid")
	requireProblem(t, put("another", `[]`), 400, "body_invalid")

	require.Equal(t, 204, b.do(t, http.MethodDelete, "/v1/handlers/sms", nil).status)
	for method, body := range map[string]string{"GET": "", "PATCH": `{"enabled":true}`, "DELETE": ""} {
		for _, name := range []string{"sms", "No-Name", strings.Repeat("x", 65)} {
			requireProblem(t, b.do(t, method, "/v1/handlers/"+name, strings.NewReader(body)), 404, "handler_not_found")
		}
	}
	for _, method := range []string{"POST", "GET"} {
		path := map[string]string{"POST": "/v1/handlers/sms/test", "GET": "/v1/handlers/sms/triggers"}[method]
		requireProblem(t, b.do(t, method, path, strings.NewReader(`{"event":{"type":"x"}}`)), 404, "handler_not_found")
	}
}

func TestWhatIsWrongWithADefinition(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	got := b.post(t, "/v1/handlers", `{"name":"sms"}`)
	p := requireProblem(t, got, 422, "handler_invalid")
	require.Contains(t, p.Detail, "line 1: on: it is missing; and 1 more")
	var listed struct {
		Errors json.RawMessage `json:"errors"`
	}
	require.NoError(t, json.Unmarshal(got.body, &listed))
	require.JSONEq(t, `[{"line":1,"field":"on","message":"it is missing"},
		{"line":3,"field":"do[0].text","message":"it is no template"}]`, string(listed.Errors))
	for _, wrong := range []string{"", "[]", "null", `"x"`, "{", "name: sms"} {
		requireProblem(t, b.post(t, "/v1/handlers", wrong), 400, "body_invalid")
	}
	requireProblem(t, b.post(t, "/v1/handlers?account=acme", someHandler), 400, "parameter_unknown")
}

func TestTheFileOwnsItsHandlers(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	for method, body := range map[string]string{"PUT": strings.Replace(someHandler, "sms", "filed", 1), "DELETE": ""} {
		requireProblem(t, b.do(t, method, "/v1/handlers/filed", strings.NewReader(body)), 409, "handler_of_file")
	}
	got := b.do(t, http.MethodPatch, "/v1/handlers/filed", strings.NewReader(`{"enabled":false}`))
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `"source":"file","enabled":false`)
}

func TestKeysChangeOnlyTheirOwnHandlers(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, func(cfg *httpapi.Config) { cfg.APIKeys = []httpapi.APIKey{{Account: "acme", Key: "a"}} })
	key := []string{"Authorization", "ApiKey a"}
	require.Equal(t, 201, b.post(t, "/v1/handlers", someHandler, key...).status)
	require.Equal(t, "acme", m.handlers["sms"].Account)
	foreign := strings.Replace(someHandler, `"name":"sms"`, `"name":"more","account":"other"`, 1)
	requireProblem(t, b.post(t, "/v1/handlers", foreign, key...), 403, "handler_foreign")
	requireProblem(t, b.do(t, http.MethodDelete, "/v1/handlers/now", nil, key...), 404, "handler_not_found")
	require.Equal(t, 204, b.do(t, http.MethodDelete, "/v1/handlers/sms", nil, key...).status)
}

func TestSecretsOfHandlersAreNotShown(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	definition := `{"name":"hook","on":["call_missed"],"do":[{"type":"call_webhook","method":"POST",` +
		`"url":"https://user:geheim@example.com/a?x=1&api_key=geheim&token=geheim#f","secret":"geheim",` +
		`"headers":{"Authorization":"Bearer geheim","X-Api-Key":"geheim","Content-Type":"text/<b>","X-Auth-Token":"geheim"},` +
		`"body":"{\"n\":1.50}","list":[1.50,null,true,{"secret":""}]}]}`
	shown := `{"name":"hook","on":["call_missed"],"do":[{"type":"call_webhook","method":"POST",` +
		`"url":"https://REDACTED@example.com/a?x=1&api_key=REDACTED&token=REDACTED#f","secret":"REDACTED",` +
		`"headers":{"Authorization":"REDACTED","X-Api-Key":"REDACTED","Content-Type":"text/<b>","X-Auth-Token":"REDACTED"},` +
		`"body":"{\"n\":1.50}","list":[1.50,null,true,{"secret":""}]}]}`
	got := b.post(t, "/v1/handlers", definition)
	require.Equal(t, 201, got.status)
	require.Contains(t, string(got.body), `"definition":`+shown) // in the same order
	require.Equal(t, definition, string(m.handlers["hook"].Definition))
	for _, path := range []string{"/v1/handlers", "/v1/handlers/hook"} {
		got := b.get(t, path)
		require.Contains(t, string(got.body), shown)
		require.NotContains(t, string(got.body), "geheim")
	}

	// The mark does not come back as a secret, except where the service knows what it stands for.
	for _, part := range []string{`"headers":{"Authorization":"REDACTED"}`, `"url":"https://REDACTED@example.com"`, `"url":"/?token=REDACTED"`} {
		body := `{"name":"hook","on":["call_missed"],"do":[{"type":"call_webhook",` + part + `}]}`
		p := requireProblem(t, b.do(t, http.MethodPut, "/v1/handlers/hook", strings.NewReader(body)), 422, "handler_invalid")
		require.Contains(t, p.Detail, "give the value itself")
	}
	body := `{"name":"hook","on":["call_missed"],"do":[{"type":"call_webhook","secret":"REDACTED"}]}`
	require.Equal(t, 200, b.do(t, http.MethodPut, "/v1/handlers/hook", strings.NewReader(body)).status)
}

func TestHandlerIsTried(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	putCalls(t, db, callOf(1, nil), callOf(2, func(c *store.Call) { c.MergedInto, c.Record = uuidOf(1), nil }),
		callOf(3, func(c *store.Call) { c.Account = "acme" }))
	b, m := setupTriggers(t, func(cfg *httpapi.Config) { cfg.Reader = db })
	const path = "/v1/handlers/now/test"

	got := b.post(t, path, `{"call_uuid":"`+uuidOf(1)+`"}`)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, `{"handler":"now","matches":true,"reason":null,"fire_at":"2026-01-02T03:04:05.678901Z",
		"events":[{"type":"msg_created","from":"now"}],"requests":[{"method":"POST"}]}`, string(got.body))
	got = b.post(t, path, `{"call_uuid":" `+strings.ToUpper(uuidOf(2))+`","event_type":"call_started"}`)
	require.JSONEq(t, `{"handler":"now","matches":false,"reason":"it is not for call_started","fire_at":null,"events":[],"requests":[]}`,
		string(got.body))
	require.Equal(t, 200, b.post(t, path+"?account=acme", `{"call_uuid":"`+uuidOf(3)+`"}`).status)
	require.Equal(t, 200, b.post(t, path, `{"event":{"type":"call_missed"}}`).status)
	require.Len(t, m.trials, 4)
	require.Equal(t, uuidOf(1), m.trials[0].CallUUID)
	require.Equal(t, uuidOf(1), m.trials[1].CallUUID, "the call that it was merged into")
	require.Equal(t, "acme", m.trials[2].Account)
	require.JSONEq(t, `{"type":"call_missed"}`, string(m.trials[3].Event))

	requireProblem(t, b.post(t, path, `{"event":{}}`), 422, "body_unfit")
	requireProblem(t, b.post(t, path, `{"call_uuid":"`+uuidOf(3)+`"}`), 404, "call_not_found")
	requireProblem(t, b.post(t, path, `{"call_uuid":"none"}`), 404, "call_not_found")
	for _, wrong := range []string{
		``, `{}`, `[]`, `{"event":7}`, `{"event":null}`, `{"call":"x"}`, `{"call_uuid":7}`, `{"event":{},"event_type":"x"}`,
		`{"call_uuid":"` + uuidOf(1) + `","event":{}}`,
	} {
		requireProblem(t, b.post(t, path, wrong), 400, "body_invalid")
	}

	// A definition is tried before it is kept; it gets the name in the path, and no secret that only answers show.
	const unkept = "/v1/handlers/unkept/test"
	got = b.post(t, unkept, `{"event":{"type":"x"},"definition":{"on":"call_missed"}}`)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, `{"name":"unkept","on":"call_missed"}`, string(m.trials[len(m.trials)-1].Definition))
	requireProblem(t, b.post(t, unkept, `{"event":{"type":"x"}}`), 404, "handler_not_found")
	requireProblem(t, b.post(t, unkept, `{"event":{"type":"x"},"definition":{"name":"other"}}`), 422, "handler_invalid")
	requireProblem(t, b.post(t, unkept, `{"event":{"type":"x"},"definition":7}`), 400, "body_invalid")
	requireProblem(t, b.post(t, "/v1/handlers/UN/test", `{"event":{"type":"x"},"definition":{}}`), 422, "handler_invalid")
	m.err = store.ErrUnavailable
	requireProblem(t, b.post(t, path, `{"event":{"type":"x"}}`), 503, "storage_unavailable")
}

func TestWhatWasTriggeredIsShown(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	putCalls(t, db, callOf(1, nil), callOf(2, func(c *store.Call) { c.MergedInto, c.Record = uuidOf(1), nil }),
		callOf(3, func(c *store.Call) { c.Account = "acme" }))
	b, m := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.Reader, cfg.APIKeys = db, []httpapi.APIKey{{Key: "k"}, {Account: "acme", Key: "a"}}
	})
	m.triggers = []store.Trigger{
		{
			ID: uuidOf(10), Account: "default", Handler: "now", CallUUID: uuidOf(1), Contact: "+48501502503", EventType: "call_missed",
			EventUUID: uuidOf(11), EventAt: dialog.TimeOf(memoryTime), State: store.TriggerCancelled, Depth: 1, CreatedAt: memoryTime,
			FireAt: memoryTime, EndedAt: memoryTime, Reason: "call_talking",
		},
		{ID: uuidOf(20), Account: "acme", Handler: "now", TransactionID: "tx", CallUUID: uuidOf(3), State: store.TriggerPending, CreatedAt: memoryTime},
	}
	one := `{"uuid":"` + uuidOf(10) + `","account":"default","handler":"now","state":"cancelled","reason":"call_talking","transaction_id":null,
		"call_uuid":"` + uuidOf(1) + `","event_uuid":"` + uuidOf(11) + `","event_type":"call_missed","event_at":"2026-01-02T03:04:05Z",
		"depth":1,"created_at":"2026-01-02T03:04:05.678901Z","fire_at":"2026-01-02T03:04:05.678901Z","ended_at":"2026-01-02T03:04:05.678901Z"}`
	two := `{"uuid":"` + uuidOf(20) + `","account":"acme","handler":"now","state":"pending","reason":null,"transaction_id":"tx",
		"call_uuid":"` + uuidOf(3) + `","event_uuid":null,"event_type":null,"event_at":null,"depth":0,
		"created_at":"2026-01-02T03:04:05.678901Z","fire_at":null,"ended_at":null}`
	all := `{"triggers":[` + one + `,` + two + `]}`
	require.JSONEq(t, all, string(b.get(t, "/v1/handlers/now/triggers").body))
	require.JSONEq(t, `{"triggers":[`+one+`]}`, string(b.get(t, "/v1/handlers/now/triggers?limit=1").body))
	require.JSONEq(t, `{"triggers":[`+two+`]}`, string(b.get(t, "/v1/handlers/now/triggers", "Authorization", "ApiKey a").body))
	require.JSONEq(t, `{"triggers":[]}`, string(b.get(t, "/v1/handlers/off/triggers").body))
	requireProblem(t, b.get(t, "/v1/handlers/now/triggers?limit=201"), 400, "parameter_invalid")

	require.JSONEq(t, `{"triggers":[`+one+`]}`, string(b.get(t, "/v1/calls/"+uuidOf(1)+"/triggers").body))
	merged := b.get(t, "/v1/calls/"+uuidOf(2)+"/triggers")
	require.Equal(t, 308, merged.status)
	require.Equal(t, "/v1/calls/"+uuidOf(1)+"/triggers", merged.header.Get("Location"))
	requireProblem(t, b.get(t, "/v1/calls/"+uuidOf(3)+"/triggers"), 404, "call_not_found")
	require.JSONEq(t, `{"triggers":[`+two+`]}`, string(b.get(t, "/v1/calls/"+uuidOf(3)+"/triggers?account=acme").body))
	require.JSONEq(t, `{"triggers":[`+two+`]}`, string(b.get(t, "/v1/calls/"+uuidOf(3)+"/triggers", "Authorization", "ApiKey a").body))
	requireProblem(t, b.get(t, "/v1/calls/"+uuidOf(3)+"/triggers?account=default", "Authorization", "ApiKey a"), 400, "parameter_invalid")
}

func TestHandlersWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	m.err = store.ErrUnavailable
	for route, body := range map[string]string{
		"GET /v1/handlers": "", "GET /v1/handlers/now": "", "GET /v1/handlers/now/triggers": "", "POST /v1/handlers": someHandler,
		"PUT /v1/handlers/sms": someHandler, "PATCH /v1/handlers/now": `{"enabled":true}`, "DELETE /v1/handlers/now": "",
	} {
		method, path, _ := strings.Cut(route, " ")
		got := b.do(t, method, path, strings.NewReader(body))
		requireProblem(t, got, 503, "storage_unavailable")
		require.Equal(t, "5", got.header.Get("Retry-After"))
	}
	m.err = context.DeadlineExceeded
	requireProblem(t, b.post(t, "/v1/handlers", someHandler), 503, "timeout")
}

// How a handler of all accounts has been doing says what goes on in the others: how often something happened there and when, and
// what was in the data that it failed on. Whoever sees one account alone is shown what it is, and no more.
func TestAHandlerOfAllShowsNothingOfOtherAccounts(t *testing.T) {
	t.Parallel()
	counted := func(account string) store.Handler {
		return store.Handler{
			Name: "counted" + account, Account: account, Source: store.HandlerFromAPI, Enabled: true, Fired: 4711, FiredAt: memoryTime,
			Failures: 815, LastError: "48600700800 is no time", UpdatedAt: memoryTime,
			Definition: []byte(`{"name":"counted` + account + `","on":["call_missed"],"do":[{"type":"send_msg","text":"x"}]}`),
		}
	}
	b, m := setupTriggers(t, withTokens)
	m.put(counted(""), counted("acme"))
	told := []string{"4711", "815", "48600700800"}
	session := func(token string) []string { return []string{"Cookie", logIn(t, b, token)} }
	for name, tc := range map[string]struct {
		headers []string
		all     bool // of the handler of all accounts
	}{
		"a token of one account":   {bearer(tokenOfAcme), false},
		"a session of one account": {session(tokenOfAcme), false},
		"a key of one account":     {session(keyOfAcme), false},
		"a token of all":           {bearer(tokenOfAll), true},
		"a session of all":         {session(tokenOfAll), true},
	} {
		for path, shown := range map[string]bool{
			"/v1/handlers/counted": tc.all, "/handlers/counted": tc.all, "/v1/handlers/countedacme": true, "/handlers/countedacme": true,
		} {
			got := b.get(t, path, append([]string{"Accept", "text/html"}, tc.headers...)...)
			require.Equal(t, 200, got.status, "%s", got.body)
			for _, text := range told {
				require.Equal(t, shown, strings.Contains(string(got.body), text), "%s: %s at %s", name, text, path)
			}
		}
		for _, path := range []string{"/v1/handlers", "/handlers"} {
			got := string(b.get(t, path, append([]string{"Accept", "text/html"}, tc.headers...)...).body)
			want := 1
			if tc.all {
				want = 2
			}
			require.Equal(t, want, strings.Count(got, "48600700800"), "%s at %s", name, path)
			require.Equal(t, want, strings.Count(got, "4711"), "%s at %s", name, path)
		}
	}
	got := b.get(t, "/v1/handlers/counted", bearer(tokenOfAcme)...)
	require.Contains(t, string(got.body), `"fired":null,"fired_at":null,"failures":null,"last_error":null`)
}
