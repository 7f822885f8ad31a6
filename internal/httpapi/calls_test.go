package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

// page is a page of calls, of which only the number of each (callOf) is looked at.
type page struct {
	Calls []struct {
		N float64 `json:"n"`
	} `json:"calls"`
	NextCursor *string `json:"next_cursor"`
}

func (p page) numbers() []int {
	numbers := []int{}
	for _, call := range p.Calls {
		numbers = append(numbers, int(call.N))
	}
	return numbers
}

func getPage(t *testing.T, b *bundle, path string) page {
	t.Helper()
	got := b.get(t, path)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	var p page
	require.NoError(t, json.Unmarshal(got.body, &p), "%s", got.body)
	return p
}

func TestCallsAreFiltered(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	putCalls(t, db,
		callOf(1, func(c *store.Call) {
			c.Index.State, c.Index.Disposition, c.Index.HangupBy = "ended", "answered", "external"
			c.Index.Connected = true
			c.Index.Keys = []string{store.ConsultantKey("7"), store.ConsultantKey("pkowalski"), store.NumberKey("+48501502503"), store.NumberKey("501502503"), store.ProjectKey("1")}
		}),
		callOf(2, func(c *store.Call) {
			c.Index.State, c.Index.Disposition, c.Index.HangupBy, c.Index.Missed = "ended", "abandoned", "chat_bot", true
			c.Index.Keys = []string{store.NumberKey("48xxxxxxxxx"), store.ProjectKey("2")}
		}),
		callOf(3, func(c *store.Call) {
			c.Index.State, c.Index.Direction = "talking", "outbound"
			c.Index.Keys = []string{store.ConsultantKey("pkowalski"), store.ProjectKey("2")}
		}),
		callOf(4, func(c *store.Call) { c.Index.Direction = "unknown" }),
		callOf(5, func(c *store.Call) { c.MergedInto, c.Record = uuidOf(4), nil }),
		callOf(6, func(c *store.Call) { c.Account = "acme" }),
	)
	for query, want := range map[string][]int{
		"":                                 {4, 3, 2, 1},
		"account=acme":                     {6},
		"account=nobody":                   {},
		"state=ended":                      {2, 1},
		"state=Talking":                    {3},
		"state=answered":                   {},
		"state=open":                       {4, 3},
		"direction=inbound":                {2, 1},
		"direction=OUTBOUND":               {3},
		"direction=unknown":                {4},
		"disposition=abandoned":            {2},
		"hangup_by=external":               {1},
		"hangup_by=CHAT_BOT":               {2},
		"missed=true":                      {2},
		"missed=false":                     {4, 3, 1},
		"project=1":                        {1},
		"project=2&consultant=pkowalski":   {3},
		"consultant=PKowalski":             {3, 1},
		"consultant=7":                     {1},
		"number=%2B48501502503":            {1},
		"number=+48501502503":              {1}, // a + that was not encoded
		"number=501502503":                 {1},
		"number=501+502+503":               {1},
		"number=0048501502503":             {1},
		"number=48xxxxxxxxx":               {2},
		"number=501502504":                 {},
		"from=2026-01-01T00:00:03Z":        {4, 3},
		"from=2026-01-01T01:00:03%2B01:00": {4, 3},
		"from=2026-01-01+00:00:03":         {4, 3},
		"to=2026-01-01%2000:00:03":         {2, 1},
		"from=2026-01-01&to=2026-01-02":    {4, 3, 2, 1},
		"from=2026-01-02":                  {},
		"limit=2":                          {4, 3},
		"state=ended&missed=false&direction=inbound&disposition=answered&hangup_by=external&project=1&consultant=7&number=501502503": {1},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, getPage(t, b, "/v1/calls?"+query).numbers())
		})
	}
}

func TestCallsArePaged(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	var calls []store.Call
	for n := range 205 {
		calls = append(calls, callOf(n, func(c *store.Call) { c.Index.StartedAt = callOf(n/10, nil).Index.StartedAt })) // many ties
	}
	putCalls(t, db, calls...)
	for limit, sizes := range map[string][]int{
		"":          {50, 50, 50, 50, 5},
		"limit=1":   nil,
		"limit=41":  {41, 41, 41, 41, 41},
		"limit=100": {100, 100, 5},
		"limit=200": {200, 5},
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			var numbers, got []int
			cursor := ""
			for {
				p := getPage(t, b, "/v1/calls?"+strings.TrimPrefix(limit+cursor, "&"))
				numbers = append(numbers, p.numbers()...)
				got = append(got, len(p.Calls))
				if p.NextCursor == nil {
					break
				}
				require.Equal(t, *p.NextCursor, url.QueryEscape(*p.NextCursor))
				cursor = "&cursor=" + *p.NextCursor
			}
			if sizes != nil {
				require.Equal(t, sizes, got)
			}
			require.Len(t, numbers, 205)
			for i, n := range numbers {
				require.Equal(t, 204-i, n)
			}
		})
	}
}

