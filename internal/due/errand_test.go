package due_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
	"webhookd/internal/correlate"
	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
	"webhookd/internal/trigger"
)

// receiver stands for everybody who is called. It answers when it is let.
type receiver struct {
	mu   sync.Mutex
	got  []callout.Call
	wait chan struct{} // nil: it answers at once
}

func (r *receiver) Do(ctx context.Context, call callout.Call) callout.Result {
	r.mu.Lock()
	r.got = append(r.got, call)
	wait := r.wait
	r.mu.Unlock()
	if strings.Contains(call.URL, "panic") {
		panic("a bug of the test")
	}
	if wait != nil && !strings.Contains(call.URL, "quick") {
		select {
		case <-wait:
		case <-ctx.Done():
			return callout.Result{Status: callout.ConnectionError, Retry: true}
		}
	}
	return callout.Result{Status: callout.Success, StatusCode: 200, URL: call.URL}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// answers lets it answer, now and from now on.
func (r *receiver) answers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.wait)
	r.wait = nil
}

// caller is an installation whose handlers call out.
type caller struct {
	*bundle

	receiver *receiver
	service  *dispatch.Service
	config   due.Config
	log      *bytes.Buffer
}

func eachCaller(t *testing.T, handlers string, test func(t *testing.T, c *caller)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		clock := newClock()
		c := &caller{
			bundle: &bundle{clock: clock, st: database.OpenAt(t, clock.Now)}, receiver: &receiver{}, log: &bytes.Buffer{},
		}
		log := slog.New(slog.NewTextHandler(c.log, nil))
		d := &dispatch.Dispatcher{
			Book: dispatch.NewBook(c.st, trigger.Environment{}, log), Failures: 20, Logger: log,
		}
		c.engine = &ingest.Engine{
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute,
			CallLimit: 4 * time.Hour, Dispatcher: d,
		}
		c.service = &dispatch.Service{Dispatcher: d, Store: c.st, Now: c.Now}
		c.config = due.Config{
			Store: c.st, Engine: c.engine, Dispatcher: d, Client: c.receiver, CatchingUp: c.behind.Load, Logger: log, Now: c.Now,
		}
		compiled, err := trigger.LoadFile([]byte("handlers:\n"+handlers), trigger.Environment{})
		require.NoError(t, err)
		require.NoError(t, c.service.LoadFile(t.Context(), compiled))
		test(t, c)
	})
}

// begin lets a Runner work until the test ends.
func (c *caller) begin(t *testing.T) {
	t.Helper()
	c.runner = due.New(c.config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// step moves the clock, a little at a time, until something is so.
func (c *caller) step(t *testing.T, by time.Duration, done func() bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.move(by)
		c.runner.Wake()
		return done()
	}, patience, 10*time.Millisecond)
}

const callsOut = `
  - {name: calls, on: call_ended, do: [{type: call_webhook, method: GET, url: "http://${call.project.name}.example.com/${call.call_uuid}"}]}
`

// ended is a call that rang and ended; the handler's request goes to a host.
func ended(n int, host string) [][]byte {
	return [][]byte{
		body("dialog_create", leg(n), "12:00:00", fmt.Sprintf(
			`,"state":"ringing","direction":"OUTBOUND","business_direction":"INBOUND","dialog_type":"EXTERNAL","project":{"id":1,"name":%q}`, host)),
		body("dialog_close", leg(n), "12:00:09", `,"close_cause":"HANGUP"`),
	}
}

func (c *caller) takeAll(t *testing.T, count int, host string) {
	t.Helper()
	c.runner = due.New(c.config) // take wakes it
	for n := range count {
		c.take(t, ended(n, host)...)
	}
}

