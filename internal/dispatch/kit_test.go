package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/callout"
	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
	"webhookd/internal/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account  = "default"
	customer = "48503200104"
	other    = "48503200105"
	flowUUID = "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"
	patience = 30 * time.Second
)

// noon is when every test begins.
var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func options() flow.Options {
	return flow.Options{RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour}
}

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

// reach moves the clock to a time, but never back.
func (c *clock) reach(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.now) {
		c.now = at
	}
}

// installation is one database and the instances on it. Its time is the test's.
type installation struct {
	*clock

	*instance // the first one

	database  everystore.Database
	env       trigger.Environment
	failures  int
	instances []*instance
	log       *journal

	reading sync.Mutex // of what was published
	read    []told
	through int64 // the last row of the outbox that was read
	ids     map[string]bool
}

// instance is one webhookd, without what is around it.
type instance struct {
	st      store.Store
	engine  *ingest.Engine
	service *dispatch.Service
	runner  *due.Runner
}

// each runs the test once on each store.
func each(t *testing.T, test func(t *testing.T, in *installation)) {
	t.Helper()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		in := &installation{
			clock: &clock{now: noon}, database: database, failures: 20, log: &journal{}, ids: map[string]bool{},
			env: trigger.Environment{
				Flows: map[string]string{"callback": flowUUID}, Resthooks: map[string][]string{},
			},
		}
		in.instance = in.open(t)
		test(t, in)
		in.published(t)
	})
}

// open starts one more instance.
func (in *installation) open(t testing.TB) *instance {
	t.Helper()
	st := in.database.OpenAt(t, in.Now)
	log := slog.New(slog.NewTextHandler(in.log, nil))
	book := dispatch.NewBook(st, in.env, log)
	client := callout.New(callout.Config{
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Now: in.Now,
		Secrets: []string{"a-secret-of-the-installation"},
	})
	t.Cleanup(client.Close)
	d := &dispatch.Dispatcher{Book: book, Failures: in.failures, Logger: log}
	i := &instance{
		st: st,
		engine: &ingest.Engine{
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute,
			CallLimit: 4 * time.Hour, Dispatcher: d,
		},
		service: &dispatch.Service{Dispatcher: d, Store: st, Options: options(), Now: in.Now},
	}
	i.runner = due.New(due.Config{Store: st, Engine: i.engine, Dispatcher: d, Client: client, Logger: log, Now: in.Now})
	in.instances = append(in.instances, i)
	return i
}

// reopen ends all instances as a crash would, and starts one.
func (in *installation) reopen(t testing.TB) {
	t.Helper()
	for _, i := range in.instances {
		require.NoError(t, i.st.Close())
	}
	in.instances = nil
	in.instance = in.open(t)
}

// journal is what instances log.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(text)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// handlers loads handlers of a file: what stands behind "handlers:".
func (in *installation) handlers(t testing.TB, text string) {
	t.Helper()
	compiled, err := trigger.LoadFile([]byte("handlers:\n"+text), in.env)
	require.NoError(t, err)
	require.NoError(t, in.service.LoadFile(t.Context(), compiled))
}

// take lets webhooks come to the account, all in one transaction.
func (in *installation) take(t testing.TB, bodies ...[]byte) {
	t.Helper()
	require.NoError(t, in.batch(t.Context(), in.Now(), arrivals(account, bodies...)...))
}

// oneByOne lets webhooks come, each in a transaction of its own.
func (in *installation) oneByOne(t testing.TB, bodies ...[]byte) {
	t.Helper()
	for _, body := range bodies {
		in.take(t, body)
	}
}

// arrival is a webhook on its way.
type arrival struct {
	account string
	body    []byte
	at      time.Time // zero: now
}

func arrivals(account string, bodies ...[]byte) []arrival {
	list := make([]arrival, 0, len(bodies))
	for _, body := range bodies {
		list = append(list, arrival{account: account, body: body})
	}
	return list
}

// batch commits webhooks in one transaction, as an Ingest does.
func (i *instance) batch(ctx context.Context, now time.Time, list ...arrival) error {
	pieces := make([]*ingest.Piece, 0, len(list))
	for _, a := range list {
		webhook, err := dialog.Decode(a.body)
		if err != nil {
			return err
		}
		at := a.at
		if at.IsZero() {
			at = now
		}
		pieces = append(pieces, ingest.NewPiece(a.account, at, &webhook, a.body))
	}
	return i.st.Write(ctx, func(tx store.Tx) error { return i.engine.Apply(ctx, tx, now, pieces) })
}

// work does what is due now, with all instances at once, requests included.
func (in *installation) work(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, len(in.instances))
	for _, i := range in.instances {
		go func() { ended <- i.runner.Run(ctx) }()
	}
	in.idle(t)
	cancel()
	for range in.instances {
		require.NoError(t, <-ended)
	}
}

