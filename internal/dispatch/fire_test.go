package dispatch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

const sorry = `
  - name: sorry
    on: call_missed
    do: [{type: send_msg, text: "We are sorry."}]
`

const sorryLater = `
  - name: sorry
    on: call_missed
    after: 5m
    do: [{type: send_msg, text: "We are sorry."}]
`

func TestAHandlerFiresInTheTransactionOfItsEvent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry)
		missed := call{1, customer, noon}
		in.take(t, missed.rings())
		require.Empty(t, in.texts(t))
		in.take(t, missed.leaves(9*time.Second))
		require.Equal(t, []string{"sorry msg_created We are sorry."}, in.texts(t))

		event := in.actions(t)[0]
		require.Equal(t, "tel:+48503200104", event.Msg.URN)
		require.Equal(t, missed.id(), event.Data.Call.CallUUID)
		require.Equal(t, noon, event.CreatedOn)
		require.Equal(t, "call_missed", event.Data.Trigger.EventType)
		require.Equal(t, 1, event.Data.Trigger.Depth)
		require.Equal(t, 1, event.Data.Trigger.Action)

		rows, err := in.st.TriggersOfCall(t.Context(), store.Key{Account: account, UUID: missed.id()})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, store.Trigger{
			ID: event.Data.Trigger.UUID, Account: account, Handler: "sorry", CallUUID: missed.id(),
			Contact: "+48503200104", EventType: "call_missed", EventUUID: event.Data.Trigger.EventUUID,
			EventAt: rows[0].EventAt, State: store.TriggerDone, CancelScope: "call", Depth: 1, CreatedAt: noon, EndedAt: noon,
		}, rows[0])
		require.Equal(t, "2026-01-15T12:00:09Z", rows[0].EventAt.String())
		kept := in.counts(t, "sorry")
		require.EqualValues(t, 1, kept.Fired)
		require.Equal(t, noon, kept.FiredAt)
		require.Zero(t, kept.Failures)

		in.take(t, missed.leaves(9*time.Second)) // the same once more
		require.Len(t, in.texts(t), 1)
	})
}

func TestADelayCountsFromArrival(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorryLater)
		missed := call{1, customer, noon.Add(-10 * time.Second)}
		in.oneByOne(t, missed.missed(9*time.Second)...)
		row := in.triggers(t, "sorry")[0]
		require.Equal(t, store.TriggerPending, row.State)
		require.Equal(t, noon.Add(5*time.Minute), row.FireAt)
		in.pass(t, 5*time.Minute-time.Microsecond)
		require.Empty(t, in.texts(t))
		in.pass(t, time.Microsecond)
		require.Equal(t, []string{"sorry msg_created We are sorry."}, in.texts(t))
		event := in.actions(t)[0]
		require.Equal(t, noon.Add(5*time.Minute), event.CreatedOn)
		require.Equal(t, 1, event.Data.Call.Revision, "the call as it is then: it has settled")
		row = in.triggers(t, "sorry")[0]
		require.Equal(t, store.TriggerDone, row.State)
		require.Equal(t, noon.Add(5*time.Minute), row.EndedAt)
		require.Zero(t, in.left(t, store.DueTrigger))
		in.pass(t, time.Hour)
		require.Len(t, in.texts(t), 1)
	})
}

// What waited in the spool is not late: its delay has begun when it came to us.
func TestADelayCountsFromArrivalInTheSpool(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorryLater)
		missed := call{1, customer, noon.Add(-3 * time.Minute)}
		list := arrivals(account, missed.missed(9*time.Second)...)
		for i := range list {
			list[i].at = noon.Add(-2 * time.Minute)
		}
		require.NoError(t, in.batch(t.Context(), noon, list...))
		require.Equal(t, noon.Add(3*time.Minute), in.triggers(t, "sorry")[0].FireAt)
	})
}

func TestARollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry+`
  - name: later
    on: call_missed
    after: 1m
    cancel_on: call_received
    do: [{type: call_webhook, method: GET, url: "http://127.0.0.1:1/"}]
  - name: asks
    on: call_missed
    do: [{type: call_webhook, method: GET, url: "http://127.0.0.1:1/"}]
  - name: breaks
    on: call_missed
    when: call.legs[7].state == "closed"
    do: [{type: send_msg, text: "never"}]
`)
		failure := errors.New("the test says no")
		missed := call{1, customer, noon}.missed(9 * time.Second)
		refusing := *in.instance
		refusing.st = refusingStore{in.st, failure}
		require.ErrorIs(t, refusing.batch(t.Context(), noon, arrivals(account, missed...)...), failure)
		require.Empty(t, in.published(t))
		for _, name := range []string{"sorry", "later", "asks", "breaks"} {
			require.Empty(t, in.triggers(t, name))
			kept := in.counts(t, name)
			require.Zero(t, kept.Fired)
			require.Zero(t, kept.Failures)
		}
		_, err := in.st.Subscriber(t.Context(), account, "+48503200104")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Zero(t, in.left(t, store.DueTrigger)+in.left(t, store.DueRequest))

		in.take(t, missed...)
		require.Len(t, in.texts(t), 2)
		require.Equal(t, 1, in.counts(t, "breaks").Failures)
		require.Equal(t, 1, in.left(t, store.DueTrigger))
		require.Equal(t, 1, in.left(t, store.DueRequest))
		in.pass(t, time.Hour) // nobody listens there
	})
}

// refusingStore does everything, and takes it back.
type refusingStore struct {
	store.Store

	failure error
}

func (s refusingStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return s.failure
	})
}

// The party of a call becomes a subscriber by its number, and what is known of one is left alone.
func TestPartiesOfCallsBecomeSubscribers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.take(t, call{1, customer, noon}.rings(), call{2, "anonymous", noon}.rings())
		kept, err := in.st.Subscribers(t.Context(), account, "", 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, "+48503200104", kept[0].ID)
		require.Equal(t, "+48503200104", kept[0].Phone)
		require.Equal(t, "Jan Kowalski", kept[0].FirstName)

		_, err = in.service.PutSubscriber(t.Context(), account, store.Subscriber{ID: "+48503200104", FirstName: "Johann"})
		require.NoError(t, err)
		in.take(t, call{3, customer, noon}.rings())
		again, err := in.st.Subscriber(t.Context(), account, "+48503200104")
		require.NoError(t, err)
		require.Equal(t, "Johann", again.FirstName)
	})
}

