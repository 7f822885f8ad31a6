package natsapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/natsapi"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	recorded = "c2b19c63-f17b-4726-b3a1-5b5046e887ef" // fixtures/outbound_answered
	patience = 30 * time.Second
)

// bundle is a service on a store, and a client that asks it.
type bundle struct {
	st     store.Store
	bus    *natsbus.Bus
	client *nats.Conn
}

func each(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{st: database.Open(t)}
		b.open(t)
		b.serve(t, natsapi.Config{Reader: b.st, Room: b.bus.Room, Version: "v1.2.3-4-gabcdef"})
		test(t, b)
	})
}

func (b *bundle) open(t *testing.T) {
	t.Helper()
	var err error
	b.bus, err = natsbus.Open(t.Context(), natsbus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.bus.Close()) })
	b.client, err = nats.Connect(b.bus.URL())
	require.NoError(t, err)
	t.Cleanup(b.client.Close)
}

// serve lets an instance of the service answer until the test ends.
func (b *bundle) serve(t *testing.T, config natsapi.Config) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	before := b.instances(t)
	go func() { ended <- b.bus.Serve(ctx, natsapi.New(config).Service()) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return b.instances(t) == before+1 }, patience, 5*time.Millisecond)
	require.Eventually(t, func() bool { // its last endpoint is there, too
		reply, err := b.client.Request("webhookd.calls.active.ping", []byte(`{"limit":0}`), time.Second)
		return err == nil && reply.Header.Get(micro.ErrorCodeHeader) == "400"
	}, patience, 5*time.Millisecond)
}

// instances counts the instances of the service that answer.
func (b *bundle) instances(t *testing.T) int {
	t.Helper()
	inbox := b.client.NewInbox()
	sub, err := b.client.SubscribeSync(inbox)
	require.NoError(t, err)
	defer func() { assert.NoError(t, sub.Unsubscribe()) }()
	require.NoError(t, b.client.PublishRequest("$SRV.PING.webhookd", inbox, nil))
	n := 0
	for {
		msg, err := sub.NextMsg(50 * time.Millisecond)
		if err != nil || len(msg.Data) == 0 {
			return n
		}
		n++
	}
}

// take applies webhooks as an Ingest would.
func (b *bundle) take(t *testing.T, account string, bodies ...[]byte) {
	t.Helper()
	engine := &ingest.Engine{Rules: correlate.DefaultRules(), SettleDelay: time.Second, RingLimit: time.Minute, CallLimit: time.Hour}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for _, body := range bodies {
		w, err := dialog.Decode(body)
		require.NoError(t, err)
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return engine.Apply(t.Context(), tx, now, []*ingest.Piece{ingest.NewPiece(account, now, &w, body)})
		}))
	}
}

func created(n int) []byte {
	return fmt.Appendf(nil, `{"event_name":"dialog_create","state":"ringing","dialog_uuid":"00000000-0000-4000-8000-%012d",`+
		`"event_time":"2026-01-15 10:00:%02d"}`, n, n)
}

func (b *bundle) ask(t *testing.T, subject, request string) []byte {
	t.Helper()
	reply, err := b.client.Request(subject, []byte(request), patience)
	require.NoError(t, err)
	require.Empty(t, reply.Header.Get(micro.ErrorHeader), "%s %s", subject, request)
	return reply.Data
}

func (b *bundle) refused(t *testing.T, subject, request, code, words string) {
	t.Helper()
	reply, err := b.client.Request(subject, []byte(request), patience)
	require.NoError(t, err)
	require.Equal(t, code, reply.Header.Get(micro.ErrorCodeHeader), "%s %s: %s", subject, request, reply.Data)
	require.Contains(t, reply.Header.Get(micro.ErrorHeader), words)
}

