package due_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/due"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account  = "default"
	callUUID = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	patience = 15 * time.Second
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)} }

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

// bundle is an installation whose time is the test's.
type bundle struct {
	*clock
	st     store.Store
	engine *ingest.Engine
	runner *due.Runner
	behind atomic.Bool // webhooks are on their way
}

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

func each(t *testing.T, test func(t *testing.T, b *bundle, database everystore.Database)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{clock: newClock(), st: database.Open(t), engine: newEngine()}
		b.runner = b.start(t, b.st)
		test(t, b, database)
	})
}

// start lets a Runner work on a store until the test ends.
func (b *bundle) start(t *testing.T, st store.Store) *due.Runner {
	t.Helper()
	runner := due.New(due.Config{
		Store: st, Engine: b.engine, CatchingUp: b.behind.Load, Logger: slog.New(slog.DiscardHandler), Now: b.Now,
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
	b.runner.Wake()
}

// pass moves the clock and lets the Runner do what is due by then.
func (b *bundle) pass(t *testing.T, by time.Duration) {
	t.Helper()
	b.move(by)
	b.runner.Wake()
	require.Eventually(t, func() bool {
		at, ok, err := b.st.NextDue(t.Context())
		return err == nil && (!ok || at.After(b.Now()))
	}, patience, time.Millisecond)
}

func (b *bundle) call(t *testing.T, id string) flow.Record {
	t.Helper()
	row, err := b.st.Call(t.Context(), store.Key{Account: account, UUID: id})
	require.NoError(t, err)
	var record flow.Record
	require.NoError(t, json.Unmarshal(row.Record, &record))
	require.Equal(t, row.Seq, record.Seq)
	require.Equal(t, row.Revision, record.Revision)
	return record
}

// count counts the events of a type that were published.
func (b *bundle) count(t *testing.T, eventType string) int {
	t.Helper()
	// What another Write has committed is sure to be read when that has returned, and so when the next one has.
	require.NoError(t, b.st.Write(t.Context(), func(store.Tx) error { return nil }))
	rows, err := b.st.Unsent(t.Context(), 0, 1000)
	require.NoError(t, err)
	n := 0
	ids := map[string]bool{}
	for _, row := range rows {
		for _, event := range row.Events {
			require.False(t, ids[event.UUID])
			ids[event.UUID] = true
			if event.Type == eventType {
				n++
			}
		}
	}
	return n
}

func webhooks(t *testing.T) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func body(name, dialogUUID, at, more string) []byte {
	return fmt.Appendf(nil, `{"event_name":%q,"dialog_uuid":%q,"event_time":"2026-01-15 %s"%s}`, name, dialogUUID, at, more)
}

func leg(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func TestACallSettlesAfterItsDelay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, webhooks(t)...)
		b.pass(t, 9*time.Second)
		require.Zero(t, b.call(t, callUUID).Revision)
		b.pass(t, time.Second)
		record := b.call(t, callUUID)
		require.Equal(t, 1, record.Revision)
		require.EqualValues(t, 17, record.Seq)
		require.Equal(t, 1, b.count(t, "call_settled"))
		entries, err := b.st.Entries(t.Context(), store.Key{Account: account, UUID: callUUID})
		require.NoError(t, err)
		require.Equal(t, store.OriginSettle, entries[8].Origin)
		_, ok, err := b.st.NextDue(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "nothing is left to do")
	})
}

// A webhook that looks like the entry of a settle cannot take its place.
func TestASettleCannotBeForestalled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, []byte(`{"event_type":"webhookd","event_name":"call_settled","call_uuid":"`+callUUID+`","revision":1}`))
		b.take(t, webhooks(t)...)
		b.pass(t, 10*time.Second)
		require.Equal(t, 1, b.call(t, callUUID).Revision)
		entries, err := b.st.Entries(t.Context(), store.Key{Account: account, UUID: callUUID})
		require.NoError(t, err)
		require.JSONEq(t, `{"event_type":"webhookd","event_name":"call_settled","call_uuid":"`+callUUID+`","revision":1}`,
			string(entries[8].Body))
	})
}

