package dispatch_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

const greets = `
  - name: greets
    on: call_missed
    when: call.missed
    do: [{type: send_msg, text: "Hello ${subscriber.first_name}, ${payload.what}"}]
`

// requestOf is a request of the trigger API.
func requestOf(name, transactionID string, to ...triggerapi.Recipient) triggerapi.Request {
	return triggerapi.Request{Name: name, TransactionID: transactionID, To: to, Payload: json.RawMessage(`{"what":"it is us"}`)}
}

// to is a subscriber with a telephone number.
func to(id string) triggerapi.Recipient {
	return triggerapi.Recipient{Subscriber: store.Subscriber{ID: id, Phone: "+" + customer, FirstName: "First " + id}}
}

func topic(key string) triggerapi.Recipient { return triggerapi.Recipient{Topic: key} }

// trigger asks for triggers, and gives what became of them.
func (in *installation) trigger(t testing.TB, requests ...triggerapi.Request) []triggerapi.Outcome {
	t.Helper()
	outcomes, kept, err := in.service.Trigger(t.Context(), account, requests, nil)
	require.NoError(t, err)
	require.Nil(t, kept)
	require.Len(t, outcomes, len(requests))
	return outcomes
}

func processed(transactionID string) triggerapi.Outcome {
	return triggerapi.Outcome{Status: triggerapi.StatusProcessed, TransactionID: transactionID}
}

func TestTheAPITriggersAHandler(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		// Whoever names a handler wants it: its types and its condition are not asked.
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("greets", "t1", to("anna"))))
		events := in.actions(t)
		require.Len(t, events, 1)
		require.Equal(t, "Hello First anna, it is us", events[0].Msg.Text)
		require.Equal(t, "tel:+48503200104", events[0].Msg.URN)
		require.Nil(t, events[0].Data.Call)
		require.Equal(t, map[string]any{"what": "it is us"}, events[0].Data.Payload)
		require.Equal(t, "t1", events[0].Data.Trigger.TransactionID)
		require.Equal(t, "api", events[0].Data.Trigger.EventType)
		require.Equal(t, v5("webhookd:trigger:default:api:t1:anna"), events[0].Data.Trigger.UUID)
		kept, err := in.st.Subscriber(t.Context(), account, "anna")
		require.NoError(t, err)
		require.Equal(t, "First anna", kept.FirstName)
	})
}

func TestTheAPIStartsAFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("callback", "t1", to("anna"))))
		events := in.actions(t)
		require.Len(t, events, 1)
		require.Equal(t, "session_triggered", events[0].Type)
		require.Equal(t, []string{"tel:+48503200104"}, events[0].URNs)
		require.Contains(t, events[0].body, flowUUID)
		require.Contains(t, events[0].body, `"what":{"name":"what","value":"it is us"`, "the flow reads the payload")
	})
}

func TestAllForms(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		for _, id := range []string{"anna", "bert", "carla"} {
			_, err := in.service.PutSubscriber(t.Context(), account, to(id).Subscriber)
			require.NoError(t, err)
		}
		_, err := in.service.JoinTopic(t.Context(), account, "news", []string{"carla", "bert", "nobody"})
		require.NoError(t, err)
		for transaction, c := range map[string]struct {
			to   []triggerapi.Recipient
			want []string
		}{
			"a string":            {[]triggerapi.Recipient{{Subscriber: store.Subscriber{ID: "anna"}}}, []string{"anna"}},
			"an object":           {[]triggerapi.Recipient{to("new")}, []string{"new"}},
			"a topic":             {[]triggerapi.Recipient{topic("news")}, []string{"bert", "carla"}},
			"a list":              {[]triggerapi.Recipient{to("anna"), to("bert")}, []string{"anna", "bert"}},
			"a list, overlapping": {[]triggerapi.Recipient{to("anna"), topic("news"), to("bert"), to("anna")}, []string{"anna", "bert", "carla"}},
		} {
			require.Equal(t, []triggerapi.Outcome{processed(transaction)}, in.trigger(t, requestOf("greets", transaction, c.to...)))
			var want, got []string
			for _, id := range c.want {
				want = append(want, "Hello First "+id+", it is us")
			}
			for _, event := range in.actions(t) {
				if event.Data.Trigger.TransactionID == transaction {
					got = append(got, event.Msg.Text)
				}
			}
			require.Equal(t, want, got, transaction)
		}
		kept, err := in.st.Subscriber(t.Context(), account, "anna")
		require.NoError(t, err)
		require.Equal(t, "First anna", kept.FirstName, "a string does not forget what is known")
	})
}

