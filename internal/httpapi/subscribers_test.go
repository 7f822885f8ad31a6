package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// novuPage is a page as Novu's clients see it.
type novuPage struct {
	Page       int     `json:"page"`
	PageSize   int     `json:"pageSize"`
	HasMore    bool    `json:"hasMore"`
	TotalCount *int    `json:"totalCount"`
	Next       *string `json:"next"`
	Data       []struct {
		ID  string `json:"subscriberId"`
		Key string `json:"key"`
	} `json:"data"`
}

func getNovuPage(t *testing.T, b *bundle, path string) novuPage {
	t.Helper()
	got := b.get(t, path)
	require.Equal(t, 200, got.status, "%s", got.body)
	var page novuPage
	require.NoError(t, json.Unmarshal(got.body, &page))
	return page
}

func (p novuPage) ids() []string {
	ids := []string{}
	for _, one := range p.Data {
		ids = append(ids, one.ID+one.Key)
	}
	return ids
}

func TestSubscriberIsKeptReadAndRemoved(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	got := b.post(t, "/v1/subscribers", `{"subscriberId":"anna@example.com/1","email":"anna@example.com","phone":"+48501502503","firstName":"Anna",
		"lastName":"Nowak","locale":"pl_PL","avatar":"https://example.com/a.png","data":{"vip":true},"channels":[]}`)
	want := `{"data":{"_id":"anna@example.com/1","subscriberId":"anna@example.com/1","email":"anna@example.com","phone":"+48501502503",
		"firstName":"Anna","lastName":"Nowak","locale":"pl_PL","avatar":"https://example.com/a.png","data":{"vip":true},
		"createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-01-02T03:04:05.678Z"}}`
	require.Equal(t, 201, got.status)
	require.JSONEq(t, want, string(got.body))
	path := "/v1/subscribers/" + url.PathEscape("anna@example.com/1")
	got = b.get(t, path)
	require.Equal(t, 200, got.status)
	require.JSONEq(t, want, string(got.body))

	got = b.do(t, http.MethodPut, path, strings.NewReader(`{"firstName":"Joanna","lastName":"","subscriberId":"anna@example.com/1"}`))
	require.Equal(t, 200, got.status)
	require.JSONEq(t, strings.Replace(want, `"Anna"`, `"Joanna"`, 1), string(got.body))
	requireNovuError(t, b.do(t, http.MethodPut, path, strings.NewReader(`{"subscriberId":"other"}`)), 422, path)
	requireNovuError(t, b.do(t, http.MethodPut, "/v1/subscribers/%00", strings.NewReader(`{}`)), 422, "/v1/subscribers/%00")
	requireNovuError(t, b.do(t, http.MethodPut, "/v1/subscribers/a%00b", strings.NewReader(`{}`)), 422, "/v1/subscribers/a%00b")

	// The client for Go has names of its own.
	got = b.post(t, "/v1/subscribers", `{"subscriberId":"go","first_name":"Anna","last_name":"Nowak"}`)
	require.Contains(t, string(got.body), `"firstName":"Anna","lastName":"Nowak"`)

	got = b.do(t, http.MethodDelete, path, nil)
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"data":{"acknowledged":true,"status":"deleted"}}`, string(got.body))
	for _, gone := range []string{path, "/v1/subscribers/%01", "/v1/subscribers/" + strings.Repeat("x", 401)} {
		requireNovuError(t, b.get(t, gone), 404, gone)
		requireNovuError(t, b.do(t, http.MethodDelete, gone, nil), 404, gone)
	}
	for _, wrong := range []string{`{}`, `{"subscriberId":""}`, `{"subscriberId":7}`, `{"subscriberId":"a","phone":48501502503}`, `{"subscriberId":"a","data":[]}`} {
		requireNovuError(t, b.post(t, "/v1/subscribers", wrong), 422, "/v1/subscribers")
	}
	requireNovuError(t, b.post(t, "/v1/subscribers", `[]`), 400, "/v1/subscribers")
}

func TestSubscribersArePaged(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	for n := range 25 {
		require.Equal(t, 201, b.post(t, "/v1/subscribers", fmt.Sprintf(`{"subscriberId":"s%02d"}`, n)).status)
	}
	require.JSONEq(t, `{"page":0,"pageSize":10,"hasMore":false,"next":null,"data":[]}`, string(b.get(t, "/v1/subscribers?account=acme").body))
	for query, want := range map[string]struct {
		first, size int
		more        bool
	}{
		"":                     {0, 10, true},
		"page=1":               {10, 10, true},
		"page=2":               {20, 5, false},
		"page=3":               {25, 0, false},
		"page=0&limit=25":      {0, 25, false},
		"page=1&limit=24":      {24, 1, false},
		"limit=100":            {0, 25, false},
		"after=s09&limit=5":    {10, 5, true},
		"after=s19":            {20, 5, false},
		"after=zzz":            {25, 0, false},
		"page=99&limit=100":    {25, 0, false},
		"account=default":      {0, 10, true},
		"page=2&limit=1":       {2, 1, true},
		"after=s&limit=3":      {0, 3, true},
		"after=s23%20&limit=3": {24, 1, false},
	} {
		page := getNovuPage(t, b, "/v1/subscribers?"+query)
		wanted := []string{}
		for n := want.first; n < want.first+want.size; n++ {
			wanted = append(wanted, fmt.Sprintf("s%02d", n))
		}
		require.Equal(t, wanted, page.ids(), query)
		require.Equal(t, want.more, page.HasMore, query)
		if want.more {
			require.Equal(t, wanted[want.size-1], *page.Next, query)
		} else {
			require.Nil(t, page.Next, query)
		}
	}
	for _, wrong := range []string{"page=-1", "page=x", "page=1000", "page=100&limit=100", "limit=0", "limit=101", "page=1&after=x", "size=1"} {
		e := requireNovuError(t, b.get(t, "/v1/subscribers?"+wrong), 400, "/v1/subscribers")
		require.Contains(t, string(e.Errors), `"field":"`+strings.SplitN(wrong, "=", 2)[0]+`"`)
	}
	require.Contains(t, string(b.get(t, "/v1/subscribers?size=1").body), "Allowed: account, page, limit, after.")
}

func TestTopics(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	got := b.post(t, "/v1/topics", `{"key":"vip/1","name":"Important"}`)
	require.Equal(t, 201, got.status)
	require.JSONEq(t, `{"data":{"_id":"vip/1","key":"vip/1"}}`, string(got.body))
	require.Equal(t, 200, b.post(t, "/v1/topics", `{"key":"vip/1"}`).status)
	for _, id := range []string{"a", "b", "c"} {
		require.Equal(t, 201, b.post(t, "/v1/subscribers", `{"subscriberId":"`+id+`"}`).status)
	}
	got = b.post(t, "/v1/topics/vip%2F1/subscribers", `{"subscribers":["b","x","a"]}`)
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"data":{"succeeded":["b","a"],"failed":{"notFound":["x"]}}}`, string(got.body))
	got = b.post(t, "/v1/topics/new/subscribers", `{"subscribers":["c"]}`)
	require.JSONEq(t, `{"data":{"succeeded":["c"]}}`, string(got.body))

	got = b.get(t, "/v1/topics/vip%2F1")
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"data":{"_id":"vip/1","key":"vip/1","name":"Important","subscribers":["a","b"],"subscriberCount":2,
		"createdAt":"2026-01-02T03:04:05.678Z"}}`, string(got.body))
	got = b.do(t, http.MethodPatch, "/v1/topics/vip%2F1", strings.NewReader(`{"name":"Very important"}`))
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `"name":"Very important","subscribers":["a","b"]`)

	page := getNovuPage(t, b, "/v1/topics")
	require.Equal(t, []string{"new", "vip/1"}, page.ids())
	require.Equal(t, 2, *page.TotalCount)
	page = getNovuPage(t, b, "/v1/topics?pageSize=1")
	require.Equal(t, []string{"new"}, page.ids())
	require.Nil(t, page.TotalCount)
	require.Equal(t, []string{"vip/1"}, getNovuPage(t, b, "/v1/topics?pageSize=1&page=1").ids())
	require.Equal(t, []string{"vip/1"}, getNovuPage(t, b, "/v1/topics?pageSize=1&after="+*page.Next).ids())
	require.Equal(t, []string{"vip/1"}, getNovuPage(t, b, "/v1/topics?key=vip/1").ids())
	require.Empty(t, getNovuPage(t, b, "/v1/topics?key=vip").ids())

	members := getNovuPage(t, b, "/v1/topics/vip%2F1/subscribers?limit=1")
	require.Equal(t, []string{"a"}, members.ids())
	require.Equal(t, []string{"b"}, getNovuPage(t, b, "/v1/topics/vip%2F1/subscribers?after="+*members.Next).ids())

	require.Equal(t, 204, b.post(t, "/v1/topics/vip%2F1/subscribers/removal", `{"subscribers":["b","x"]}`).status)
	require.Contains(t, string(b.get(t, "/v1/topics/vip%2F1").body), `"subscribers":["a"]`)
	require.Equal(t, 204, b.do(t, http.MethodDelete, "/v1/topics/vip%2F1", nil).status)
	for _, gone := range []string{"vip%2F1", "%01"} {
		path := "/v1/topics/" + gone
		requireNovuError(t, b.get(t, path), 404, path)
		requireNovuError(t, b.get(t, path+"/subscribers"), 404, path+"/subscribers")
		requireNovuError(t, b.do(t, http.MethodDelete, path, nil), 404, path)
		requireNovuError(t, b.do(t, http.MethodPatch, path, strings.NewReader(`{"name":"x"}`)), 404, path)
		requireNovuError(t, b.post(t, path+"/subscribers/removal", `{"subscribers":["b"]}`), 404, path+"/subscribers/removal")
	}
	for path, wrong := range map[string]string{
		"/v1/topics": `{"name":"x"}`, "/v1/topics/new/subscribers": `{}`, "/v1/topics/new/subscribers/removal": `{"subscribers":[""]}`,
	} {
		requireNovuError(t, b.post(t, path, wrong), 422, path)
	}
	requireNovuError(t, b.do(t, http.MethodPatch, "/v1/topics/new", strings.NewReader(`{}`)), 422, "/v1/topics/new")
}