// A receiver that does not answer gets so many requests at once. The others wait for it, and when too little is left of
// their lease they are left to whoever takes them next.
func TestRequestsThatWaitTooLongAreLeftToTheNext(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.receiver.wait = make(chan struct{})
		c.takeAll(t, 40, "slow")
		c.begin(t)
		require.Eventually(t, func() bool { return c.receiver.count() == 16 && c.runner.Stats().Requests == 40 },
			patience, time.Millisecond)
		c.move(time.Minute)
		c.receiver.answers()
		require.Eventually(t, func() bool { return c.runner.Stats().Requests == 0 }, patience, time.Millisecond)
		require.Equal(t, 16, c.receiver.count())
		require.Equal(t, 16, c.count(t, "webhook_called"))
		c.step(t, time.Second, func() bool { return c.count(t, "webhook_called") == 40 })
		require.Equal(t, 40, c.receiver.count())
	})
}

// More requests to one host than an instance takes leave room for those to others.
func TestOneHostDoesNotTakeAllRoom(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.receiver.wait = make(chan struct{})
		c.takeAll(t, 150, "slow")
		for n := range 20 {
			c.take(t, ended(1000+n, "quick")...)
		}
		c.begin(t)
		c.step(t, time.Millisecond, func() bool { return c.count(t, "webhook_called") == 20 })
		require.Equal(t, 16+20, c.receiver.count())
		// What was made and kept is let go of after its commit, which is when the count above sees it.
		require.Eventually(t, func() bool { return c.runner.Stats().Requests == 64 }, patience, time.Millisecond)
		c.receiver.answers()
		c.step(t, 100*time.Millisecond, func() bool { return c.count(t, "webhook_called") == 170 })
		require.Equal(t, 170, c.receiver.count())
	})
}

// refusing is a store that refuses the outcomes of some requests.
type refusing struct {
	store.Store

	mu      sync.Mutex
	failure error
	of      func(store.OutboxRow) bool
	times   int // how often it still does
}

type refusingTx struct {
	store.Tx

	by *refusing
}

func (s *refusing) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Write(ctx, func(tx store.Tx) error { return fn(refusingTx{tx, s}) })
}

func (tx refusingTx) Keep(ctx context.Context, changes store.Changes) error {
	tx.by.mu.Lock()
	defer tx.by.mu.Unlock()
	refused := slices.ContainsFunc(changes.Outbox, func(row *store.OutboxRow) bool { return tx.by.of(*row) })
	if refused && tx.by.times > 0 {
		tx.by.times--
		return tx.by.failure
	}
	return tx.Tx.Keep(ctx, changes)
}

// outcomeOf says whether a row tells of a request's outcome, of one call or of any ("").
func outcomeOf(callUUID string) func(store.OutboxRow) bool {
	return func(row store.OutboxRow) bool {
		return row.Events[0].Type == trigger.EventWebhookCalled && (callUUID == "" || row.CallUUID == callUUID)
	}
}

// An outcome that the database refuses is dropped with its request, which would be made again and again otherwise. The
// ones beside it are kept.
func TestAnOutcomeThatCannotBeKept(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.takeAll(t, 10, "any")
		st := &refusing{Store: c.st, failure: fmt.Errorf("the test: %w", store.ErrRefused), of: outcomeOf(leg(3)), times: 1000}
		c.config.Store = st
		c.begin(t)
		c.step(t, time.Millisecond, func() bool { return c.receiver.count() == 10 && c.runner.Stats().Requests == 0 })
		require.Equal(t, 9, c.count(t, "webhook_called"))
		c.step(t, time.Second, func() bool { return c.Now().After(newClock().Now().Add(5 * time.Minute)) })
		require.Equal(t, 10, c.receiver.count())
	})
}

// While the database is away nothing can be kept: the requests are made again when their lease is over.
func TestTheDatabaseIsAwayWhenRequestsEnd(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.takeAll(t, 10, "any")
		st := &refusing{Store: c.st, failure: fmt.Errorf("the test: %w", store.ErrUnavailable), of: outcomeOf(""), times: 1}
		c.config.Store = st
		c.begin(t)
		c.step(t, time.Millisecond, func() bool { return c.receiver.count() == 10 && c.runner.Stats().Requests == 0 })
		kept := c.count(t, "webhook_called")
		require.Less(t, kept, 10)
		c.step(t, time.Second, func() bool { return c.count(t, "webhook_called") == 10 })
		require.Equal(t, 20-kept, c.receiver.count())
	})
}

