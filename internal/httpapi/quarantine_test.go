package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

type refusedBody struct {
	ID         int64   `json:"id"`
	Count      int     `json:"count"`
	Code       string  `json:"code"`
	Size       int     `json:"size"`
	Body       *string `json:"body"`
	BodyBase64 []byte  `json:"body_base64"`
}

func quarantined(t *testing.T, b *bundle, query string, headers ...string) (list []refusedBody, next string) {
	t.Helper()
	got := b.get(t, "/v1/quarantine"+query, headers...)
	require.Equal(t, 200, got.status, "%s", got.body)
	var page struct {
		Refused    []refusedBody `json:"refused"`
		NextCursor *string       `json:"next_cursor"`
	}
	require.NoError(t, json.Unmarshal(got.body, &page))
	if page.NextCursor != nil {
		next = *page.NextCursor
	}
	return page.Refused, next
}

func TestQuarantineIsShown(t *testing.T) {
	t.Parallel()
	b, _ := setupIngest(t)
	for i := range 5 {
		require.Equal(t, 400, b.post(t, "/v1/webhooks", fmt.Sprintf(`{"n":%d`, i)).status)
	}
	require.Equal(t, 400, b.post(t, "/v1/webhooks", `{"n":0`).status)
	require.Equal(t, 400, b.post(t, "/v1/webhooks", "\xff").status)

	var bodies []string
	query := "?limit=2"
	for query != "" {
		list, next := quarantined(t, b, query)
		for _, one := range list {
			got := b.get(t, fmt.Sprintf("/v1/quarantine/%d", one.ID))
			require.Equal(t, 200, got.status)
			var whole refusedBody
			require.NoError(t, json.Unmarshal(got.body, &whole))
			if whole.Body == nil {
				require.Equal(t, []byte{0xff}, whole.BodyBase64)
				continue
			}
			require.Equal(t, len(*whole.Body), whole.Size)
			require.Equal(t, one.Code, whole.Code)
			bodies = append(bodies, *whole.Body)
		}
		query = ""
		if next != "" {
			query = "?limit=2&cursor=" + next
		}
	}
	require.ElementsMatch(t, []string{`{"n":0`, `{"n":1`, `{"n":2`, `{"n":3`, `{"n":4`}, bodies)
	require.Equal(t, `{"n":0`, bodies[0], "the one that came last")
	requireProblem(t, b.get(t, "/v1/quarantine/99"), 404, "refused_not_found")
	requireProblem(t, b.get(t, "/v1/quarantine/x"), 404, "refused_not_found")
	requireProblem(t, b.get(t, "/v1/quarantine/1?account=acme"), 404, "refused_not_found")
	for _, cursor := range []string{"x", "MQ", "MS54"} {
		requireProblem(t, b.get(t, "/v1/quarantine?cursor="+cursor), 400, "parameter_invalid")
	}
	requireProblem(t, b.get(t, "/v1/quarantine?done=accepted"), 400, "parameter_unknown")
}

