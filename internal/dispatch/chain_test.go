package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

func TestWhatHandlersDoLeadsToOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: one
    on: call_missed
    do: [{type: send_msg, text: "We are sorry."}]
  - name: two
    on: msg_created
    when: event.data.msg.text startsWith "We" and call.missed
    do: [{type: set_run_result, name: told, value: "${event.data.msg.text}"}]
  - name: three
    on: run_result_changed
    after: 1m
    do:
      - {type: start_session, flow: callback}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		in.pass(t, time.Minute)
		events := in.actions(t)
		require.Len(t, events, 3)
		for depth, event := range events {
			require.Equal(t, depth+1, event.Data.Trigger.Depth)
			require.Equal(t, missed.id(), event.Data.Call.CallUUID)
			if depth > 0 {
				require.Equal(t, events[depth-1].UUID, event.Data.Trigger.EventUUID)
				require.Equal(t, events[depth-1].Type, event.Data.Trigger.EventType)
			}
		}
		require.Equal(t, "We are sorry.", events[1].Value)
		session := events[2]
		require.Equal(t, events[1].UUID, session.History.ParentUUID)
		require.Equal(t, 2, session.History.Ancestors)
		require.Equal(t, 2, session.History.AncestorsSinceInput)
		require.Equal(t, noon.Add(time.Minute), session.CreatedOn)
		require.Equal(t, 3, in.triggers(t, "three")[0].Depth)
	})
}

// A handler that matches what it does itself stops at the limit, and says so once.
func TestAHandlerThatMatchesItsOwnEvents(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]string{"at once": "", "after a while": "after: 1m,"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, fmt.Sprintf(`
  - {name: again, on: [call_missed, msg_created], %s do: [{type: send_msg, text: "${event.type}"}]}
`, delay))
				in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
				in.pass(t, time.Hour)
				want := []string{"again msg_created call_missed"}
				for range trigger.MaxDepth - 1 {
					want = append(want, "again "+"msg_created "+"msg_created")
				}
				want = append(want, "again failure handler again was not fired: 5 triggers led to it, one from the other")
				require.Equal(t, want, in.texts(t))
				events := in.actions(t)
				require.Equal(t, 6, events[5].Data.Trigger.Depth)
				require.Equal(t, events[4].UUID, events[5].Data.Trigger.EventUUID)
				require.Len(t, in.triggers(t, "again"), 5)
				require.Zero(t, in.counts(t, "again").Failures)
				require.True(t, in.counts(t, "again").Enabled)
			})
		})
	}
}

func TestAHandlerOfEverything(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: all
    on: "*"
    when: event.data == {}
    do: [{type: set_run_result, name: saw, value: "${event.type}"}]
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.pass(t, time.Minute)
		var saw []any
		for _, event := range in.actions(t) {
			saw = append(saw, event.Value)
		}
		require.Equal(t, []any{
			"dialog_ringing", "call_started", "call_received", "dialog_closed", "call_ended", "call_missed", "call_settled",
		}, saw)
	})
}

// A handler of everything is one of its own events, too.
func TestAHandlerOfEverythingStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: all, on: "*", do: [{type: set_run_result, name: saw, value: "${event.type}"}]}
`)
		in.take(t, call{1, customer, noon}.rings()) // three events
		require.Len(t, in.texts(t), 3*6)
		require.Len(t, in.triggers(t, "all"), 3*5)
		failures := 0
		for _, event := range in.actions(t) {
			if event.Type == "failure" {
				failures++
			}
		}
		require.Equal(t, 3, failures)
	})
}

// Handlers that match what each other does would multiply with every step; five steps of six are nine thousand.
func TestHandlersThatMultiplyAreStopped(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		var text strings.Builder
		for n := range 3 {
			fmt.Fprintf(&text, `
  - name: all-%d
    on: [call_missed, msg_created]
    do:
      - {type: send_msg, text: "a"}
      - {type: send_msg, text: "b"}