// A bug that a request meets is told as its failure.
func TestABugInARequest(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.takeAll(t, 1, "panic")
		c.begin(t)
		c.step(t, time.Millisecond, func() bool { return c.count(t, "webhook_called") == 1 })
		require.Equal(t, 1, c.count(t, "error"))
	})
}

// While webhooks wait in the spool, what they may call off waits, too.
func TestTriggersWaitWhileTheSpoolDrains(t *testing.T) {
	t.Parallel()
	const waits = `
  - {name: waits, on: call_ended, after: 1m, cancel_on: call_reopened, do: [{type: set_run_result, name: fired, value: "yes"}]}
`
	for name, reopened := range map[string]bool{"and nothing comes": false, "and it is called off": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCaller(t, waits, func(t *testing.T, c *caller) {
				c.begin(t)
				c.take(t, ended(1, "any")...)
				c.behind.Store(true)
				c.pass(t, 10*time.Minute)
				require.Zero(t, c.count(t, "run_result_changed"))
				if reopened {
					c.take(t, body("dialog_create", leg(2), "12:00:30",
						`,"state":"ringing","direction":"INBOUND","initial_application_info":{"data":{"caller_dialog_uuid":"`+leg(1)+`"}}`))
				}
				c.behind.Store(false)
				c.pass(t, 5*time.Second)
				want := 1
				if reopened {
					want = 0
				}
				require.Equal(t, want, c.count(t, "run_result_changed"))
			})
		})
	}
}

// A trigger that cannot be fired is put off, and blocks nothing.
func TestATriggerThatCannotBeFiredBlocksNothing(t *testing.T) {
	t.Parallel()
	eachCaller(t, `
  - {name: waits, on: call_ended, after: 1m, do: [{type: set_run_result, name: fired, value: "yes"}]}
`, func(t *testing.T, c *caller) {
		c.begin(t)
		for n := range 5 {
			c.take(t, ended(n, "any")...)
		}
		c.pass(t, 10*time.Second) // they settle
		require.NoError(t, c.st.Write(t.Context(), func(tx store.Tx) error {
			calls, err := tx.WholeCalls(t.Context(), []store.Key{{Account: account, UUID: leg(2)}})
			if err != nil {
				return err
			}
			calls[0].Record = []byte(`{"legs":7}`)
			return tx.PutCalls(t.Context(), calls)
		}))
		c.step(t, time.Second, func() bool { return c.count(t, "run_result_changed") == 4 })
		require.EqualValues(t, 1, c.runner.Stats().Failed)
		c.step(t, time.Second, func() bool { return c.runner.Stats().Failed == 2 }) // it is tried again
		require.Equal(t, 4, c.count(t, "run_result_changed"))
	})
}

// An instance without handlers leaves what is theirs to others.
func TestWithoutADispatcherRowsWait(t *testing.T) {
	t.Parallel()
	eachCaller(t, callsOut, func(t *testing.T, c *caller) {
		c.takeAll(t, 1, "any")
		whole := c.config
		c.config.Dispatcher = nil
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		runner := due.New(c.config)
		go func() { stopped <- runner.Run(ctx) }()
		require.Eventually(t, func() bool {
			at, ok, err := c.st.NextDue(t.Context())
			return err == nil && ok && at.After(c.Now())
		}, patience, time.Millisecond)
		cancel()
		require.NoError(t, <-stopped)
		require.Zero(t, c.receiver.count())
		c.config = whole
		c.begin(t)
		c.step(t, time.Second, func() bool { return c.count(t, "webhook_called") == 1 })
	})
}