func TestPageHoldsRecordsAsTheyAreStored(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	require.JSONEq(t, `{"calls":[],"next_cursor":null}`, string(b.get(t, "/v1/calls").body))
	one, two := callOf(1, nil), callOf(2, nil)
	putCalls(t, db, one, two)
	want := fmt.Appendf(nil, `{"calls":[%s,%s],"next_cursor":null}`+"\n", two.Record, one.Record)
	require.Equal(t, want, b.get(t, "/v1/calls").body)
}

func TestQuestionsThatAreNotClear(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	cursor := "AQAAAABpVbmBAAAAAAAAQACAAAAAAAAAAAAAAAA"
	for query, want := range map[string]struct {
		code, parameter string
		allowed         []string
	}{
		"status=ended":                        {"parameter_unknown", "status", []string{"account", "state", "direction", "disposition", "hangup_by", "missed", "transferred", "project", "consultant", "number", "from", "to", "limit", "cursor"}},
		"State=ended":                         {code: "parameter_unknown", parameter: "State"},
		"state=closed":                        {"parameter_invalid", "state", []string{"ringing", "alerting", "answered", "talking", "ended", "open"}},
		"state=":                              {code: "parameter_invalid", parameter: "state"},
		"state=ended&state=open":              {code: "parameter_invalid", parameter: "state"},
		"direction=in":                        {"parameter_invalid", "direction", []string{"inbound", "outbound", "unknown"}},
		"disposition=missed":                  {"parameter_invalid", "disposition", []string{"answered", "self_service", "abandoned", "no_answer", "busy", "rejected", "failed", "cancelled"}},
		"transferred=1":                       {"parameter_invalid", "transferred", []string{"true", "false"}},
		"missed=1":                            {"parameter_invalid", "missed", []string{"true", "false"}},
		"hangup_by=a%20b":                     {code: "parameter_invalid", parameter: "hangup_by"},
		"account=a.b":                         {code: "parameter_invalid", parameter: "account"},
		"limit=0":                             {code: "parameter_invalid", parameter: "limit"},
		"limit=201":                           {code: "parameter_invalid", parameter: "limit"},
		"limit=ten":                           {code: "parameter_invalid", parameter: "limit"},
		"from=yesterday":                      {code: "parameter_invalid", parameter: "from"},
		"from=2026-02-30":                     {code: "parameter_invalid", parameter: "from"},
		"to=2026-01-01T00:00:00+01:00":        {code: "parameter_invalid", parameter: "to"},
		"from=2026-01-02&to=2026-01-01":       {code: "parameter_invalid", parameter: "to"},
		"from=2026-01-01&to=2026-01-01":       {code: "parameter_invalid", parameter: "to"},
		"number=" + strings.Repeat("1", 257):  {code: "parameter_invalid", parameter: "number"},
		"number=%00":                          {code: "parameter_invalid", parameter: "number"},
		"project=%FF":                         {code: "parameter_invalid", parameter: "project"},
		"project=%F":                          {code: "bad_request"},
		"project=1;state=ended":               {code: "bad_request"},
		"cursor=x":                            {code: "parameter_invalid", parameter: "cursor"},
		"cursor=" + cursor:                    {code: "parameter_invalid", parameter: "cursor"},
		"cursor=" + strings.Repeat("A", 39):   {code: "parameter_invalid", parameter: "cursor"},
		"cursor=eyJzdGFydGVkX2F0IjoxfQ%3D%3D": {code: "parameter_invalid", parameter: "cursor"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			p := requireProblem(t, b.get(t, "/v1/calls?"+query), 400, want.code)
			require.Equal(t, want.parameter, p.Parameter)
			if want.allowed != nil {
				require.Equal(t, want.allowed, p.Allowed)
			}
		})
	}
	for _, path := range []string{"/v1/calls/" + aCall, "/v1/calls/" + aCall + "/timeline", "/v1/dialogs/" + aDialog} {
		p := requireProblem(t, b.get(t, path+"?acount=acme"), 400, "parameter_unknown")
		require.Equal(t, []string{"account"}, p.Allowed)
		requireProblem(t, b.get(t, path+"?account=a.b"), 400, "parameter_invalid")
	}
}

func TestTamperedCursor(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	putCalls(t, db, callOf(1, nil), callOf(2, nil))
	cursor := *getPage(t, b, "/v1/calls?limit=1").NextCursor
	require.Equal(t, []int{1}, getPage(t, b, "/v1/calls?cursor="+cursor).numbers())
	for i := range cursor {
		other := "A"
		if cursor[i] == 'A' {
			other = "B"
		}
		requireProblem(t, b.get(t, "/v1/calls?cursor="+cursor[:i]+other+cursor[i+1:]), 400, "parameter_invalid")
	}
	requireProblem(t, b.get(t, "/v1/calls?cursor="+cursor[:len(cursor)-1]), 400, "parameter_invalid")
	requireProblem(t, b.get(t, "/v1/calls?cursor="+cursor+"A"), 400, "parameter_invalid")
}

func TestStoreThatIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.Reader = away{} })
	for _, path := range []string{
		"/v1/calls", "/v1/calls/" + aCall, "/v1/calls/" + aCall + "/timeline", "/v1/dialogs/" + aDialog, "/v1/stats",
	} {
		got := b.get(t, path)
		requireProblem(t, got, 503, "storage_unavailable")
		require.Equal(t, "5", got.header.Get("Retry-After"))
	}
}
