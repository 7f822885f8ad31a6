package relay_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/flow/goflowtest"
	"webhookd/internal/natsbus"
	"webhookd/internal/relay"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	opened, err := sqlite.Open(testContext(t), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "webhookd.db"),
		Now:  time.Now,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, opened.Close()) })
	return opened
}

func openBus(t testing.TB, config natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.Open(testContext(t), config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bus.Close()) })
	return bus
}

func embedded(t testing.TB) *natsbus.Bus {
	t.Helper()
	return openBus(t, natsbus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
}

// outbox is the real one with signals: a test waits for what the relay did, and may step between.
type outbox struct {
	store.Outbox
	led      chan struct{} // a value for each time this relay became leader
	advanced chan int64    // the positions that were stored
	lead     func(context.Context) (store.Lease, error)
	advance  func(through int64) error // may refuse
}

func watch(inner store.Outbox) *outbox {
	return &outbox{Outbox: inner, led: make(chan struct{}, 100), advanced: make(chan int64, 10_000)}
}

func (o *outbox) Lead(ctx context.Context) (store.Lease, error) {
	lead := o.Outbox.Lead
	if o.lead != nil {
		lead = o.lead
	}
	lease, err := lead(ctx)
	if err == nil {
		o.led <- struct{}{}
	}
	return lease, err
}

func (o *outbox) Advance(ctx context.Context, through int64, hold []store.Held, letGo []int64) error {
	if o.advance != nil {
		if err := o.advance(through); err != nil {
			return err
		}
	}
	if err := o.Outbox.Advance(ctx, through, hold, letGo); err != nil {
		return err
	}
	o.advanced <- through
	return nil
}

func (o *outbox) waitLed(t testing.TB) {
	t.Helper()
	select {
	case <-o.led:
	case <-testContext(t).Done():
		require.FailNow(t, "the relay does not lead")
	}
}

func (o *outbox) waitThrough(t testing.TB, id int64) {
	t.Helper()
	ctx := testContext(t)
	for {
		select {
		case through := <-o.advanced:
			if through >= id {
				return
			}
		case <-ctx.Done():
			position, err := o.Position(context.Background())
			require.FailNow(t, "the relay did not get there", "at %d of %d (%v)", position.Through, id, err)
		}
	}
}

// lease is one that a test can take away.
type lease struct {
	lost chan struct{}
	once sync.Once
}

func newLease() *lease                 { return &lease{lost: make(chan struct{})} }
func (l *lease) Lost() <-chan struct{} { return l.lost }
func (l *lease) Release() error        { return nil }
func (l *lease) lose()                 { l.once.Do(func() { close(l.lost) }) }

// start runs a relay; the function it gives stops it and waits for its end.
func start(t testing.TB, config relay.Config) (*relay.Relay, func()) {
	t.Helper()
	r := relay.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return r, stop
}

// call makes the changes of one call, with the events' seq going on from change to change.
type call struct {
	account, uuid string
	state         string
	seq           int64
	revision      int
	padding       string
}

var calls struct {
	sync.Mutex
	n int
}

func newCall(account string) *call {
	calls.Lock()
	defer calls.Unlock()
	calls.n++
	name := fmt.Sprintf("call-%d", calls.n)
	return &call{account: account, uuid: uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String(), state: "ringing"}
}

func (c *call) change(types ...string) flow.Change {
	change := flow.Change{Account: c.account, CallUUID: c.uuid}
	for _, eventType := range types {
		c.seq++
		change.Events = append(change.Events, flow.Event{
			UUID:      uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s:%d", c.uuid, c.seq)).String(),
			Type:      eventType,
			Seq:       c.seq,
			CreatedOn: dialog.Time(1_598_372_681 + c.seq),
		})
	}
	change.Record = c.record()
	return change
}

func (c *call) record() json.RawMessage {
	return fmt.Appendf(nil, `{"account":%q,"call_uuid":%q,"state":%q,"seq":%d,"revision":%d,"external":{"name":%q}}`,
		c.account, c.uuid, c.state, c.seq, c.revision, c.padding)
}

// write commits changes in one transaction, each with a journal entry of its own, and gives the last one's outbox ID.
func write(t testing.TB, to store.Store, changes ...flow.Change) int64 {
	t.Helper()
	rows := make([]*store.OutboxRow, len(changes))
	err := to.Write(testContext(t), func(tx store.Tx) error {
		entries := make([]*store.Entry, len(changes))
		for i := range changes {
			body := []byte(uuid.NewString())
			entries[i] = &store.Entry{
				Account: changes[i].Account, ReceivedAt: time.Now().UTC(), Origin: store.OriginPBX,
				EventName: "dialog_state_update", DialogUUID: changes[i].CallUUID, SHA256: sha256.Sum256(body), Body: body,
			}
		}
		if err := tx.Append(testContext(t), entries); err != nil {
			return err
		}
		for i := range changes {
			rows[i] = &store.OutboxRow{JournalID: entries[i].ID, CreatedAt: time.Now().UTC(), Change: changes[i]}
		}
		return tx.AppendOutbox(testContext(t), rows)
	})
	require.NoError(t, err)
	return rows[len(rows)-1].ID
}

// onStream gives every message on the stream.
func onStream(t testing.TB, bus *natsbus.Bus) []*jetstream.RawStreamMsg {
	t.Helper()
	ctx := testContext(t)
	stream, err := bus.JetStream().Stream(ctx, flow.StreamName)
	require.NoError(t, err)
	state := stream.CachedInfo().State
	messages := make([]*jetstream.RawStreamMsg, 0, state.Msgs)
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		require.NoError(t, err)
		require.NoError(t, goflowtest.Check(msg.Data), "%s", msg.Data) // the records are not real ones
		messages = append(messages, msg)
	}
	return messages
}