// idle waits until nothing is due and no request is under way.
func (in *installation) idle(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		before, _ := in.progress()
		at, ok, err := in.st.NextDue(t.Context())
		after, busy := in.progress()
		return err == nil && (!ok || at.After(in.Now())) && !busy && before == after
	}, patience, time.Millisecond)
}

// progress counts what was done so far, and says whether requests are under way.
func (in *installation) progress() (done int64, busy bool) {
	for _, i := range in.instances {
		stats := i.runner.Stats()
		done += stats.Done + i.service.Dispatcher.Stats().Requests
		busy = busy || stats.Requests > 0
	}
	return done, busy
}

// pass lets time pass. Everything is done when its time comes.
func (in *installation) pass(t testing.TB, by time.Duration) {
	t.Helper()
	in.until(t, in.Now().Add(by))
}

func (in *installation) until(t testing.TB, end time.Time) {
	t.Helper()
	for {
		at, ok, err := in.st.NextDue(t.Context())
		require.NoError(t, err)
		if !ok || at.After(end) {
			break
		}
		in.reach(at)
		in.work(t)
	}
	in.reach(end)
}

// told is a published event, as far as tests look at it.
type told struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"type"`
	CreatedOn time.Time `json:"created_on"`
	Account   string    `json:"account_key"`
	Text      string    `json:"text"`
	Status    string    `json:"status"`
	Code      int       `json:"status_code"`
	Retries   int       `json:"retries"`
	Request   string    `json:"request"`
	Response  string    `json:"response"`
	URL       string    `json:"url"`
	Name      string    `json:"name"`
	Value     any       `json:"value"`
	Category  string    `json:"category"`
	URNs      []string  `json:"urns"`
	Msg       struct {
		Text string `json:"text"`
		URN  string `json:"urn"`
	} `json:"msg"`
	History struct {
		ParentUUID          string `json:"parent_uuid"`
		Ancestors           int    `json:"ancestors"`
		AncestorsSinceInput int    `json:"ancestors_since_input"`
	} `json:"history"`
	Data struct {
		Call    *flow.Record `json:"call"`
		Payload any          `json:"payload"`
		Trigger *struct {
			UUID          string `json:"uuid"`
			Handler       string `json:"handler"`
			Action        int    `json:"action"`
			EventUUID     string `json:"event_uuid"`
			EventType     string `json:"event_type"`
			TransactionID string `json:"transaction_id"`
			Depth         int    `json:"depth"`
		} `json:"trigger"`
	} `json:"event_data"`

	body string
}

// published gives everything that was published, in order, each read once: rows of the outbox do not change. Whether
// every event is as readers want it, everystore looks in the end.
func (in *installation) published(t testing.TB) []told {
	t.Helper()
	in.reading.Lock()
	defer in.reading.Unlock()
	for {
		rows, err := in.st.Unsent(t.Context(), in.through, 1000)
		require.NoError(t, err)
		if len(rows) == 0 {
			return slices.Clone(in.read)
		}
		for _, row := range rows {
			in.through = row.ID
			messages, err := flow.Messages(row.Change, options())
			require.NoError(t, err)
			for _, message := range messages {
				require.False(t, in.ids[message.ID], "published twice: %s", message.Body)
				in.ids[message.ID] = true
				event := told{body: string(message.Body)}
				require.NoError(t, json.Unmarshal(message.Body, &event))
				in.read = append(in.read, event)
			}
		}
	}
}

// actions gives the events that handlers made, in order.
func (in *installation) actions(t testing.TB) []told {
	t.Helper()
	return slices.DeleteFunc(in.published(t), func(e told) bool { return e.Data.Trigger == nil })
}

// texts gives, of the events that handlers made, what they say: "missed-call msg_created Hello".
func (in *installation) texts(t testing.TB) []string {
	t.Helper()
	list := []string{}
	for _, e := range in.actions(t) {
		list = append(list, strings.TrimSpace(e.Data.Trigger.Handler+" "+e.Type+" "+e.Msg.Text+e.Text))
	}
	return list
}

// states gives the states of a handler's triggers, the oldest first.
func (in *installation) states(t testing.TB, handler string) []store.TriggerState {
	t.Helper()
	list := []store.TriggerState{}
	for _, row := range in.triggers(t, handler) {
		list = append(list, row.State)
	}
	return list
}

func (in *installation) triggers(t testing.TB, handler string) []store.Trigger {
	t.Helper()
	rows, err := in.st.TriggersOfHandler(t.Context(), handler, 10_000)
	require.NoError(t, err)
	slices.Reverse(rows)
	return rows
}

// counts gives how a handler has been doing.
func (in *installation) counts(t testing.TB, name string) store.Handler {
	t.Helper()
	row, err := in.st.Handler(t.Context(), name)
	require.NoError(t, err)
	return row
}

// left says how many rows of a kind wait for their time.
func (in *installation) left(t testing.TB, kind store.DueKind) int {
	t.Helper()
	count := 0
	require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Due(t.Context(), noon.Add(100*365*24*time.Hour), 100_000)
		for _, row := range rows {
			if row.Kind == kind {
				count++
			}
		}
		return err
	}))
	return count
}

// call makes webhooks of one call: the n-th, with a number, that began at a time.
type call struct {
	n      int
	number string
	at     time.Time
}

func (c call) id() string { return c.leg(0) }

func (c call) leg(k int) string { return fmt.Sprintf("%08d-0000-4000-8000-%012d", c.n, k) }

func (c call) webhook(event string, leg int, after time.Duration, more string) []byte {
	return fmt.Appendf(nil, `{"event_type":"user_dialog","event_name":%q,"dialog_uuid":%q,"event_time":%q%s}`,
		event, c.leg(leg), c.at.Add(after).Format(time.DateTime), more)
}

// rings: a customer calls.
func (c call) rings() []byte {
	return c.webhook("dialog_create", 0, 0, fmt.Sprintf(
		`,"state":"ringing","direction":"OUTBOUND","business_direction":"INBOUND","dialog_type":"EXTERNAL","self_target":%q,`+
			`"self_name":"Jan Kowalski","project":{"id":7,"name":"Infolinia"}`, c.number))
}

// leaves: the customer hangs up.
func (c call) leaves(after time.Duration) []byte {
	return c.webhook("dialog_close", 0, after, `,"close_cause":"HANGUP"`)
}

// consultant: a consultant's phone rings.
func (c call) consultant(after time.Duration) []byte {
	return c.webhook("dialog_create", 1, after, fmt.Sprintf(
		`,"state":"alerting","direction":"INBOUND","business_direction":"INBOUND","dialog_type":"CONSULTANT","peer_target":%q,`+
			`"initial_application_info":{"data":{"caller_dialog_uuid":%q}}`, c.number, c.leg(0)))
}

// state: a leg gets somewhere.
func (c call) state(leg int, state string, after time.Duration) []byte {
	return c.webhook("dialog_state_update", leg, after, fmt.Sprintf(`,"state":%q`, state))
}

// closes: a leg is closed because the other side left.
func (c call) closes(leg int, after time.Duration) []byte {
	return c.webhook("dialog_close", leg, after, `,"close_cause":"DIALOG_LEFT"`)
}

// missed: a customer calls, and hangs up before anybody answers.
func (c call) missed(after time.Duration) [][]byte { return [][]byte{c.rings(), c.leaves(after)} }

// talked: a customer calls, and a consultant answers after two seconds.
func (c call) talked(after time.Duration) [][]byte {
	return [][]byte{
		c.rings(), c.consultant(time.Second), c.state(1, "answered", 2*time.Second), c.state(1, "talking", 2*time.Second),
		c.state(0, "talking", 2*time.Second), c.leaves(after), c.closes(1, after),
	}
}

// calledBack: a consultant calls the customer, who answers after two seconds, or does not.
func (c call) calledBack(talked bool, after time.Duration) [][]byte {
	bodies := [][]byte{
		c.webhook("dialog_create", 0, 0, fmt.Sprintf(
			`,"state":"ringing","direction":"OUTBOUND","business_direction":"OUTBOUND","dialog_type":"CONSULTANT","peer_target":%q`,
			c.number)),
		c.webhook("dialog_create", 1, time.Second, fmt.Sprintf(
			`,"state":"ringing","direction":"INBOUND","business_direction":"OUTBOUND","dialog_type":"EXTERNAL","self_target":%q,`+
				`"initial_application_info":{"data":{"caller_dialog_uuid":%q}}`, c.number, c.leg(0))),
		c.state(1, "alerting", time.Second),
	}
	if talked {
		bodies = append(bodies, c.state(1, "answered", 2*time.Second), c.state(1, "talking", 2*time.Second),
			c.state(0, "talking", 2*time.Second))
	}
	return append(bodies, c.webhook("dialog_close", 1, after, `,"close_cause":"HANGUP"`), c.closes(0, after))
}

// sorted gives the states of a handler's triggers in order of their names: several may be of one moment.
func (in *installation) sorted(t testing.TB, handler string) []store.TriggerState {
	t.Helper()
	list := in.states(t, handler)
	slices.Sort(list)
	return list
}

// v5 is the version-5 UUID, namespace URL, of a name.
func v5(name string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String() }

// continueBroadcast does the next page of a broadcast in a transaction of the test's.
func (in *installation) continueBroadcast(t *testing.T, tx store.Tx, key store.Key) error {
	t.Helper()
	result, err := in.service.Dispatcher.Continue(t.Context(), tx, in.Now(), []store.Key{key})
	if err != nil {
		return err
	}
	return dispatch.Keep(t.Context(), tx, result)
}