func TestACallIsAskedFor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
		require.NoError(t, err)
		webhooks := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		b.take(t, "default", webhooks...)
		b.take(t, "acme", webhooks[0])

		row, err := b.st.Call(t.Context(), store.Key{Account: "default", UUID: recorded})
		require.NoError(t, err)
		assert.JSONEq(t, string(row.Record), string(b.ask(t, "webhookd.calls.get", `{"call_uuid":"`+recorded+`"}`)))
		assert.JSONEq(t, string(row.Record), string(b.ask(t, "webhookd.calls.get.default", `{"call_uuid":" `+recorded+` "}`)))
		for _, way := range [][2]string{
			{"webhookd.calls.get", `{"account":"acme","call_uuid":"` + recorded + `"}`},
			{"webhookd.calls.get.acme", `{"account":"acme","call_uuid":"` + recorded + `"}`},
			{"webhookd.calls.get.acme", `{"call_uuid":"` + recorded + `"}`},
		} {
			var record struct {
				Account string `json:"account"`
				State   string `json:"state"`
			}
			require.NoError(t, json.Unmarshal(b.ask(t, way[0], way[1]), &record))
			assert.Equal(t, "acme", record.Account)
			assert.Equal(t, "ringing", record.State)
		}
		b.refused(t, "webhookd.calls.get.acme", `{"account":"default","call_uuid":"`+recorded+`"}`, "400", "not the one in the subject")
		b.refused(t, "webhookd.calls.get.other", `{"call_uuid":"`+recorded+`"}`, "404", "has no call")
		b.refused(t, "webhookd.calls.get", `{"call_uuid":"x"}`, "400", "no UUID")
		b.refused(t, "webhookd.calls.get", ``, "400", "call_uuid is missing")
		b.refused(t, "webhookd.calls.get", `[]`, "400", "not a JSON object")
		b.refused(t, "webhookd.calls.get", `{"uuid":"`+recorded+`"}`, "400", `no key "uuid"`)
		b.refused(t, "webhookd.calls.get", `{"account":"a.b","call_uuid":"`+recorded+`"}`, "400", "An account's name")
		b.refused(t, "webhookd.calls.get.b64-YS5i", `{"call_uuid":"`+recorded+`"}`, "400", "An account's name")
	})
}

// page is an answer of calls.active.
type page struct {
	Calls []struct {
		CallUUID string `json:"call_uuid"`
	} `json:"calls"`
	Next json.RawMessage `json:"next"`
}

func (b *bundle) page(t *testing.T, request string) (p page, ends []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal(b.ask(t, "webhookd.calls.active", request), &p))
	for _, call := range p.Calls {
		ends = append(ends, call.CallUUID[len(call.CallUUID)-2:])
	}
	return p, ends
}

// What is answered when the library is done with a request touches nothing that the library still reads: with the race
// detector this fails otherwise.
func TestRequestsThatAreRefusedAtOnceAndMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		var asking errgroup.Group
		asking.SetLimit(16)
		for range 5000 {
			asking.Go(func() error {
				reply, err := b.client.Request("webhookd.calls.active", []byte(`{"limit":0}`), patience)
				if err != nil {
					return err
				}
				if code := reply.Header.Get(micro.ErrorCodeHeader); code != "400" {
					return fmt.Errorf("answered with %q", code)
				}
				return nil
			})
		}
		require.NoError(t, asking.Wait())
	})
}

func TestOpenCallsAreAskedForPageByPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		p, ends := b.page(t, "")
		assert.Empty(t, ends)
		assert.JSONEq(t, "null", string(p.Next))
		for n := range 5 {
			b.take(t, "default", created(n+1))
		}
		b.take(t, "acme", created(6))
		b.take(t, "default", fmt.Appendf(nil, `{"event_name":"dialog_close","close_cause":"HANGUP","event_time":"2026-01-15 10:01:00",`+
			`"dialog_uuid":"00000000-0000-4000-8000-%012d"}`, 2)) // the second has ended
		p, ends = b.page(t, `{"account":"default"}`)
		assert.Equal(t, []string{"05", "04", "03", "01"}, ends)
		assert.JSONEq(t, "null", string(p.Next))

		p, ends = b.page(t, `{"limit":3}`)
		assert.Equal(t, []string{"05", "04", "03"}, ends)
		assert.JSONEq(t, `{"started_at":"2026-01-15T10:00:03Z","call_uuid":"00000000-0000-4000-8000-000000000003"}`, string(p.Next))
		p, ends = b.page(t, `{"limit":3,"after":`+string(p.Next)+`}`)
		assert.Equal(t, []string{"01"}, ends)
		assert.JSONEq(t, "null", string(p.Next))

		b.refused(t, "webhookd.calls.active", `{"limit":1001}`, "400", "from 1 to 1000")
		b.refused(t, "webhookd.calls.active", `{"after":{"started_at":"x","call_uuid":"y"}}`, "400", "after is not")
	})
}

// Records that do not fit into one message come with the next one.
func TestAPageIsAsLargeAsAMessage(t *testing.T) {
	t.Parallel()
	record := []byte(`"` + string(bytes.Repeat([]byte("x"), 300)) + `"`)
	calls := make([]store.Call, 5)
	for i := range calls {
		calls[i] = store.Call{CallUUID: strconv.Itoa(i), Record: record}
	}
	b := &bundle{}
	b.open(t)
	b.serve(t, natsapi.Config{Reader: fixed(calls), Room: func() int64 { return 1100 }})
	var answer struct {
		Calls []string
		Next  struct {
			CallUUID string `json:"call_uuid"`
		}
	}
	body := b.ask(t, "webhookd.calls.active", "")
	assert.LessOrEqual(t, len(body), 1100)
	require.NoError(t, json.Unmarshal(body, &answer))
	assert.Len(t, answer.Calls, 3)
	assert.Equal(t, "2", answer.Next.CallUUID)
}

