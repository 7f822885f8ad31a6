package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

const breaks = `
  - name: breaks
    on: call_missed
    do:
      - {type: send_msg, text: "before"}
      - {type: send_msg, text: "${call.legs[7].state}"}
      - {type: send_msg, text: "behind"}
`

func TestAFailingActionStopsNothingElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: another, on: call_missed, do: [{type: send_msg, text: "another's"}]}`+breaks+`
  - {name: conditional, on: call_missed, when: 'call.legs[7].state == "closed"', do: [{type: send_msg, text: "never"}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		texts := in.texts(t)
		require.Len(t, texts, 5)
		require.Contains(t, texts[0], "conditional error handler conditional, when: ")
		require.Equal(t, []string{"another msg_created another's", "breaks msg_created before"}, texts[1:3])
		require.Contains(t, texts[3], "breaks error handler breaks, action 2 (send_msg): ")
		require.Equal(t, "breaks msg_created behind", texts[4])
		require.Equal(t, 2, in.actions(t)[3].Data.Trigger.Action)

		row := in.triggers(t, "breaks")[0]
		require.Equal(t, store.TriggerFailed, row.State)
		require.Contains(t, row.Reason, "action 2 (send_msg)")
		for name, failures := range map[string]int{"another": 0, "breaks": 1, "conditional": 1} {
			kept := in.counts(t, name)
			require.Equal(t, failures, kept.Failures, name)
			require.Equal(t, failures > 0, kept.LastError != "", name)
		}
		require.EqualValues(t, 1, in.counts(t, "breaks").Fired)
		require.Zero(t, in.counts(t, "conditional").Fired)
	})
}

// What an expression failed on may be somebody's number. It is in the events of the account whose call it was, and with a handler
// of that account, but not with one that others see, too.
func TestAHandlerOfAllKeepsNoDataOfAnAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: own-when, account: default, on: call_missed, when: date(contact.number).Year() > 2000, do: [{type: send_msg, text: x}]}
  - {name: own-do, account: default, on: call_missed, do: [{type: send_msg, text: "${ date(contact.number) }"}]}
  - {name: all-when, on: call_missed, when: date(contact.number).Year() > 2000, do: [{type: send_msg, text: x}]}
  - {name: all-do, on: call_missed, do: [{type: send_msg, text: "${ date(contact.number) }"}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		require.Len(t, in.texts(t), 4)
		for _, text := range in.texts(t) {
			require.Contains(t, text, customer)
		}
		for name, shown := range map[string]bool{"own-when": true, "own-do": true, "all-when": false, "all-do": false} {
			kept := in.counts(t, name)
			require.Equal(t, 1, kept.Failures, name)
			require.Equal(t, shown, strings.Contains(kept.LastError, customer), "%s: %s", name, kept.LastError)
			require.NotEmpty(t, kept.LastError)
		}
	})
}

// However many of its actions fail, it is one failure.
func TestATriggerFailsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: breaks
    on: call_missed
    do:
      - {type: send_msg, text: "${call.legs[7].state}"}
      - {type: send_msg, text: "${call.legs[8].state}"}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		require.Equal(t, 1, in.counts(t, "breaks").Failures)
		require.EqualValues(t, 1, in.service.Dispatcher.Stats().Failed)
	})
}

// Somebody who hides his number is no failure of the handler.
func TestNobodyToSendToIsNoFailure(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry)
		in.take(t, call{1, "", noon}.missed(9*time.Second)...)
		require.Equal(t, []string{
			"sorry error handler sorry, action 1 (send_msg): nobody is known whom this could be for",
		}, in.texts(t))
		require.Zero(t, in.counts(t, "sorry").Failures)
		require.Equal(t, []store.TriggerState{store.TriggerDone}, in.states(t, "sorry"))
	})
}

func (in *installation) failuresTold(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, event := range in.actions(t) {
		if event.Type == "failure" {
			list = append(list, event.Text)
		}
	}
	return list
}