`, n)
		}
		in.handlers(t, text.String())
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		events := in.actions(t)
		require.Less(t, len(events), 5000)
		told := 0
		for _, event := range events {
			if strings.Contains(event.Text, "more than 500 events came of one event") {
				require.Equal(t, "error", event.Type)
				told++
			}
		}
		require.Equal(t, 1, told)
		failures := 0
		for n := range 3 {
			failures += in.counts(t, fmt.Sprintf("all-%d", n)).Failures
		}
		require.LessOrEqual(t, failures, 1)

		in.take(t, call{2, customer, noon}.missed(9*time.Second)...) // the next one is taken as well
		require.Greater(t, len(in.actions(t)), len(events))
	})
}

// A batch in which too much multiplies is refused as a whole; whoever commits it tries smaller ones.
func TestABatchInWhichHandlersMultiplyIsDivided(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.service.Dispatcher.Failures = 1000
		in.handlers(t, `
  - name: all
    on: [call_missed, run_result_changed]
    do:
      - {type: set_run_result, name: a, value: "a"}
      - {type: set_run_result, name: b, value: "b"}
      - {type: set_run_result, name: c, value: "c"}
      - {type: set_run_result, name: d, value: "d"}
      - {type: set_run_result, name: e, value: "e"}
`)
		var list []arrival
		for n := range 42 { // of each of which 500 events are followed
			list = append(list, arrivals(account, call{n, customer, noon}.missed(9*time.Second)...)...)
		}
		require.ErrorContains(t, in.batch(t.Context(), noon, list...), "more than 20000 events came of what was to be done together")
		require.Empty(t, in.published(t))
		require.NoError(t, in.batch(t.Context(), noon, list[:4]...))
		require.NotEmpty(t, in.published(t))
	})
}

// What an alert needs: handlers of error and failure.
func TestFailuresOfHandlersLeadToOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.service.Dispatcher.Failures = 2
		in.handlers(t, `
  - {name: a-condition, on: call_started, when: 'call.legs[7].state == "closed"', do: [{type: send_msg, text: "never"}]}
  - {name: b-template, on: call_missed, do: [{type: send_msg, text: "${call.legs[7].state}"}]}
  - {name: c-alert, on: [error, failure], do: [{type: set_run_result, name: alert, value: "${event.type}: ${event.data.text}"}]}
`)
		for n := range 2 {
			in.take(t, call{n, customer, noon}.missed(9*time.Second)...)
		}
		var alerts []string
		for _, event := range in.actions(t) {
			if event.Type == "run_result_changed" {
				alerts = append(alerts, fmt.Sprint(event.Value))
			}
		}
		require.Len(t, alerts, 6)
		require.Contains(t, alerts[0], "error: handler a-condition, when: ")
		require.Contains(t, alerts[1], "error: handler b-template, action 1 (send_msg): ")
		require.Equal(t, "failure: handler a-condition was switched off: it failed 2 times in a row", alerts[4])
		require.Equal(t, "failure: handler b-template was switched off: it failed 2 times in a row", alerts[5])
	})
}

// A condition that fails on what it makes fail itself comes to an end, too.
func TestAConditionThatFailsOnItsOwnFailure(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: breaks, on: "*", when: 'call.legs[7].state == "closed"', do: [{type: send_msg, text: "never"}]}
`)
		in.take(t, call{1, customer, noon}.rings())
		require.Len(t, in.texts(t), 3*6)
		require.Equal(t, 18, in.counts(t, "breaks").Failures)
		require.Empty(t, in.triggers(t, "breaks"))
	})
}

// A chain of delays is called off in the middle by its call.
func TestAChainIsCalledOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: first, on: call_missed, after: 1m, do: [{type: send_msg, text: "first"}]}
  - {name: second, on: msg_created, after: 1m, cancel_on: call_answered, cancel_scope: contact, do: [{type: send_email, addresses: [a@example.com], subject: "second", body: ""}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.take(t, call{2, other, noon}.missed(9*time.Second)...)
		in.pass(t, 90*time.Second)
		in.take(t, call{3, customer, in.Now()}.talked(9*time.Second)...)
		in.pass(t, time.Hour)
		require.Equal(t, []store.TriggerState{store.TriggerCancelled, store.TriggerDone}, in.sorted(t, "second"))
		require.Len(t, in.texts(t), 3)
	})
}
