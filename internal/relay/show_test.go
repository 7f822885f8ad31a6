package relay_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/relay"
	"webhookd/internal/store"
)

func TestTheBucketShowsACallUntilItIsSettled(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	start(t, relay.Config{Store: box, Bus: bus})
	c := newCall("acme")
	key := flow.BucketKey("acme", c.uuid)
	step := func(state string, revision int, types ...string) map[string]string {
		c.state, c.revision = state, revision
		box.waitThrough(t, write(t, kept, c.change(types...)))
		return shown(t, bus)
	}
	assert.JSONEq(t, `{"account":"acme","call_uuid":"`+c.uuid+`","state":"talking","seq":1,"revision":0,
		"external":{"name":""}}`, step("talking", 0, "call_talking")[key])
	assert.Contains(t, step("ended", 0, "call_ended")[key], `"state":"ended"`)
	assert.Empty(t, step("ended", 1, "call_settled"))
	assert.Empty(t, step("ended", 1, "dialog_talking"), "late evidence does not bring it back")
	assert.Empty(t, step("ended", 2, "call_settled"))
	assert.Contains(t, step("talking", 2, "call_reopened")[key], `"state":"talking"`)
	assert.Empty(t, step("ended", 3, "call_ended", "call_settled"))
}

// What a handler did about a call long ago, or about one that was settled since, must not bring its old record back.
func TestWhatHandlersPublishLeavesTheBucketAlone(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	start(t, relay.Config{Store: box, Bus: bus})
	c := newCall("acme")
	c.state = "ringing"
	old := c.change("call_started")
	c.state = "talking"
	write(t, kept, old, c.change("call_talking"))
	done := &store.OutboxRow{CreatedAt: time.Now().UTC(), Change: old}
	done.Events = []flow.Event{{
		UUID: uuid.NewString(), Type: "run_result_changed", CreatedOn: old.Events[0].CreatedOn,
		Goflow: json.RawMessage(`{"name":"a","value":"b","category":""}`),
		Trigger: fmt.Appendf(nil, `{"uuid":%q,"handler":"a","action":1,"event_uuid":%q,"event_type":"call_started",`+
			`"transaction_id":null,"depth":1}`, uuid.NewString(), old.Events[0].UUID),
	}}
	require.NoError(t, kept.Write(testContext(t), func(tx store.Tx) error {
		return tx.AppendOutbox(testContext(t), []*store.OutboxRow{done})
	}))
	box.waitThrough(t, done.ID)
	assert.Contains(t, shown(t, bus)[flow.BucketKey("acme", c.uuid)], `"state":"talking"`)
	require.Len(t, onStream(t, bus), 3)
}

// An erasure changes the record of a call that goes on, and publishes nothing: its row has neither entry nor events.
func TestTheBucketFollowsAnErasure(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	start(t, relay.Config{Store: box, Bus: bus})
	c := newCall("acme")
	key := flow.BucketKey("acme", c.uuid)
	c.state, c.padding = "talking", "Jan Kotowski"
	box.waitThrough(t, write(t, kept, c.change("call_talking")))
	require.Contains(t, shown(t, bus)[key], "Jan Kotowski")
	c.padding = "erased"
	row := &store.OutboxRow{CreatedAt: time.Now().UTC(), Change: c.change()}
	require.NoError(t, kept.Write(testContext(t), func(tx store.Tx) error {
		return tx.AppendOutbox(testContext(t), []*store.OutboxRow{row})
	}))
	box.waitThrough(t, row.ID)
	assert.Contains(t, shown(t, bus)[key], `"erased"`)
	require.Len(t, onStream(t, bus), 1)
	c.state = "ended"
	box.waitThrough(t, write(t, kept, c.change("call_ended")))
	assert.Contains(t, shown(t, bus)[key], `"erased"`)
}

func TestACallThatWentIntoAnotherIsShownNoMore(t *testing.T) {
	t.Parallel()
	kept, bus := openStore(t), embedded(t)
	box := watch(kept)
	from, into, back := newCall("acme"), newCall("acme"), newCall("acme")
	merge := func(from, into *call) flow.Change {
		change := into.change("call_merged")
		change.Events[0].From = from.uuid
		return change
	}
	last := write(t, kept,
		from.change("call_started"), into.change("call_started"), merge(from, into),
		back.change("call_started"), merge(back, into), back.change("dialog_talking")) // all in one batch
	start(t, relay.Config{Store: box, Bus: bus})
	box.waitThrough(t, last)
	keys := shown(t, bus)
	assert.NotContains(t, keys, flow.BucketKey("acme", from.uuid))
	assert.Contains(t, keys, flow.BucketKey("acme", into.uuid))
	assert.Contains(t, keys, flow.BucketKey("acme", back.uuid), "the latest row decides")
	box.waitThrough(t, write(t, kept, merge(back, into)))
	assert.Len(t, shown(t, bus), 1)
	requireWhole(t, bus, from, into, back)
}
