package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/httpapi"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// away is a store that cannot be asked.
type away struct{}

func (away) Call(context.Context, store.Key) (store.Call, error) {
	return store.Call{}, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) Calls(context.Context, store.CallFilter) ([]store.Call, error) {
	return nil, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) Dialog(context.Context, store.Key) (store.Leg, error) {
	return store.Leg{}, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) Entries(context.Context, store.Key) ([]store.Entry, error) {
	return nil, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) Changes(context.Context, store.Key) ([]store.OutboxRow, error) {
	return nil, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) Tallies(context.Context, stats.Question) ([]stats.Tally, error) {
	return nil, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) FactsComplete(context.Context) (bool, error) {
	return false, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func (away) NewestOf(context.Context, string, []string) (map[string]store.Call, error) {
	return nil, fmt.Errorf("query: %w", store.ErrUnavailable)
}

func merged(from, into int) store.Call {
	return callOf(from, func(c *store.Call) { c.MergedInto, c.Record = uuidOf(into), nil })
}

func TestOneCall(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	const letters = "abcdefab-cdef-4abc-8def-abcdefabcdef"
	putCalls(t, db,
		callOf(1, nil), merged(2, 1), merged(3, 2), merged(4, 3), merged(5, 6), merged(6, 5), merged(7, 7), merged(8, 99),
		callOf(1, func(c *store.Call) { c.Account, c.Record = "acme", []byte(`{"acme":true}`) }),
		callOf(9, func(c *store.Call) { c.CallUUID = letters }),
		callOf(10, func(c *store.Call) { c.Account, c.MergedInto, c.Record = "acme", uuidOf(1), nil }),
	)
	for path, want := range map[string]struct {
		status   int
		body     string
		code     string
		location string
	}{
		uuidOf(1):                             {status: 200, body: string(callOf(1, nil).Record)},
		uuidOf(1) + "?account=acme":           {status: 200, body: `{"acme":true}`},
		uuidOf(1) + "?account=default":        {status: 200, body: string(callOf(1, nil).Record)},
		uuidOf(1) + "?account=other":          {status: 404, code: "call_not_found"},
		strings.ToUpper(letters):              {status: 200, body: string(callOf(9, nil).Record)},
		"%20" + letters + "%0a":               {status: 200, body: string(callOf(9, nil).Record)},
		uuidOf(100):                           {status: 404, code: "call_not_found"},
		"last":                                {status: 404, code: "call_not_found"},
		strings.ReplaceAll(letters, "-", ""):  {status: 404, code: "call_not_found"},
		"%7B" + letters + "%7D":               {status: 404, code: "call_not_found"},
		"%25zz":                               {status: 404, code: "call_not_found"},
		"%00":                                 {status: 404, code: "call_not_found"},
		uuidOf(2):                             {status: 308, location: "/v1/calls/" + uuidOf(1)},
		uuidOf(4):                             {status: 308, location: "/v1/calls/" + uuidOf(1)},
		uuidOf(4) + "?account=default":        {status: 308, location: "/v1/calls/" + uuidOf(1) + "?account=default"},
		uuidOf(4) + "/timeline":               {status: 308, location: "/v1/calls/" + uuidOf(1) + "/timeline"},
		uuidOf(10) + "/timeline?account=acme": {status: 308, location: "/v1/calls/" + uuidOf(1) + "/timeline?account=acme"},
		uuidOf(5):                             {status: 500, code: "internal"},
		uuidOf(7):                             {status: 500, code: "internal"},
		uuidOf(8):                             {status: 404, code: "call_not_found"},
		"x/timeline":                          {status: 404, code: "call_not_found"},
		uuidOf(1) + "/":                       {status: 404, code: "route_not_found"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got := b.get(t, "/v1/calls/"+path)
			require.Equal(t, want.location, got.header.Get("Location"))
			if want.code != "" {
				requireProblem(t, got, want.status, want.code)
				return
			}
			require.Equal(t, want.status, got.status, "%s", got.body)
			require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			if want.status == 308 {
				require.JSONEq(t, `{"status":"merged","call_uuid":"`+uuidOf(1)+`"}`, string(got.body))
				return
			}
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			if strings.Contains(path, "-4abc-") || strings.Contains(path, "-4ABC-") {
				require.Contains(t, string(got.body), uuidOf(9))
				return
			}
			require.Equal(t, want.body, string(got.body))
			head := b.do(t, http.MethodHead, "/v1/calls/"+path, nil)
			require.Equal(t, strconv.Itoa(len(want.body)), head.header.Get("Content-Length"))
		})
	}
}

