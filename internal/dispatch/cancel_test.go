package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func waits(scope string) string {
	return fmt.Sprintf(`
  - name: waits
    on: call_missed
    after: 5m
    cancel_on: [call_answered, call_talking, call_reopened]
    cancel_scope: %s
    do: [{type: send_msg, text: "We are sorry."}]
`, scope)
}

func TestWhoCallsOff(t *testing.T) {
	t.Parallel()
	missed := call{1, customer, noon}
	reopens := missed.webhook("dialog_create", 2, 3*time.Minute, fmt.Sprintf(
		`,"state":"alerting","direction":"INBOUND","dialog_type":"CONSULTANT",`+
			`"initial_application_info":{"data":{"caller_dialog_uuid":%q}}`, missed.leg(0)))
	later := noon.Add(3 * time.Minute)
	for name, c := range map[string]struct {
		scope  string
		bodies [][]byte
		state  store.TriggerState
		reason string
	}{
		"nobody": {"contact", nil, store.TriggerDone, ""},
		"call: its own": {
			"call", [][]byte{reopens}, store.TriggerCancelled, "called off by call_reopened",
		},
		"call: another call of the contact does not": {
			"call", call{2, customer, later}.talked(9 * time.Second), store.TriggerDone, "",
		},
		"contact: its own": {
			"contact", [][]byte{reopens}, store.TriggerCancelled, "called off by call_reopened",
		},
		"contact: the customer calls again and gets through": {
			"contact", call{2, customer, later}.talked(9 * time.Second), store.TriggerCancelled, "called off by call_answered",
		},
		"contact: a consultant calls back": {
			"contact", call{2, customer, later}.calledBack(true, 9*time.Second), store.TriggerCancelled,
			"called off by call_answered",
		},
		"contact: a call back that is not answered does not": {
			"contact", call{2, customer, later}.calledBack(false, 9*time.Second), store.TriggerDone, "",
		},
		"contact: another contact's does not": {
			"contact", call{2, other, later}.talked(9 * time.Second), store.TriggerDone, "",
		},
		"contact: the same number in another account does not": {
			"contact", nil, store.TriggerDone, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, waits(c.scope))
				in.oneByOne(t, missed.missed(9*time.Second)...)
				in.pass(t, 3*time.Minute)
				if c.bodies == nil {
					require.NoError(t, in.batch(t.Context(), in.Now(),
						arrivals("elsewhere", call{2, customer, later}.talked(9*time.Second)...)...))
				}
				in.oneByOne(t, c.bodies...)
				if c.state == store.TriggerCancelled {
					require.Zero(t, in.left(t, store.DueTrigger))
					require.Equal(t, in.Now(), in.triggers(t, "waits")[0].EndedAt)
				}
				in.pass(t, 3*time.Minute)
				row := in.triggers(t, "waits")[0]
				require.Equal(t, c.state, row.State)
				require.Equal(t, c.reason, row.Reason)
				if c.state == store.TriggerDone {
					require.Len(t, in.texts(t), 1)
				} else {
					require.Empty(t, in.texts(t))
				}
			})
		})
	}
}

// An event that is in the same batch as what it calls off does so, before as well as behind it; what is in one batch is
// chance.
func TestCallingOffInOneBatch(t *testing.T) {
	t.Parallel()
	missed := call{1, customer, noon}.missed(9 * time.Second)
	talked := call{2, customer, noon.Add(3 * time.Minute)}.talked(9 * time.Second)
	for name, bodies := range map[string][][]byte{
		"behind": append(append([][]byte{}, missed...), talked...),
		"before": append(append([][]byte{}, talked...), missed...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, waits("contact"))
				in.reach(noon.Add(4 * time.Minute))
				in.take(t, bodies...)
				require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "waits"))
				require.Zero(t, in.left(t, store.DueTrigger))
				in.pass(t, time.Hour)
				require.Empty(t, in.texts(t))
			})
		})
	}
}