func TestWhatCannotBeTriggered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets+`
  - {name: off, on: call_missed, enabled: false, do: [{type: send_msg, text: "never"}]}
  - {name: foreign, on: call_missed, account: elsewhere, do: [{type: send_msg, text: "never"}]}
`)
		outcomes := in.trigger(t,
			requestOf("greet", "t1", to("anna")), requestOf("foreign", "t2", to("anna")), requestOf("off", "t3", to("anna")),
			requestOf("greets", "t4"), requestOf("greets", "t5", topic("nobody")), requestOf("greets", "t6", to("anna")),
		)
		require.Equal(t, []triggerapi.Outcome{
			{Err: triggerapi.ErrUnknownName},
			{Err: triggerapi.ErrUnknownName},
			{Status: triggerapi.StatusNotActive, TransactionID: "t3"},
			{Status: triggerapi.StatusInvalidRecipients, TransactionID: "t4"},
			{Status: triggerapi.StatusInvalidRecipients, TransactionID: "t5"},
			processed("t6"),
		}, outcomes)
		require.Len(t, in.texts(t), 1)

		var ids []string
		for n := range 5001 {
			ids = append(ids, fmt.Sprintf("s%05d", n))
		}
		require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
			var all []store.Subscriber
			for _, id := range ids {
				all = append(all, store.Subscriber{Account: account, ID: id, Phone: "+" + customer})
			}
			return tx.PutSubscribers(t.Context(), all, false)
		}))
		_, err := in.service.JoinTopic(t.Context(), account, "all", ids)
		require.NoError(t, err)
		outcome := in.trigger(t, requestOf("greets", "t7", topic("all")))[0]
		require.Equal(t, triggerapi.StatusError, outcome.Status)
		require.Contains(t, outcome.Errors[0], "more than 5000 subscribers; nothing was triggered")
		outcomes = in.trigger(t, requestOf("greets", "t7", topic("all")), requestOf("greets", "t8", to("anna")),
			requestOf("off", "t9", topic("all")))
		require.Equal(t, []triggerapi.Outcome{outcome, processed("t8"), {Status: triggerapi.StatusNotActive, TransactionID: "t9"}}, outcomes)
		require.Len(t, in.texts(t), 2)
		require.NoError(t, in.service.LeaveTopic(t.Context(), account, "all", ids[:1]))
		outcomes = in.trigger(t, requestOf("greets", "t7", topic("all")), requestOf("greets", "t10", to("anna")))
		require.Equal(t, processed("t7"), outcomes[0])
		require.Equal(t, triggerapi.StatusError, outcomes[1].Status, "the request has gone to as many as one may")
		require.Len(t, in.triggers(t, "greets"), 5002)
	})
}

func TestATransactionIsOneTrigger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		again := requestOf("greets", "t1", to("anna"))
		in.trigger(t, again)
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, again))
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("callback", "t1", to("bert"))))
		require.Len(t, in.texts(t), 1)

		require.Equal(t, []triggerapi.Outcome{processed("t2"), processed("t3"), processed("t2")}, in.trigger(t,
			requestOf("greets", "t2", to("anna")), requestOf("greets", "t3", to("anna")), requestOf("greets", "t2", to("bert"))))
		require.Len(t, in.texts(t), 3)

		outcome, kept, err := in.service.Broadcast(t.Context(), account, requestOf("greets", "t1"), nil)
		require.NoError(t, err)
		require.Nil(t, kept)
		require.Equal(t, processed("t1"), outcome)
		require.Zero(t, in.left(t, store.DueBroadcast))

		other, _, err := in.service.Trigger(t.Context(), "elsewhere", []triggerapi.Request{requestOf("greets", "t1", to("anna"))}, nil)
		require.NoError(t, err)
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, other)
		require.Len(t, in.texts(t), 4, "another account's transactions are others")
	})
}

// A transaction for which nothing was done may be asked for again, in the same request as well.
func TestATransactionThatFailedIsNone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		require.Equal(t, []triggerapi.Outcome{
			{Err: triggerapi.ErrUnknownName},
			{Status: triggerapi.StatusInvalidRecipients, TransactionID: "t1"},
			processed("t1"),
			processed("t1"),
		}, in.trigger(t, requestOf("unknown", "t1", to("anna")), requestOf("greets", "t1"), requestOf("greets", "t1", to("anna")),
			requestOf("greets", "t1", to("anna"))))
		require.Len(t, in.texts(t), 1)
	})
}

func TestWhatWaitsForATransactionIsCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: later
    on: call_missed
    after: 5m
    cancel_on: call_answered
    cancel_scope: contact
    do: [{type: send_msg, text: "Hello ${subscriber.id}"}]