// seqs gives the seq of every event on the stream by call, in the stream's order, and requires that no id is there
// twice.
func seqs(t testing.TB, bus *natsbus.Bus) map[string][]int64 {
	t.Helper()
	byCall := make(map[string][]int64)
	ids := make(map[string]bool)
	for _, msg := range onStream(t, bus) {
		id := msg.Header.Get(jetstream.MsgIDHeader)
		require.False(t, ids[id], "an id is on the stream twice")
		ids[id] = true
		var event struct {
			UUID string `json:"uuid"`
			Data struct {
				Seq int64 `json:"seq"`
			} `json:"event_data"`
		}
		require.NoError(t, json.Unmarshal(msg.Data, &event))
		require.Equal(t, id, event.UUID)
		callUUID := msg.Header.Get("ce-subject")
		byCall[callUUID] = append(byCall[callUUID], event.Data.Seq)
	}
	return byCall
}

// requireWhole requires that the events of each call are on the stream from 1 to its last, in order.
func requireWhole(t testing.TB, bus *natsbus.Bus, whole ...*call) {
	t.Helper()
	byCall := seqs(t, bus)
	for _, c := range whole {
		want := make([]int64, c.seq)
		for i := range want {
			want[i] = int64(i + 1)
		}
		require.Equal(t, want, byCall[c.uuid])
	}
	require.Len(t, byCall, len(whole))
}

// shown gives what the bucket shows, by key.
func shown(t testing.TB, bus *natsbus.Bus) map[string]string {
	t.Helper()
	ctx := testContext(t)
	bucket, err := bus.JetStream().KeyValue(ctx, flow.BucketName)
	require.NoError(t, err)
	lister, err := bucket.ListKeys(ctx)
	require.NoError(t, err)
	values := make(map[string]string)
	for key := range lister.Keys() {
		entry, err := bucket.Get(ctx, key)
		require.NoError(t, err)
		values[key] = string(entry.Value())
	}
	return values
}
