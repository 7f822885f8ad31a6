package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/due"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/pbxapi"
	"webhookd/internal/pbxapi/pbxtest"
	"webhookd/internal/rebuild"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account  = "default"
	callUUID = "c2b19c63-f17b-4726-b3a1-5b5046e887ef" // and its consultant's leg
	customer = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"
	patience = 20 * time.Second
)

// documented are the PBX's records of the documented call; they tell the times that its webhooks tell.
func documented() []pbxtest.Record {
	return []pbxtest.Record{
		{
			"dialog_uuid": customer, "dialog_type": "EXTERNAL", "business_direction": "OUTBOUND",
			"business_end_cause": "HANGUP", "start_time": "2020-08-25 16:24:47", "ring_time": nil,
			"alert_time": "2020-08-25 16:24:50", "answer_time": "2020-08-25 16:25:00", "serve_time": "2020-08-25 16:25:01",
			"hangup_time": "2020-08-25 16:25:09", "talking_time": 8000, "waiting_time": 14000,
		},
		{
			"dialog_uuid": callUUID, "dialog_type": "CONSULTANT", "business_direction": "OUTBOUND",
			"business_end_cause": "DIALOG_LEFT", "start_time": "2020-08-25 16:24:41", "alert_time": nil,
			"answer_time": nil, "serve_time": "2020-08-25 16:25:01", "hangup_time": "2020-08-25 16:25:09",
		},
	}
}

// elsewhere are records of dialogs of the same minutes that have nothing to do with the call.
func elsewhere(n int) []pbxtest.Record {
	records := make([]pbxtest.Record, n)
	for i := range records {
		records[i] = pbxtest.Record{
			"dialog_uuid": leg(i), "dialog_type": "CONSULTANT", "business_direction": "INBOUND",
			"business_end_cause": "HANGUP", "start_time": "2020-08-25 16:24:45", "hangup_time": "2020-08-25 16:24:55",
		}
	}
	return records
}

func leg(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// bundle is an installation with a PBX that can be asked, whose time is the test's.
type bundle struct {
	*clock
	st         store.Store
	pbx        *pbxtest.PBX
	engine     *ingest.Engine
	reconciler *reconcile.Reconciler
	runner     *due.Runner
}

func each(t *testing.T, test func(t *testing.T, b *bundle, database everystore.Database)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{clock: &clock{now: time.Date(2020, 8, 25, 16, 25, 10, 0, time.UTC)}, pbx: pbxtest.New(t)}
		b.st = database.Open(t)
		b.engine = engine()
		b.reconciler = b.newReconciler(t, b.st, b.engine)
		test(t, b, database)
	})
}

func engine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

func (b *bundle) newReconciler(t *testing.T, st store.Store, engine *ingest.Engine) *reconcile.Reconciler {
	t.Helper()
	return b.newReconcilerAt(t, 1000, st, engine)
}

// newReconcilerAt makes one that asks at a rate, in requests a second.
func (b *bundle) newReconcilerAt(t *testing.T, rate int, st store.Store, engine *ingest.Engine) *reconcile.Reconciler {
	t.Helper()
	client := pbxapi.New(pbxapi.Config{BaseURL: b.pbx.URL, Key: pbxtest.Key, Rate: rate, Timeout: 5 * time.Second})
	t.Cleanup(client.Close)
	made := reconcile.New(reconcile.Config{
		Store: st, Engine: engine, PBXs: map[string]reconcile.PBX{account: client}, OpenAfter: time.Hour,
		Logger: slog.New(slog.DiscardHandler), Now: b.Now,
	})
	engine.Reconciles = made.Has
	return made
}

// start lets a due.Runner work until the test ends.
func (b *bundle) start(t *testing.T, st store.Store, engine *ingest.Engine, reconciler *reconcile.Reconciler) *due.Runner {
	t.Helper()
	runner := due.New(due.Config{
		Store: st, Engine: engine, Repairer: reconciler, Logger: slog.New(slog.DiscardHandler), Now: b.Now,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return runner
}

// take applies webhooks as an Ingest would.
func (b *bundle) take(t *testing.T, bodies ...[]byte) {
	t.Helper()
	for _, body := range bodies {
		w, err := dialog.Decode(body)
		require.NoError(t, err)
		now := b.Now()
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return b.engine.Apply(t.Context(), tx, now, []*ingest.Piece{ingest.NewPiece(account, now, &w, body)})
		}))
	}
}

// pass moves the clock and waits until nothing is due any more that the runner would do.
func (b *bundle) pass(t *testing.T, by time.Duration) {
	t.Helper()
	b.move(by)
	b.runner.Wake()
	require.Eventually(t, func() bool {
		at, ok, err := b.st.NextDue(t.Context())
		return err == nil && (!ok || at.After(b.Now()))
	}, patience, time.Millisecond)
}

// eventually waits until something of the call is so.
func (b *bundle) eventually(t *testing.T, so func(record flow.Record) bool) flow.Record {
	t.Helper()
	var record flow.Record
	require.Eventually(t, func() bool {
		record = b.call(t, callUUID)
		return so(record)
	}, patience, 5*time.Millisecond)
	return record
}

func (b *bundle) call(t *testing.T, id string) flow.Record {
	t.Helper()
	row, err := b.st.Call(t.Context(), store.Key{Account: account, UUID: id})
	require.NoError(t, err)
	var record flow.Record
	require.NoError(t, json.Unmarshal(row.Record, &record))
	return record
}

// events gives the types of the events of a call, in order.
func (b *bundle) events(t *testing.T, id string) []string {
	t.Helper()
	require.NoError(t, b.st.Write(t.Context(), func(store.Tx) error { return nil })) // what was committed is read now
	rows, err := b.st.Changes(t.Context(), store.Key{Account: account, UUID: id})
	require.NoError(t, err)
	var types []string
	for _, row := range rows {
		for _, event := range row.Events {
			types = append(types, event.Type)
		}
	}
	return types
}

func (b *bundle) questions(t *testing.T) []store.Question {
	t.Helper()
	questions, err := b.st.QuestionsOf(t.Context(), account, 100)
	require.NoError(t, err)
	return questions
}

// requireRebuilt holds what is stored against what the journal alone gives.
func (b *bundle) requireRebuilt(t *testing.T) {
	t.Helper()
	var found []string
	result, err := rebuild.Run(t.Context(), rebuild.Config{
		Store: b.st, Engine: engine(), Check: true,
		Report: func(d rebuild.Difference) { found = append(found, d.String()) },
	})
	require.NoError(t, err)
	require.Empty(t, found)
	require.NotZero(t, result.Entries)
}

func webhooks(t *testing.T) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

// theDocumentedCall is the record of the call as it must come out, with another basis of its end.
func theDocumentedCall(t *testing.T, basis correlate.Word) string {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/outbound_answered/call.json")
	require.NoError(t, err)
	var call correlate.Call
	require.NoError(t, json.Unmarshal(data, &call))
	call.EndBasis = basis
	return string(append(call.AppendJSON(nil), '}'))
}

func shown(record flow.Record) string { return string(append(record.AppendJSON(nil), '}')) }