`)
		cancel := func(id string) bool {
			found, err := in.service.Cancel(t.Context(), account, id)
			require.NoError(t, err)
			return found
		}
		require.False(t, cancel("t1"))
		in.trigger(t, requestOf("later", "t1", to("anna"), to("bert")), requestOf("later", "t2", to("anna")))
		require.Equal(t, 3, in.left(t, store.DueTrigger))
		elsewhere, err := in.service.Cancel(t.Context(), "elsewhere", "t1")
		require.NoError(t, err)
		require.False(t, elsewhere)
		require.True(t, cancel("t1"))
		require.Equal(t, 1, in.left(t, store.DueTrigger))
		require.False(t, cancel("t1"), "there is nothing any more")
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("later", "t1", to("anna"))),
			"a transaction that was cancelled is not done again")
		in.pass(t, 5*time.Minute)
		require.Equal(t, []string{"later msg_created Hello anna"}, in.texts(t))
		require.False(t, cancel("t2"), "it has fired")

		// A call with the subscriber calls it off, too: he is a contact like others.
		in.trigger(t, requestOf("later", "t3", to("anna")))
		in.pass(t, time.Minute)
		in.take(t, call{1, customer, in.Now()}.talked(9*time.Second)...)
		in.pass(t, time.Hour)
		require.Len(t, in.texts(t), 1)
	})
}

func TestOncePerContactHoldsForTheAPI(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, once)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("once", "t1", to("anna"))))
		require.Len(t, in.texts(t), 1, "it is the same number")
		in.pass(t, time.Hour)
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, in.trigger(t, requestOf("once", "t1", to("anna"), to("bert"))))
		require.Len(t, in.texts(t), 2, "both have one number")
	})
}

func TestAnAnswerIsKeptForItsKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		answered := 0
		onceOf := func(key string, status int) *triggerapi.Once {
			return &triggerapi.Once{Key: sha256.Sum256([]byte(key)), Answer: func(outcomes []triggerapi.Outcome) triggerapi.Answer {
				answered++
				return triggerapi.Answer{Status: status, Body: []byte(fmt.Sprintf(`{"n":%d,"of":%q}`, answered, outcomes[0].TransactionID))}
			}}
		}
		ask := func(key string, status int, transaction string) (*triggerapi.Answer, bool) {
			outcomes, kept, err := in.service.Trigger(t.Context(), account,
				[]triggerapi.Request{requestOf("greets", transaction, to("anna"))}, onceOf(key, status))
			require.NoError(t, err)
			return kept, outcomes != nil
		}
		kept, done := ask("one", 201, "t1")
		require.True(t, done)
		require.Nil(t, kept)
		kept, done = ask("one", 201, "made-anew") // the client gave none, so another one was made
		require.False(t, done)
		require.Equal(t, &triggerapi.Answer{Status: 201, Body: []byte(`{"n":1,"of":"t1"}`)}, kept)
		_, done = ask("two", 201, "t2")
		require.True(t, done)
		_, done = ask("three", 422, "t3")
		require.True(t, done)
		_, done = ask("three", 422, "t3")
		require.True(t, done, "what was refused is asked again")
		require.Len(t, in.texts(t), 3)

		outcome, kept, err := in.service.Broadcast(t.Context(), account, requestOf("greets", "t4"), onceOf("four", 201))
		require.NoError(t, err)
		require.Nil(t, kept)
		require.Equal(t, processed("t4"), outcome)
		_, kept, err = in.service.Broadcast(t.Context(), account, requestOf("greets", "made-anew"), onceOf("four", 201))
		require.NoError(t, err)
		require.NotNil(t, kept)
		require.Equal(t, 1, in.left(t, store.DueBroadcast))
		_, kept, err = in.service.Trigger(t.Context(), "elsewhere", []triggerapi.Request{requestOf("greets", "t1", to("anna"))}, onceOf("one", 201))
		require.NoError(t, err)
		require.Nil(t, kept, "another account's keys are others")
	})
}

// What the API triggers may chain, and be cancelled in the middle of the chain.
func TestTheAPIChains(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets+`
  - {name: second, on: msg_created, after: 1m, do: [{type: send_email, addresses: [a@example.com], subject: "${subscriber.id}", body: "${transaction_id}"}]}
`)
		in.trigger(t, requestOf("greets", "t1", to("anna")), requestOf("greets", "t2", to("bert")))
		found, err := in.service.Cancel(t.Context(), account, "t2")
		require.NoError(t, err)
		require.True(t, found)
		in.pass(t, time.Minute)
		events := in.actions(t)
		require.Len(t, events, 3)
		require.Equal(t, "email_sent", events[2].Type)
		require.Contains(t, events[2].body, `"subject":"anna"`)
		require.Equal(t, 2, events[2].Data.Trigger.Depth)
	})
}
