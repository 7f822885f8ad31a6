package httpapi_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

// shownCall gives call number n as callOf does, with a record that can be shown.
func shownCall(n int, change func(*correlate.Call, *store.Index)) store.Call {
	return callOf(n, func(c *store.Call) {
		record := correlate.Call{
			Account: c.Account, CallUUID: c.CallUUID, Direction: "inbound", State: "ended", Disposition: "answered", Connected: true,
			StartedAt: c.Index.StartedAt, External: correlate.External{Number: correlate.Word(fmt.Sprintf("number-%d", n))},
			Consultants: []correlate.Consultant{}, MeetingUUIDs: []string{}, Attempts: []correlate.Attempt{},
			Transfers: []correlate.Transfer{}, Legs: []correlate.LegRecord{},
		}
		c.Index.State, c.Index.Disposition = "ended", "answered"
		if change != nil {
			change(&record, &c.Index)
		}
		encoded, err := json.Marshal(record)
		if err != nil {
			panic(err)
		}
		c.Record = encoded
	})
}

func htmlOf(t *testing.T, b *bundle, path string) string {
	t.Helper()
	got := b.get(t, path, "Accept", "text/html")
	require.Equal(t, 200, got.status, "%s", got.body)
	return string(got.body)
}

// shownNumbers gives the numbers of the calls on a page, in order.
func shownNumbers(page string) []string {
	return regexp.MustCompile(`number-\d+`).FindAllString(page, -1)
}

func TestHistoryIsFiltered(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	putCalls(t, db,
		shownCall(1, nil),
		shownCall(2, func(r *correlate.Call, i *store.Index) {
			r.Direction, i.Direction = "outbound", "outbound"
			r.HangupBy, i.HangupBy = "external", "external"
		}),
		shownCall(3, func(r *correlate.Call, i *store.Index) {
			r.Missed, i.Missed, r.Disposition, i.Disposition = true, true, "abandoned", "abandoned"
			i.Keys = []string{store.ConsultantKey("ann"), store.NumberKey("+48501502503"), store.ProjectKey("7")}
		}),
		shownCall(4, func(r *correlate.Call, i *store.Index) {
			r.Transfers = []correlate.Transfer{{From: uuidOf(1), To: uuidOf(2), Kind: "blind"}}
			i.Keys = []string{store.TransferredKey}
		}),
		shownCall(5, func(r *correlate.Call, i *store.Index) { r.State, i.State, r.Disposition = "talking", "talking", "" }),
	)
	for query, want := range map[string][]int{
		"":                             {5, 4, 3, 2, 1},
		"?direction=outbound":          {2},
		"?disposition=abandoned":       {3},
		"?hangup_by=external":          {2},
		"?missed=true":                 {3},
		"?missed=false":                {5, 4, 2, 1},
		"?transferred=true":            {4},
		"?transferred=false":           {5, 3, 2, 1},
		"?consultant=Ann":              {3},
		"?number=501%20502%20503":      {3},
		"?number=%2B48501502503":       {3},
		"?project=7":                   {3},
		"?from=2026-01-01T00:00:04":    {5, 4},
		"?to=2026-01-01T00:00:02":      {1},
		"?from=2026-01-01T00:01":       {},
		"?missed=true&from=2026-01-01": {3},
		"?account=acme":                {},
	} {
		var numbers []string
		for _, n := range want {
			numbers = append(numbers, fmt.Sprintf("number-%d", n))
		}
		require.Equal(t, numbers, shownNumbers(htmlOf(t, b, "/calls"+query)), query)
		// The table of the same address holds the same calls.
		got := b.get(t, "/calls.csv"+query)
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, numbers, shownNumbers(string(got.body)), query)
	}
	text := htmlOf(t, b, "/calls?missed=true&direction=inbound&number=%2B48501502503&hangup_by=robot")
	require.Contains(t, text, `<option value="true" selected>yes</option>`)
	require.Contains(t, text, `<option value="inbound" selected>inbound</option>`)
	require.Contains(t, text, `name="number" value="&#43;48501502503"`)
	require.Contains(t, text, `<option value="robot" selected>robot</option>`, "what only the address knows stays")
}