// fixed is a reader of given calls.
type fixed []store.Call

func (f fixed) Calls(context.Context, store.CallFilter) ([]store.Call, error) { return f, nil }
func (f fixed) Call(_ context.Context, key store.Key) (store.Call, error) {
	for _, call := range f {
		if call.CallUUID == key.UUID {
			return call, nil
		}
	}
	return store.Call{}, fmt.Errorf("ask: %w", store.ErrUnavailable)
}

func TestAMergedCallIsTheOneItWentInto(t *testing.T) {
	t.Parallel()
	first, second := "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	loop := "00000000-0000-4000-8000-000000000003"
	b := &bundle{}
	b.open(t)
	b.serve(t, natsapi.Config{Reader: fixed{
		{CallUUID: first, MergedInto: second},
		{CallUUID: second, Record: []byte(`"second"`)},
		{CallUUID: loop, MergedInto: loop},
	}})
	assert.Equal(t, `"second"`, string(b.ask(t, "webhookd.calls.get", `{"call_uuid":"`+first+`"}`)))
	b.refused(t, "webhookd.calls.get", `{"call_uuid":"`+loop+`"}`, "500", "server's log")
	b.refused(t, "webhookd.calls.get", `{"call_uuid":"`+recorded+`"}`, "503", "ask again later")
}

func TestStatisticsAreAskedForWhereThereAreAny(t *testing.T) {
	t.Parallel()
	b := &bundle{}
	b.open(t)
	b.serve(t, natsapi.Config{Reader: fixed{}})
	_, err := b.client.Request("webhookd.calls.stats", nil, patience)
	require.ErrorIs(t, err, nats.ErrNoResponders)
	b.serve(t, natsapi.Config{
		Reader: fixed{},
		Stats: func(_ context.Context, account string, query url.Values) (json.RawMessage, error) {
			if query.Get("from") == "" {
				return nil, &natsbus.ServiceError{Code: 400, Description: "from is missing.", Cause: errors.New("no from")}
			}
			return json.Marshal(account + "?" + query.Encode())
		},
	})
	require.Eventually(t, func() bool {
		_, err := b.client.Request("webhookd.calls.stats", nil, patience)
		return err == nil
	}, patience, 5*time.Millisecond)
	assert.Equal(t, `"acme?from=2026-01-15\u0026short=5"`,
		string(b.ask(t, "webhookd.calls.stats", `{"account":"acme","from":"2026-01-15","short":5}`)))
	b.refused(t, "webhookd.calls.stats.acme", `{}`, "400", "from is missing.")
	b.refused(t, "webhookd.calls.stats.acme", `{"from":["a"]}`, "400", "Every value")
}

func TestInstancesShareTheRequests(t *testing.T) {
	t.Parallel()
	b := &bundle{}
	b.open(t)
	var asked [2]chan struct{}
	for i := range asked {
		asked[i] = make(chan struct{}, 1000)
		b.serve(t, natsapi.Config{Reader: counted{fixed{}, asked[i]}})
	}
	for range 50 {
		b.ask(t, "webhookd.calls.active", "")
	}
	assert.NotEmpty(t, asked[0])
	assert.NotEmpty(t, asked[1])
	assert.Equal(t, 50, len(asked[0])+len(asked[1]), "each is answered by one")
}

// counted counts how often it is asked.
type counted struct {
	fixed
	asked chan struct{}
}

func (c counted) Calls(ctx context.Context, filter store.CallFilter) ([]store.Call, error) {
	c.asked <- struct{}{}
	return c.fixed.Calls(ctx, filter)
}

// The service may begin before NATS is there, and answers again when NATS was away.
func TestTheServiceOutlivesNATS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := natsbus.Open(t.Context(), natsbus.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	address := strings.TrimPrefix(far.URL(), "nats://")
	require.NoError(t, far.Close())
	b := &bundle{}
	b.bus, err = natsbus.Open(t.Context(), natsbus.Config{URL: "nats://" + address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.bus.Close()) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.bus.Serve(ctx, natsapi.New(natsapi.Config{Reader: fixed{}}).Service()) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	for range 2 {
		far, err = natsbus.Open(t.Context(), natsbus.Config{StoreDir: dir, Listen: address})
		require.NoError(t, err)
		client, err := nats.Connect(far.URL())
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			reply, err := client.Request("webhookd.calls.active", nil, time.Second)
			return err == nil && string(reply.Data) == `{"calls":[],"next":null}`
		}, patience, 10*time.Millisecond)
		client.Close()
		require.NoError(t, far.Close())
	}
}