func TestAHandlerIsSwitchedOffAfterSoManyFailures(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, breaks)
		missed := func(n int) { in.take(t, call{n, customer, in.Now()}.missed(9*time.Second)...) }
		for n := range 19 {
			missed(n)
		}
		require.Empty(t, in.failuresTold(t))
		require.True(t, in.counts(t, "breaks").Enabled)
		missed(19)
		kept := in.counts(t, "breaks")
		require.False(t, kept.Enabled)
		require.Equal(t, 20, kept.Failures)
		require.Contains(t, kept.LastError, "switched off after 20 failures in a row: it failed in one of the accounts")
		require.Equal(t, []string{"handler breaks was switched off: it failed 20 times in a row"}, in.failuresTold(t))

		missed(20) // the change is not known here yet
		require.Len(t, in.failuresTold(t), 1)
		require.NoError(t, in.service.Dispatcher.Book.Refresh(t.Context()))
		count := len(in.texts(t))
		missed(21)
		require.Len(t, in.texts(t), count)

		_, err := in.service.SwitchHandler(t.Context(), "", "breaks", true)
		require.NoError(t, err)
		require.Zero(t, in.counts(t, "breaks").Failures)
		for n := range 20 {
			missed(100 + n)
		}
		require.Len(t, in.failuresTold(t), 2, "and once more, for it is on again")
	})
}

// What is in one batch is chance: failures in a row count the same.
func TestFailuresInARowInOneBatch(t *testing.T) {
	t.Parallel()
	sometimes := `
  - name: sometimes
    on: call_missed
    do: [{type: set_run_result, name: legs, value: "${call.legs[call.total_ms == 9000 ? 0 : 7].state}"}]
`
	for name, size := range map[string]int{"one by one": 1, "all at once": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, sometimes)
				var bodies [][]byte
				for n := range 30 {
					lasts := 8 * time.Second // it fails
					if n == 5 || n == 17 {
						lasts = 9 * time.Second
					}
					bodies = append(bodies, call{n, customer, noon}.missed(lasts)...)
				}
				for len(bodies) > 0 {
					next := min(2*size, len(bodies))
					in.take(t, bodies[:next]...)
					bodies = bodies[next:]
				}
				require.Equal(t, 12, in.counts(t, "sometimes").Failures, "since the last success")
				require.EqualValues(t, 30, in.counts(t, "sometimes").Fired)
				require.True(t, in.counts(t, "sometimes").Enabled)
			})
		})
	}
}

// Over several instances it is switched off once, and the event is there once.
func TestAHandlerIsSwitchedOffOnceOverSeveralInstances(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		if in.database.Shared {
			in.open(t)
		}
		in.handlers(t, breaks)
		ended := make(chan struct{})
		for k, i := range in.instances {
			go func() {
				defer func() { ended <- struct{}{} }()
				for n := range 30 {
					if err := i.batch(t.Context(), noon, arrivals(account, call{1000*k + n, customer, noon}.missed(9*time.Second)...)...); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		for range in.instances {
			<-ended
		}
		require.False(t, in.counts(t, "breaks").Enabled)
		require.Equal(t, []string{"handler breaks was switched off: it failed 20 times in a row"}, in.failuresTold(t))
	})
}

// A delayed trigger fails as one that is done at once does.
func TestADelayedTriggerThatFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.service.Dispatcher.Failures = 1
		in.handlers(t, `
  - {name: breaks, on: call_missed, after: 1m, do: [{type: send_msg, text: "${call.legs[7].state}"}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.pass(t, time.Minute)
		require.Equal(t, []store.TriggerState{store.TriggerFailed}, in.states(t, "breaks"))
		require.Contains(t, in.triggers(t, "breaks")[0].Reason, "action 1 (send_msg)")
		require.Len(t, in.failuresTold(t), 1)
		require.False(t, in.counts(t, "breaks").Enabled)
	})
}