// What a form leaves empty is not in the address, so that a link says only what counts.
func TestEmptyFieldsLeaveTheAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	got := b.get(t, "/calls?number=&missed=true&from=&to=++", "Accept", "text/html")
	require.Equal(t, 303, got.status)
	require.Equal(t, "/calls?missed=true", got.header.Get("Location"))
	got = b.get(t, "/calls?number=", "Accept", "text/html")
	require.Equal(t, "/calls", got.header.Get("Location"))
}

func TestWhatIsWrongWithAFilterIsToldOnThePage(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for query, field := range map[string]string{
		"from=yesterday": "From", "to=2026-01-01&from=2026-01-02": "Before", "missed=maybe": "Missed", "direction=up": "Direction",
		"hangup_by=%2A": "Who hung up", "account=a%20b": "Account",
	} {
		got := b.get(t, "/calls?"+query, "Accept", "text/html")
		require.Equal(t, 400, got.status, query)
		require.Contains(t, string(got.body), "The field “"+field+"” cannot be used", query)
		require.Equal(t, 400, b.get(t, "/calls.csv?"+query).status)
	}
	for _, query := range []string{"colour=red", "cursor=nonsense", "missed=true&missed=false"} {
		require.Equal(t, 400, b.get(t, "/calls?"+query, "Accept", "text/html").status, query)
	}
}

func TestHistoryIsPaged(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	var calls []store.Call
	for n := range 120 {
		calls = append(calls, shownCall(n, nil))
	}
	putCalls(t, db, calls...)
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`)
	var seen []string
	path, pages := "/calls?direction=inbound", 0
	for path != "" {
		text := htmlOf(t, b, path)
		seen = append(seen, shownNumbers(text)...)
		require.Equal(t, pages > 0, strings.Contains(text, ">Newest<"))
		path = ""
		if found := next.FindStringSubmatch(text); found != nil {
			path = strings.ReplaceAll(found[1], "&amp;", "&")
			require.Contains(t, path, "direction=inbound", "the filter stays")
		}
		pages++
	}
	require.Equal(t, 3, pages)
	require.Len(t, seen, 120)
	require.Equal(t, "number-119", seen[0])
	require.Equal(t, "number-0", seen[119])
}

// The fields of the form are in the zone of the pages, summer time and all.
func TestHistoryKnowsItsZone(t *testing.T) {
	t.Parallel()
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) { cfg.Reader, cfg.Zone = db, warsaw })
	putCalls(t, db, shownCall(1, nil)) // 00:00:01 UTC, 01:00:01 in Warsaw
	require.Contains(t, htmlOf(t, b, "/calls"), ">2026-01-01 01:00:01<")
	require.Len(t, shownNumbers(htmlOf(t, b, "/calls?from=2026-01-01T01:00&to=2026-01-01T01:01")), 1)
	require.Empty(t, shownNumbers(htmlOf(t, b, "/calls?from=2026-01-01T01:01")))
	require.Len(t, shownNumbers(htmlOf(t, b, "/calls?from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:02Z")), 1)
	require.Contains(t, htmlOf(t, b, "/calls?from=2026-07-01T10:00:00Z"), `name="from" type="datetime-local" value="2026-07-01T12:00"`)
	require.Contains(t, string(b.get(t, "/calls.csv").body), ",2026-01-01 01:00:01,,+01:00,inbound,")
}

// When the clock is put back an hour comes twice. An address that says which one keeps it: on the next page, in the table,
// and when the form is sent again.
func TestAnHourThatComesTwiceIsNotMixedUp(t *testing.T) {
	t.Parallel()
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) { cfg.Reader, cfg.Zone = db, warsaw })
	at := func(n, hour, minute int) store.Call {
		return shownCall(n, func(r *correlate.Call, i *store.Index) {
			i.StartedAt = dialog.TimeOf(time.Date(2026, 10, 25, hour, minute, 0, 0, time.UTC))
			r.StartedAt = i.StartedAt
		})
	}
	putCalls(t, db, at(1, 0, 45), at(2, 1, 45), at(3, 2, 15)) // 02:45, 02:45 again, 03:15
	for from, want := range map[string][]string{
		"2026-10-25T00:30:00Z":      {"number-3", "number-2", "number-1"},
		"2026-10-25T01:30:00Z":      {"number-3", "number-2"},
		"2026-10-25T02:30:00+01:00": {"number-3", "number-2"},
		"2026-10-25T02:00:00Z":      {"number-3"},
	} {
		page := htmlOf(t, b, "/calls?"+url.Values{"from": {from}}.Encode())
		require.Equal(t, want, shownNumbers(page), from)
		table := regexp.MustCompile(`href="(/calls\.csv[^"]*)"`).FindStringSubmatch(page)
		require.Len(t, table, 2)
		require.Equal(t, want, shownNumbers(string(b.get(t, html.UnescapeString(table[1])).body)), "%s: the table is of what is shown", from)
		field := regexp.MustCompile(`name="from" type="[a-z-]+" value="([^"]*)"`).FindStringSubmatch(page)
		require.Len(t, field, 2)
		again := url.Values{"from": {html.UnescapeString(field[1])}}
		require.Equal(t, want, shownNumbers(htmlOf(t, b, "/calls?"+again.Encode())), "%s: the form asks the same again", from)
	}
	require.Contains(t, htmlOf(t, b, "/calls?from=2026-10-25T00:30:00Z"), `type="text" value="2026-10-25T02:30:00&#43;02:00"`)
	require.Contains(t, htmlOf(t, b, "/calls?from=2026-10-25T02:00:00Z"), `type="datetime-local" value="2026-10-25T03:00"`)
}