// A body that can be read by now is taken through the door, and leads to its call.
func TestRedrive(t *testing.T) {
	t.Parallel()
	b, db := setupIngest(t)
	webhook := documentedCall(t)[0]
	refuse := func(code string, body []byte, truncated bool) int64 {
		require.NoError(t, db.Quarantine(t.Context(), store.Refused{
			Account: "default", ReceivedAt: time.Now(), Code: code, Reason: "it could not be read then", Body: body,
			SHA256: [32]byte{byte(len(body)), body[0]}, Truncated: truncated,
		}))
		list, _ := quarantined(t, b, "")
		return list[0].ID
	}
	path := func(id int64) string { return fmt.Sprintf("/v1/quarantine/%d/redrive", id) }

	id := refuse("unprocessable", webhook, false)
	got := b.post(t, path(id), "")
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, `{"status":"accepted","journal_id":1,"dialog_uuid":"`+aDialog+`","call_uuid":"`+aDialog+`"}`, string(got.body))
	require.Equal(t, 200, b.get(t, "/v1/calls/"+aDialog).status)
	requireProblem(t, b.post(t, path(id), ""), 404, "refused_not_found")

	id = refuse("unprocessable", webhook, false)
	require.JSONEq(t, `{"status":"duplicate"}`, string(b.post(t, path(id), "").body))

	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(documentedCall(t)[1])
	require.NoError(t, err)
	require.NoError(t, w.Close())
	id = refuse("content_encoding_unsupported", packed.Bytes(), false)
	require.Contains(t, string(b.post(t, path(id), "").body), `"accepted"`)

	empty, _ := quarantined(t, b, "")
	require.Empty(t, empty)

	requireProblem(t, b.post(t, path(refuse("content_encoding_unsupported", []byte("no gzip"), false)), ""), 409, "redrive_refused")
	requireProblem(t, b.post(t, path(refuse("malformed_json", []byte(`{"a`), true)), ""), 409, "redrive_refused")
	require.Equal(t, 400, b.post(t, "/v1/webhooks", `[1]`).status)
	list, _ := quarantined(t, b, "")
	p := requireProblem(t, b.post(t, path(list[0].ID), ""), 409, "not_an_object")
	require.Contains(t, p.Detail, "stays in quarantine")
	list, _ = quarantined(t, b, "")
	require.Len(t, list, 3)
	require.Equal(t, 2, list[0].Count, "it came once more")
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	b, _ := setupIngest(t)
	require.Equal(t, 400, b.post(t, "/v1/webhooks", `{"a`).status)
	list, _ := quarantined(t, b, "")
	path := fmt.Sprintf("/v1/quarantine/%d", list[0].ID)
	requireProblem(t, b.do(t, http.MethodDelete, path+"?account=acme", nil), 404, "refused_not_found")
	require.Equal(t, 204, b.do(t, http.MethodDelete, path, nil).status)
	requireProblem(t, b.do(t, http.MethodDelete, path, nil), 404, "refused_not_found")
}

// Who may empty quarantine: API keys their account's; where there is none, the webhook secret those of the accounts without ways
// of their own; where there is no token at all, whoever is on this machine; and read tokens never.
func TestWhoMayEmptyQuarantine(t *testing.T) {
	t.Parallel()
	secret, key := []string{"X-Webhook-Secret", "the-secret"}, []string{"Authorization", "ApiKey " + keyOfAcme}
	for name, tc := range map[string]struct {
		change func(*httpapi.Config)
		sent   []string
		status int // of discarding a body of acme
	}{
		"nothing configured":                 {nil, nil, 204},
		"nothing configured, another's page": {nil, []string{"Origin", "http://evil.example"}, 403},
		"public, no secret sent":             {func(c *httpapi.Config) { c.GuardReads = true; c.WebhookSecrets = []string{"the-secret"} }, nil, 401},
		"public, the secret":                 {func(c *httpapi.Config) { c.GuardReads = true; c.WebhookSecrets = []string{"the-secret"} }, secret, 204},
		"read tokens, the secret":            {func(c *httpapi.Config) { withTokens(c); c.APIKeys = nil; c.WebhookSecrets = []string{"the-secret"} }, secret, 204},
		"read tokens, one sent":              {func(c *httpapi.Config) { withTokens(c); c.APIKeys = nil }, bearer(tokenOfAll), 403},
		"read tokens, none sent":             {func(c *httpapi.Config) { withTokens(c); c.APIKeys = nil }, nil, 401},
		"keys, the secret":                   {func(c *httpapi.Config) { withTokens(c); c.ReadTokens = nil; c.WebhookSecrets = []string{"the-secret"} }, secret, 403},
		"keys and tokens, the secret":        {func(c *httpapi.Config) { withTokens(c); c.WebhookSecrets = []string{"the-secret"} }, secret, 401},
		"keys, none sent":                    {func(c *httpapi.Config) { withTokens(c); c.ReadTokens = nil }, nil, 403},
		"keys, the key":                      {withTokens, key, 204},
		"a read token of all":                {withTokens, bearer(tokenOfAll), 403},
		"a read token of the account":        {withTokens, bearer(tokenOfAcme), 403},
		"no token":                           {withTokens, nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openStore(t)
			b := setup(t, func(cfg *httpapi.Config) {
				if tc.change != nil {
					tc.change(cfg)
				}
				cfg.Reader, cfg.Refusals = db, db
			})
			require.NoError(t, db.Quarantine(t.Context(), store.Refused{Account: "acme", ReceivedAt: time.Now(), Body: []byte("x")}))
			got := b.do(t, http.MethodDelete, "/v1/quarantine/1?account=acme", nil, tc.sent...)
			require.Equal(t, tc.status, got.status, "%s", got.body)
		})
	}
}