// Of two events it counts which happened first, not which arrived first.
func TestWhatHappenedLaterCallsOffThoughItArrivedEarlier(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, waits("contact"))
		missed := call{1, customer, noon}
		in.take(t, missed.rings())
		in.reach(noon.Add(time.Minute))
		in.oneByOne(t, call{2, customer, noon.Add(50 * time.Second)}.talked(5*time.Second)...)
		in.take(t, missed.leaves(9*time.Second)) // a minute late
		row := in.triggers(t, "waits")[0]
		require.Equal(t, store.TriggerCancelled, row.State)
		require.Equal(t, "called off by an event that happened later and arrived earlier", row.Reason)
		require.Zero(t, in.left(t, store.DueTrigger))

		in.oneByOne(t, call{3, customer, noon.Add(55 * time.Second)}.missed(10*time.Second)...)
		in.pass(t, 10*time.Minute)
		require.Len(t, in.texts(t), 1, "what was before does not count")
	})
}

// Two calls, and in the same second one is missed and one answered: which was first nobody can say, so neither order of
// arrival calls it off. Within a call it is the order in which they became known.
func TestEqualSeconds(t *testing.T) {
	t.Parallel()
	missed := call{1, customer, noon}
	for name, answeredFirst := range map[string]bool{"answered first": true, "missed first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, in *installation) {
				in.handlers(t, waits("contact"))
				talked := call{2, customer, noon.Add(7 * time.Second)}.talked(20 * time.Second) // answered at 12:00:09
				in.reach(noon.Add(10 * time.Second))
				if answeredFirst {
					in.oneByOne(t, talked[:5]...)
				}
				in.oneByOne(t, missed.missed(9*time.Second)...)
				if !answeredFirst {
					in.oneByOne(t, talked[:5]...)
				}
				in.pass(t, 6*time.Minute)
				require.Equal(t, []store.TriggerState{store.TriggerDone}, in.states(t, "waits"))
			})
		})
	}
	t.Run("of one call", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, `
  - name: ended
    on: call_ended
    after: 1m
    cancel_on: call_missed
    do: [{type: send_msg, text: "ended, and not missed"}]
  - name: missed
    on: call_missed
    after: 1m
    cancel_on: call_ended
    do: [{type: send_msg, text: "missed"}]
`)
			in.take(t, missed.missed(9*time.Second)...) // call_ended, then call_missed, in one second
			in.pass(t, time.Minute)
			require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "ended"))
			require.Equal(t, []string{"missed msg_created missed"}, in.texts(t))
		})
	})
}

func TestAnEventDoesNotCallItselfOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - name: again
    on: call_missed
    after: 5m
    cancel_on: call_missed
    cancel_scope: contact
    do: [{type: send_msg, text: "missed ${call.call_uuid}"}]
`)
		for n := range 3 {
			in.take(t, call{n, customer, in.Now()}.missed(9*time.Second)...)
			in.pass(t, time.Minute)
		}
		in.pass(t, 10*time.Minute)
		require.Equal(t, []string{"again msg_created missed " + call{2, customer, noon}.id()}, in.texts(t), "the last one")
		require.Equal(t, []store.TriggerState{store.TriggerCancelled, store.TriggerCancelled, store.TriggerDone},
			in.states(t, "again"))
	})
}

// A handler that is changed, dropped or switched off leaves what waits to what it said when it began to wait.
func TestWhatWaitsIsCalledOffAfterItsHandlerIsSwitchedOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, waits("contact"))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		_, err := in.service.SwitchHandler(t.Context(), "", "waits", false)
		require.NoError(t, err)
		in.pass(t, time.Minute)
		in.take(t, call{2, customer, in.Now()}.talked(9*time.Second)...)
		require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "waits"))
	})
}

// The webhooks that tell the number of the one who gets through may be lost; the end of the call tells it, too.
func TestWhoIsKnownOnlyLaterCallsOffAllTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, waits("contact"))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.pass(t, time.Minute)
		again := call{2, customer, in.Now()}
		in.oneByOne(t, again.state(0, "answered", time.Second), again.state(0, "talking", 5*time.Second))
		require.Equal(t, []store.TriggerState{store.TriggerPending}, in.states(t, "waits"), "nobody knows who that is")
		in.take(t, again.webhook("dialog_close", 0, 20*time.Second, fmt.Sprintf(
			`,"close_cause":"HANGUP","direction":"OUTBOUND","business_direction":"INBOUND","from_display_target":%q,`+
				`"initial_application_info":{"side":"CONTACT","data":{}}`, customer)))
		require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "waits"))
		in.pass(t, 10*time.Minute)
		require.Empty(t, in.texts(t))
	})
}

// A leg whose create comes late is a call of its own for a while. What waits for that call is called off by the call that
// it went into, and does not fire twice.
func TestACallThatWentIntoAnotherOne(t *testing.T) {
	t.Parallel()
	rings := `
  - name: rings
    on: call_alerting
    after: 20s
    cancel_on: call_answered
    do: [{type: send_msg, text: "It rings and rings."}]
