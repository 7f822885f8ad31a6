package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

const once = `
  - name: once
    on: call_missed
    once_per: {scope: contact, window: 1h}
    do: [{type: send_msg, text: "We are sorry."}]
`

// cancellable waits five minutes, for one contact once an hour, and is called off by an answer.
const cancellable = `
  - name: later
    on: call_missed
    after: 5m
    cancel_on: [call_answered, call_talking]
    cancel_scope: contact
    once_per: {scope: contact, window: 1h}
    do: [{type: send_msg, text: "We are sorry."}]
`

func TestFiveCallsGiveOneMessage(t *testing.T) {
	t.Parallel()
	t.Run("one by one", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, once)
			for n := range 5 {
				in.take(t, call{n, customer, in.Now()}.missed(9*time.Second)...)
				in.pass(t, time.Minute)
			}
			require.Len(t, in.texts(t), 1)
			require.Len(t, in.triggers(t, "once"), 1)
			require.EqualValues(t, 1, in.counts(t, "once").Fired)
			in.take(t, call{6, other, in.Now()}.missed(9*time.Second)...)
			require.Len(t, in.texts(t), 2, "another contact has a turn of its own")
		})
	})
	t.Run("in one batch", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, once)
			var bodies [][]byte
			for n := range 5 {
				bodies = append(bodies, call{n, customer, noon}.missed(9*time.Second)...)
			}
			in.take(t, bodies...)
			require.Len(t, in.texts(t), 1)
		})
	})
	t.Run("that wait", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, cancellable)
			for n := range 5 {
				in.take(t, call{n, customer, in.Now()}.missed(9*time.Second)...)
				in.pass(t, time.Minute)
			}
			in.pass(t, time.Hour)
			require.Len(t, in.texts(t), 1)
			require.Equal(t, noon.Add(5*time.Minute), in.actions(t)[0].CreatedOn)
		})
	})
}

func TestTheWindowPasses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, once)
		in.take(t, call{1, customer, in.Now()}.missed(9*time.Second)...)
		in.pass(t, time.Hour-time.Microsecond)
		in.take(t, call{2, customer, in.Now()}.missed(9*time.Second)...)
		require.Len(t, in.texts(t), 1)
		in.pass(t, time.Microsecond)
		in.take(t, call{3, customer, in.Now()}.missed(9*time.Second)...)
		require.Len(t, in.texts(t), 2)
	})
}

func TestOncePerCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: call
    on: dialog_closed
    once_per: {scope: call}
    do: [{type: send_msg, text: "${call.call_uuid}"}]
  - name: window
    on: [dialog_held]
    once_per: {scope: call, window: 1m}
    do: [{type: send_msg, text: "held"}]
`)
		first, second := call{1, customer, noon}, call{2, customer, noon}
		in.take(t, first.talked(9*time.Second)...)
		in.take(t, second.talked(9*time.Second)...)
		require.Equal(t, []string{"call msg_created " + first.id(), "call msg_created " + second.id()}, in.texts(t))

		third := call{3, customer, noon}
		in.take(t, third.rings())
		for range 4 {
			in.take(t, third.webhook("dialog_hold", 0, in.Now().Sub(noon), ""), third.webhook("dialog_resume", 0, in.Now().Sub(noon)+time.Second, ""))
			in.pass(t, 20*time.Second)
		}
		require.Len(t, in.texts(t), 4, "at noon, and a minute later")
	})
}

// Without a number the call stands in for the contact.
func TestOncePerContactWithoutANumber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: once
    on: dialog_closed
    once_per: {scope: contact, window: 1h}
    do: [{type: set_run_result, name: closed, value: "${call.call_uuid}"}]
`)
		for n := range 2 {
			in.take(t, call{n, "", noon}.talked(9*time.Second)...)
		}
		require.Len(t, in.texts(t), 2)
		for _, row := range in.triggers(t, "once") {
			require.Equal(t, "call:"+row.CallUUID, row.OnceKey)
		}
	})
}

func TestWhatWasCalledOffDoesNotCount(t *testing.T) {
	t.Parallel()
	// However the webhooks are parted into batches, they come to the same.
	for name, sizes := range map[string][]int{
		"one by one": {1}, "a call at a time": {2, 9, 2}, "parted in the middle": {5, 8}, "all at once": {13},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, cancellable)
				bodies := call{1, customer, noon}.missed(9 * time.Second)
				bodies = append(bodies, call{2, customer, noon.Add(20 * time.Second)}.talked(9*time.Second)...)
				bodies = append(bodies, call{3, customer, noon.Add(40 * time.Second)}.missed(9*time.Second)...)
				in.reach(noon.Add(time.Minute))
				for i := 0; len(bodies) > 0; i++ {
					size := min(len(bodies), sizes[i%len(sizes)])
					in.take(t, bodies[:size]...)
					bodies = bodies[size:]
				}
				require.Equal(t, []store.TriggerState{store.TriggerCancelled, store.TriggerPending}, in.sorted(t, "later"))
				in.pass(t, 10*time.Minute)
				require.Len(t, in.texts(t), 1)
				require.Equal(t, call{3, customer, noon}.id(), in.actions(t)[0].Data.Call.CallUUID)
			})
		})
	}
}

// What an event calls off leaves its turn to those after the event, not to those before.
func TestATurnIsLeftToThoseAfter(t *testing.T) {
	t.Parallel()
	for name, split := range map[string]int{"one batch": 0, "two batches": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, cancellable)
				bodies := call{1, customer, noon}.missed(9 * time.Second)
				bodies = append(bodies, call{2, customer, noon.Add(10 * time.Second)}.missed(9*time.Second)...)
				bodies = append(bodies, call{3, customer, noon.Add(30 * time.Second)}.talked(9*time.Second)...)
				in.reach(noon.Add(time.Minute))
				if split > 0 {
					in.take(t, bodies[:split]...)
				}
				in.take(t, bodies[split:]...)
				require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "later"))
				in.pass(t, 10*time.Minute)
				require.Empty(t, in.texts(t))
			})
		})
	}
}