// The webhook that tells the number may come late: the call has begun by then, with or without a direction.
func TestAPartyWhoseNumberBecomesKnownLaterIsASubscriber(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"after the call began": `,"state":"ringing","direction":"OUTBOUND","business_direction":"INBOUND","dialog_type":"EXTERNAL"`,
		"before its direction": `,"state":"ringing","dialog_type":"EXTERNAL"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				c := call{1, customer, noon}
				in.take(t, c.webhook("dialog_create", 0, 0, more))
				kept, err := in.st.Subscribers(t.Context(), account, "", 10)
				require.NoError(t, err)
				require.Empty(t, kept)
				in.oneByOne(t, c.webhook("dialog_state_update", 0, time.Second, `,"state":"answered","self_target":"`+customer+`"`),
					c.leaves(9*time.Second))
				kept, err = in.st.Subscribers(t.Context(), account, "", 10)
				require.NoError(t, err)
				require.Len(t, kept, 1)
				require.Equal(t, "+"+customer, kept[0].ID)

				require.NoError(t, in.service.DropSubscriber(t.Context(), account, "+"+customer))
				in.take(t, c.closes(0, 10*time.Second))
				kept, err = in.st.Subscribers(t.Context(), account, "", 10)
				require.NoError(t, err)
				require.Empty(t, kept, "what is known already makes nobody a subscriber again")
			})
		})
	}
}

// A call that turns out not to have been missed, by evidence that comes late and is in no cancel_on, gets no apology.
func TestACallThatWasNotMissedAfterAll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorryLater)
		c := call{1, customer, noon}
		in.oneByOne(t, c.missed(9*time.Second)...)
		require.Equal(t, []store.TriggerState{store.TriggerPending}, in.states(t, "sorry"))
		in.take(t, c.state(0, "talking", 2*time.Second))
		in.pass(t, 10*time.Minute)
		require.Empty(t, in.texts(t))
		row := in.triggers(t, "sorry")[0]
		require.Equal(t, store.TriggerSkipped, row.State)
		require.Equal(t, "it turned out that the call was not missed", row.Reason)
	})
}

func TestAHandlerThatIsGoneOrOffDoesNothingAnyMore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorryLater)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		_, err := in.service.SwitchHandler(t.Context(), "", "sorry", false)
		require.NoError(t, err)
		in.pass(t, 5*time.Minute)
		require.Equal(t, "the handler is switched off", in.triggers(t, "sorry")[0].Reason)

		_, err = in.service.SwitchHandler(t.Context(), "", "sorry", true)
		require.NoError(t, err)
		in.take(t, call{2, customer, in.Now()}.missed(9*time.Second)...)
		in.handlers(t, " []")
		in.pass(t, 5*time.Minute)
		require.Equal(t, []store.TriggerState{store.TriggerSkipped, store.TriggerSkipped}, in.states(t, "sorry"))
		require.Contains(t, in.triggers(t, "sorry")[1].Reason, "there is no such handler any more")
		require.Empty(t, in.texts(t))
	})
}

// What is done late is done as the handler is now.
func TestADelayedTriggerFiresAsTheHandlerIsThen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorryLater)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.handlers(t, `
  - name: sorry
    on: call_missed
    after: 5m
    do: [{type: send_msg, text: "Another text, ${call.disposition}."}]
`)
		in.pass(t, 5*time.Minute)
		require.Equal(t, []string{"sorry msg_created Another text, abandoned."}, in.texts(t))
	})
}

func TestProjectAccountAndConditionDecide(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: a, on: call_missed, project: 7, do: [{type: send_msg, text: "of project 7"}]}
  - {name: b, on: call_missed, project: 8, do: [{type: send_msg, text: "of project 8"}]}
  - {name: c, on: call_missed, account: default, do: [{type: send_msg, text: "of default"}]}
  - {name: d, on: call_missed, account: elsewhere, do: [{type: send_msg, text: "of elsewhere"}]}
  - {name: e, on: call_missed, when: call.total_ms > 8000, do: [{type: send_msg, text: "long"}]}
  - {name: f, on: call_missed, when: call.total_ms > 9000, do: [{type: send_msg, text: "longer"}]}
  - {name: g, on: call_missed, enabled: false, do: [{type: send_msg, text: "off"}]}
`)
		missed := call{1, customer, noon}.missed(9 * time.Second)
		require.NoError(t, in.batch(t.Context(), noon, append(arrivals(account, missed...), arrivals("elsewhere", missed...)...)...))
		require.Equal(t, []string{
			"a msg_created of project 7", "c msg_created of default", "e msg_created long",
			"a msg_created of project 7", "d msg_created of elsewhere", "e msg_created long",
		}, in.texts(t))
	})
}

// A batch of many calls fires for each of them.
func TestABatchOfManyCalls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry+`
  - name: later
    on: call_missed
    after: 1m
    cancel_on: call_answered
    cancel_scope: contact
    once_per: {scope: contact, window: 1h}
    do: [{type: send_msg, text: "${contact.number}"}]
`)
		var list []arrival
		const calls = 100
		for n := range calls {
			number := "4850320" + string(rune('0'+n/10/10)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10)) + "1"
			list = append(list, arrivals(account, call{n, number, noon}.missed(9*time.Second)...)...)
		}
		require.NoError(t, in.batch(t.Context(), noon, list...))
		require.Len(t, in.texts(t), calls)
		in.pass(t, time.Minute)
		require.Len(t, in.texts(t), 2*calls)
		require.EqualValues(t, calls, in.counts(t, "later").Fired)
	})
}