func TestTableOfCallsIsStreamed(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	const count = 1234
	var calls []store.Call
	for n := range count {
		calls = append(calls, shownCall(n, func(r *correlate.Call, _ *store.Index) {
			if n == 7 {
				r.External.Name, r.External.Number = `=HYPERLINK("http://evil.example")`, "+48501502503"
			}
		}))
	}
	putCalls(t, db, calls...)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.addr+"/calls.csv", http.NoBody)
	require.NoError(t, err)
	response, err := b.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, []string{"chunked"}, response.TransferEncoding)
	require.Equal(t, `attachment; filename="calls.csv"`, response.Header.Get("Content-Disposition"))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(body), "\ufeffcall_uuid,account,started_at,"), "a spreadsheet sees that it is UTF-8")
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, count+1)
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[row[0]] = true
	}
	require.Len(t, seen, count, "each call once")
	odd := rows[count-7]
	require.Equal(t, uuidOf(7), odd[0])
	require.Equal(t, []string{"+48501502503", "", `'=HYPERLINK("http://evil.example")`}, odd[10:13])
}

// breaking is a reader that fails after its first page.
type breaking struct {
	httpapi.Reader
	calls []store.Call
}

func (r breaking) Calls(_ context.Context, filter store.CallFilter) ([]store.Call, error) {
	if filter.Before != nil {
		return nil, store.ErrUnavailable
	}
	return r.calls, nil
}

// A table that breaks off must not look like a whole one.
func TestTableThatBreaksOffIsNotWhole(t *testing.T) {
	t.Parallel()
	var calls []store.Call
	for n := range 200 {
		calls = append(calls, shownCall(n, nil))
	}
	b := setup(t, func(cfg *httpapi.Config) { cfg.Reader = breaking{calls: calls} })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.addr+"/calls.csv", http.NoBody)
	require.NoError(t, err)
	response, err := b.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	require.Error(t, err)
}