func TestOneDialog(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	call := callOf(1, func(c *store.Call) {
		c.Record = []byte(`{"legs":[{"dialog_uuid":"` + uuidOf(1) + `","a": 1.0},
			{ "dialog_uuid": "` + uuidOf(2) + `", "name":"<&>" }],"external":{"dialog_uuid":"x"}}`)
	})
	putCalls(t, db, call, merged(3, 1))
	write(t, db, func(ctx context.Context, tx store.Tx) error {
		leg := func(dialogUUID, callUUID string) store.Leg {
			return store.Leg{Account: httpapi.DefaultAccount, DialogUUID: dialogUUID, CallUUID: callUUID, Evidence: []byte(`{}`)}
		}
		return tx.PutLegs(ctx, []store.Leg{leg(uuidOf(1), uuidOf(1)), leg(uuidOf(2), uuidOf(3)), leg(uuidOf(4), uuidOf(1))})
	})

	got := b.get(t, "/v1/dialogs/"+uuidOf(1))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, `{"call_uuid":"`+uuidOf(1)+`","dialog_uuid":"`+uuidOf(1)+`","a": 1.0}`, string(got.body))

	got = b.get(t, "/v1/dialogs/"+strings.ToUpper(uuidOf(2))+"?account=default")
	require.Equal(t, 200, got.status, "through a merged call: %s", got.body)
	require.Equal(t, `{"call_uuid":"`+uuidOf(1)+`", "dialog_uuid": "`+uuidOf(2)+`", "name":"<&>" }`, string(got.body))

	requireProblem(t, b.get(t, "/v1/dialogs/"+uuidOf(5)), 404, "dialog_not_found")
	requireProblem(t, b.get(t, "/v1/dialogs/"+uuidOf(1)+"?account=acme"), 404, "dialog_not_found")
	requireProblem(t, b.get(t, "/v1/dialogs/x"), 404, "dialog_not_found")
	requireProblem(t, b.get(t, "/v1/dialogs/"+uuidOf(4)), 500, "internal")
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	id := uuidOf(1)
	bodies := [][]byte{
		[]byte(`{ "event_name":"dialog_create", "n":1.0, "text":"<b>ł" }`),
		[]byte("{\"bad\":\"\xff\"}"),
		[]byte("no json"),
		[]byte(`{"event_name":"dialog_close"}`),
	}
	write(t, db, func(ctx context.Context, tx store.Tx) error {
		if err := tx.PutLegs(ctx, []store.Leg{{Account: httpapi.DefaultAccount, DialogUUID: id, CallUUID: id, Evidence: []byte(`{}`)}}); err != nil {
			return err
		}
		if err := tx.PutCalls(ctx, []store.Call{callOf(1, nil)}); err != nil {
			return err
		}
		var entries []*store.Entry
		for i, body := range bodies {
			entries = append(entries, entryOf(id, fmt.Sprintf("event_%d", i), body))
		}
		stranger := entryOf(uuidOf(2), "other", []byte(`{"other":1}`))
		settle := entryOf("", "", []byte(`{"settle":1}`))
		settle.Origin, settle.CallUUID, settle.EventTime = store.OriginSettle, id, 0
		if err := tx.Append(ctx, append(entries, stranger, settle)); err != nil {
			return err
		}
		row := func(entry *store.Entry, events ...flow.Event) *store.OutboxRow {
			return &store.OutboxRow{JournalID: entry.ID, CreatedAt: entry.ReceivedAt, Change: flow.Change{
				Account: httpapi.DefaultAccount, CallUUID: id, Record: []byte(`{}`), Events: events,
			}}
		}
		at := entries[0].EventTime
		return tx.AppendOutbox(ctx, []*store.OutboxRow{
			row(entries[0], flow.Event{UUID: "u1", Type: "dialog_ringing", Seq: 1, CreatedOn: at, DialogUUID: id}, flow.Event{UUID: "u2", Type: "call_started", Seq: 2, CreatedOn: at}),
			row(entries[3], flow.Event{UUID: "u3", Type: "call_transferred", Seq: 3, CreatedOn: at, Late: true, Transfer: &correlate.Transfer{From: "a", To: "b", At: at, Kind: "blind"}}),
			row(stranger, flow.Event{UUID: "u4", Type: "call_merged", Seq: 4, CreatedOn: at, From: "c"}),
			row(settle, flow.Event{UUID: "u5", Type: "call_settled", Seq: 5, CreatedOn: at}),
		})
	})

	got := b.get(t, "/v1/calls/"+id+"/timeline")
	require.Equal(t, 200, got.status, "%s", got.body)
	require.JSONEq(t, `{"call_uuid":"`+id+`","items":[
		{"kind":"webhook","journal_id":1,"received_at":"2026-01-01T00:00:00.123456Z","origin":"pbx","event_name":"event_0","event_time":"2026-01-01T00:00:00Z","dialog_uuid":"`+id+`","body":`+string(bodies[0])+`},
		{"kind":"event","seq":1,"type":"dialog_ringing","uuid":"u1","created_on":"2026-01-01T00:00:00Z","dialog_uuid":"`+id+`","late":false,"journal_id":1},
		{"kind":"event","seq":2,"type":"call_started","uuid":"u2","created_on":"2026-01-01T00:00:00Z","dialog_uuid":null,"late":false,"journal_id":1},
		{"kind":"webhook","journal_id":2,"received_at":"2026-01-01T00:00:00.123456Z","origin":"pbx","event_name":"event_1","event_time":"2026-01-01T00:00:00Z","dialog_uuid":"`+id+`","body_base64":"eyJiYWQiOiL/In0="},
		{"kind":"webhook","journal_id":3,"received_at":"2026-01-01T00:00:00.123456Z","origin":"pbx","event_name":"event_2","event_time":"2026-01-01T00:00:00Z","dialog_uuid":"`+id+`","body_base64":"bm8ganNvbg=="},
		{"kind":"webhook","journal_id":4,"received_at":"2026-01-01T00:00:00.123456Z","origin":"pbx","event_name":"event_3","event_time":"2026-01-01T00:00:00Z","dialog_uuid":"`+id+`","body":`+string(bodies[3])+`},
		{"kind":"event","seq":3,"type":"call_transferred","uuid":"u3","created_on":"2026-01-01T00:00:00Z","dialog_uuid":null,"late":true,"journal_id":4,"transfer":{"from":"a","to":"b","at":"2026-01-01T00:00:00Z","kind":"blind"}},
		{"kind":"event","seq":4,"type":"call_merged","uuid":"u4","created_on":"2026-01-01T00:00:00Z","dialog_uuid":null,"late":false,"journal_id":5,"from":"c"},
		{"kind":"webhook","journal_id":6,"received_at":"2026-01-01T00:00:00.123456Z","origin":"settle","event_name":null,"event_time":null,"dialog_uuid":null,"body":{"settle":1}},
		{"kind":"event","seq":5,"type":"call_settled","uuid":"u5","created_on":"2026-01-01T00:00:00Z","dialog_uuid":null,"late":false,"journal_id":6}
	]}`, string(got.body))
	require.Contains(t, string(got.body), `"n":1.0,"text":"<b>ł"`, "nothing is escaped or rounded")

	requireProblem(t, b.get(t, "/v1/calls/"+uuidOf(9)+"/timeline"), 404, "call_not_found")
	requireProblem(t, b.get(t, "/v1/calls/"+id+"/timeline?account=acme"), 404, "call_not_found")
}

func TestIndexNamesRoutesThatExist(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	got := b.get(t, "/")
	require.Equal(t, 200, got.status)
	var index struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Routes  []string `json:"routes"`
	}
	require.NoError(t, json.Unmarshal(got.body, &index))
	require.Equal(t, "webhookd", index.Name)
	require.Equal(t, "test", index.Version)
	require.NotEmpty(t, index.Routes)
	for _, route := range index.Routes {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{account}", "acme", "{call_uuid}", aCall, "{dialog_uuid}", aDialog).Replace(path)
		answered := b.do(t, method, path, strings.NewReader(`{}`))
		require.NotContains(t, string(answered.body), "route_not_found", route)
		require.NotEqual(t, 405, answered.status, route)
	}
}