`
	c := call{1, customer, noon}
	first := [][]byte{c.rings(), c.webhook("dialog_create", 1, time.Second, fmt.Sprintf( // whose leg it is, is not told yet
		`,"state":"alerting","direction":"INBOUND","business_direction":"INBOUND","dialog_type":"CONSULTANT","peer_target":%q`,
		customer))}
	merged := []store.TriggerState{store.TriggerPending, store.TriggerPending}
	t.Run("and is answered", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, rings)
			in.oneByOne(t, first...)
			in.take(t, c.consultant(time.Second))
			require.Equal(t, merged, in.states(t, "rings"))
			in.take(t, c.state(1, "answered", 5*time.Second))
			in.pass(t, time.Minute)
			require.Equal(t, []store.TriggerState{store.TriggerCancelled, store.TriggerCancelled}, in.states(t, "rings"))
			require.Empty(t, in.texts(t))
		})
	})
	t.Run("and is not", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, rings)
			in.oneByOne(t, first...)
			in.take(t, c.consultant(time.Second))
			require.Equal(t, merged, in.states(t, "rings"))
			in.pass(t, time.Minute)
			require.Equal(t, []string{"rings msg_created It rings and rings."}, in.texts(t))
			require.Equal(t, c.id(), in.actions(t)[0].Data.Call.CallUUID)
			require.Equal(t, []store.TriggerState{store.TriggerDone, store.TriggerSkipped}, in.sorted(t, "rings"))
		})
	})
	t.Run("what a dialog did counts on", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, `
  - name: rings
    on: dialog_alerting
    after: 20s
    cancel_on: dialog_answered
    do: [{type: send_msg, text: "It rings and rings."}]
`)
			in.oneByOne(t, first...)
			in.take(t, c.consultant(time.Second))
			in.pass(t, time.Minute)
			require.Equal(t, []string{"rings msg_created It rings and rings."}, in.texts(t))
			require.Equal(t, c.id(), in.actions(t)[0].Data.Call.CallUUID)
		})
		each(t, func(t *testing.T, in *installation) {
			in.handlers(t, `
  - name: rings
    on: dialog_alerting
    after: 20s
    cancel_on: dialog_answered
    do: [{type: send_msg, text: "It rings and rings."}]
`)
			in.oneByOne(t, first...)
			in.take(t, c.consultant(time.Second))
			in.take(t, c.state(1, "answered", 5*time.Second))
			in.pass(t, time.Minute)
			require.Empty(t, in.texts(t))
			require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "rings"))
		})
	})
}

// Numbers may be as long as a sender likes.
func TestAVeryLongNumberIsAContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, cancellable+`
  - name: subscriber
    on: call_missed
    do: [{type: set_run_result, name: number, value: "${len(contact.number)}"}]
`)
		long := fmt.Sprintf("%01000d", 7)
		in.take(t, call{1, long, noon}.missed(9*time.Second)...)
		require.Equal(t, []store.TriggerState{store.TriggerPending}, in.states(t, "later"))
		in.take(t, call{2, long, noon.Add(time.Minute)}.missed(9*time.Second)...)
		require.Len(t, in.triggers(t, "later"), 1)
		in.take(t, call{3, long, noon.Add(2 * time.Minute)}.talked(9*time.Second)...)
		require.Equal(t, []store.TriggerState{store.TriggerCancelled}, in.states(t, "later"))
	})
}