// Evidence that comes after the call was settled and changes its record raises the revision; other evidence does not.
func TestLateEvidenceRaisesTheRevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		bodies := webhooks(t)
		b.take(t, bodies[:3]...)
		b.take(t, bodies[4:]...) // the callee's answered is late
		b.pass(t, 10*time.Second)
		require.Equal(t, 1, b.call(t, callUUID).Revision)
		require.Zero(t, b.call(t, callUUID).Legs[1].AnsweredAt)
		b.take(t, bodies[3])
		record := b.call(t, callUUID)
		require.Equal(t, 2, record.Revision)
		require.NotZero(t, record.Legs[1].AnsweredAt)
		require.Equal(t, 2, b.count(t, "call_settled"))
		b.take(t, body("dialog_state_update", callUUID, "23:59:59", `,"state":"ringing"`))
		require.Equal(t, 2, b.call(t, callUUID).Revision, "a later report of a known state changes nothing")
		b.pass(t, time.Hour)
		require.Equal(t, 2, b.count(t, "call_settled"))
	})
}

// A leg that joins an ended call reopens it; it settles when it has ended again.
func TestAReopenedCallSettlesAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, webhooks(t)...)
		b.take(t, body("dialog_create", leg(1), "10:00:00",
			`,"state":"ringing","direction":"INBOUND","initial_application_info":{"data":{"caller_dialog_uuid":"`+callUUID+`"}}`))
		require.Equal(t, 1, b.count(t, "call_reopened"))
		b.pass(t, time.Minute)
		require.Zero(t, b.count(t, "call_settled"), "it is open")
		b.take(t, body("dialog_close", leg(1), "10:00:09", `,"close_cause":"HANGUP"`))
		require.Equal(t, 2, b.count(t, "call_ended"))
		b.pass(t, 10*time.Second)
		require.Equal(t, 1, b.count(t, "call_settled"))
		require.Equal(t, 1, b.call(t, callUUID).Revision)
	})
}

// A call that rings and of which nothing is heard is closed after ring_limit, counted from the last arrival.
func TestARingingCallIsReaped(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, webhooks(t)[0])
		b.pass(t, 6*time.Minute)
		b.take(t, webhooks(t)[1])
		b.pass(t, 9*time.Minute+59*time.Second)
		require.Equal(t, "ringing", b.call(t, callUUID).State)
		b.pass(t, time.Second)
		record := b.call(t, callUUID)
		require.Equal(t, "ended", record.State)
		require.Equal(t, correlate.BasisTimeout, record.EndBasis)
		require.Equal(t, "2020-08-25T16:24:47Z", record.EndedAt.String(), "the time of the call's last webhook")
		for _, l := range record.Legs {
			require.Equal(t, correlate.Word("TIMEOUT"), l.CloseCause)
			require.Equal(t, "2020-08-25T16:24:47Z", l.ClosedAt.String())
		}
		require.Equal(t, correlate.DispositionNoAnswer, record.Disposition) // class of TIMEOUT
		b.pass(t, 10*time.Second)
		require.Equal(t, 1, b.count(t, "call_settled"))
	})
}

// Silence means nothing while webhooks wait in the spool; other rows are done all the same.
func TestNothingIsReapedWhileTheSpoolDrains(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.behind.Store(true)
		b.take(t, webhooks(t)[0])
		b.pass(t, 11*time.Minute)
		require.Equal(t, "ringing", b.call(t, callUUID).State)
		b.take(t, webhooks(t)[1:]...) // they were on their way
		b.pass(t, 10*time.Second)
		record := b.call(t, callUUID)
		require.Equal(t, "ended", record.State)
		require.Equal(t, correlate.BasisReported, record.EndBasis)
		require.Equal(t, 1, b.count(t, "call_settled"))
		require.Equal(t, 1, b.count(t, "call_ended"))
	})
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.behind.Store(true)
		b.take(t, webhooks(t)[0])
		b.pass(t, 11*time.Minute)
		b.behind.Store(false)
		b.pass(t, 5*time.Second)
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
	})
}