func TestQuarantineAsPages(t *testing.T) {
	t.Parallel()
	b, db := setupIngest(t)
	require.Contains(t, htmlOf(t, b, "/quarantine"), "Quarantine is empty")
	require.Equal(t, 400, b.post(t, "/v1/webhooks", `{"<script>alert(1)</script>": `).status)
	require.NoError(t, db.Quarantine(t.Context(), store.Refused{
		Account: "default", ReceivedAt: time.Now().Add(time.Minute), Code: "unprocessable", Body: documentedCall(t)[0], SHA256: [32]byte{1},
	}))
	text := htmlOf(t, b, "/quarantine")
	require.Contains(t, text, "no valid JSON")
	require.Contains(t, text, "&lt;script&gt;")
	require.NotContains(t, text, "<script>")
	links := regexp.MustCompile(`href="(/quarantine/\d+)"`).FindAllStringSubmatch(text, -1)
	require.Len(t, links, 2)

	text = htmlOf(t, b, links[0][1])
	require.Contains(t, text, `action="`+links[0][1]+`/redrive"`)
	got := b.form(t, links[0][1]+"/redrive", nil)
	require.Equal(t, 303, got.status, "%s", got.body)
	require.Equal(t, "/quarantine?call="+aDialog+"&done=accepted", got.header.Get("Location"))
	text = htmlOf(t, b, got.header.Get("Location"))
	require.Contains(t, text, "It was taken: the webhook is in the journal")
	require.Contains(t, text, `href="/calls/`+aDialog+`"`)

	got = b.form(t, links[1][1]+"/redrive", nil)
	require.Equal(t, 409, got.status)
	require.Contains(t, string(got.body), "It could not be redriven and stays in quarantine.")
	require.Equal(t, 403, b.post(t, links[1][1]+"/discard", "", "Sec-Fetch-Site", "cross-site").status)
	got = b.form(t, links[1][1]+"/discard", url.Values{})
	require.Equal(t, "/quarantine?done=discarded", got.header.Get("Location"))
	require.Contains(t, htmlOf(t, b, "/quarantine?done=discarded"), "Quarantine is empty")
	require.NotContains(t, htmlOf(t, b, "/quarantine?done=%3Cb%3E"), "role=\"status\"")
	require.Equal(t, 404, b.get(t, links[1][1], "Accept", "text/html").status)
}

// Whoever may only look is told so, and sees no buttons.
func TestQuarantineForReaders(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) {
		withTokens(cfg)
		cfg.Reader, cfg.Refusals = db, db
	})
	require.NoError(t, db.Quarantine(t.Context(), store.Refused{Account: "acme", ReceivedAt: time.Now(), Body: []byte("x")}))
	look := func(token string) string {
		got := b.get(t, "/quarantine/1?account=acme", "Accept", "text/html", "Cookie", logIn(t, b, token))
		require.Equal(t, 200, got.status)
		return string(got.body)
	}
	for _, token := range []string{tokenOfAll, tokenOfAcme} {
		require.NotContains(t, look(token), "/redrive")
		require.Contains(t, look(token), "log in with an API key")
		require.Equal(t, 403, b.form(t, "/quarantine/1/discard?account=acme", nil, "Cookie", logIn(t, b, token)).status)
	}
	require.Contains(t, look(keyOfAcme), `action="/quarantine/1/redrive?account=acme"`)
	require.Equal(t, 303, b.form(t, "/quarantine/1/discard", nil, "Cookie", logIn(t, b, keyOfAcme)).status)
}