// A connected call is left alone for call_limit.
func TestAConnectedCallIsReapedLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour-time.Second)
		require.Equal(t, "talking", b.call(t, callUUID).State)
		b.pass(t, time.Second)
		record := b.call(t, callUUID)
		require.Equal(t, correlate.BasisTimeout, record.EndBasis)
		require.Equal(t, correlate.DispositionAnswered, record.Disposition)
		require.Equal(t, correlate.HangupUnknown, record.HangupBy)
	})
}

// A real close wins over a made-up one whenever it comes.
func TestARealCloseWins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		bodies := webhooks(t)
		b.take(t, bodies[:6]...)
		b.pass(t, 5*time.Hour)
		b.pass(t, time.Minute)
		require.Equal(t, 1, b.call(t, callUUID).Revision)
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
		b.take(t, bodies[6:]...)
		record := b.call(t, callUUID)
		require.Equal(t, correlate.BasisReported, record.EndBasis)
		require.Equal(t, 3, record.Revision)
		want, err := os.ReadFile("../../fixtures/outbound_answered/call.json")
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(append(record.AppendJSON(nil), '}')))
	})
}

// What was put down before a restart is done after it.
func TestDueRowsSurviveARestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, database everystore.Database) {
		b.take(t, webhooks(t)...)
		require.NoError(t, b.st.Close())
		b.move(time.Hour)
		b.st = database.Open(t)
		b.runner = b.start(t, b.st)
		b.pass(t, 0)
		require.Equal(t, 1, b.count(t, "call_settled"))
	})
}

// Several instances do each row once.
func TestSeveralInstancesDoEachRowOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, database everystore.Database) {
		runners := []*due.Runner{b.runner}
		for range 3 {
			st := b.st
			if database.Shared {
				st = database.Open(t)
			}
			runners = append(runners, b.start(t, st))
		}
		const calls = 40
		for i := range calls {
			b.take(t, body("dialog_close", leg(i), "10:00:09", `,"close_cause":"HANGUP"`))
		}
		b.move(time.Minute)
		for _, r := range runners {
			r.Wake()
		}
		b.pass(t, 0)
		require.Equal(t, calls, b.count(t, "call_settled"))
		require.Eventually(t, func() bool {
			done := int64(0)
			for _, r := range runners {
				done += r.Stats().Done
			}
			return done == calls
		}, patience, time.Millisecond)
	})
}

// brokenLegs is a real store in which one call cannot be read.
type brokenLegs struct {
	store.Store
	call string
}

func (s brokenLegs) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Write(ctx, func(tx store.Tx) error { return fn(brokenTx{tx, s.call}) })
}

type brokenTx struct {
	store.Tx
	call string
}

func (tx brokenTx) Legs(ctx context.Context, keys []store.Key) ([]store.Leg, error) {
	for _, key := range keys {
		if key.UUID == tx.call {
			return nil, errors.New("this one cannot be read")
		}
	}
	return tx.Tx.Legs(ctx, keys)
}

// A row that cannot be done is put off and counted, and keeps no other from being done.
func TestARowThatCannotBeDoneBlocksNothing(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := &bundle{clock: newClock(), st: database.Open(t), engine: &ingest.Engine{
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: time.Minute, CallLimit: time.Hour,
		}}
		b.runner = due.New(due.Config{Store: b.st, Engine: b.engine, Now: b.Now}) // does not run
		for i := range 5 {
			b.take(t, body("dialog_close", leg(i), "10:00:09", `,"close_cause":"HANGUP"`))
		}
		b.move(time.Minute)
		require.Zero(t, b.runner.Stats().Overdue)
		b.engine = &ingest.Engine{ // one that remembers nothing, so it has to read
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: time.Minute, CallLimit: time.Hour,
		}
		b.runner = b.start(t, brokenLegs{b.st, leg(2)})
		b.pass(t, 0)
		require.Equal(t, 4, b.count(t, "call_settled"))
		require.EqualValues(t, 1, b.runner.Stats().Failed)
		at, ok, err := b.st.NextDue(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, b.Now().Add(time.Minute), at.UTC())
		// The Runner has seen the new time, too.
		require.Eventually(t, func() bool { return b.runner.Stats().Overdue == 0 }, patience, time.Millisecond)
		b.move(90 * time.Second)
		require.Equal(t, 30*time.Second, b.runner.Stats().Overdue)
	})
}
