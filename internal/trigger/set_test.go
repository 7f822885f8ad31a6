package trigger_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

func names(handlers []*trigger.Compiled) []string {
	var list []string
	for _, c := range handlers {
		list = append(list, c.Handler().Name)
	}
	return list
}

func setOf(t testing.TB, yaml string) *trigger.Set {
	t.Helper()
	compiled, err := trigger.LoadFile([]byte("handlers:\n"+yaml), environment())
	require.NoError(t, err)
	return trigger.NewSet(compiled)
}

func TestASetFindsByTypeAndAccount(t *testing.T) {
	t.Parallel()
	const do = `do: [{type: send_msg, text: a}]`
	set := setOf(t, `
- {name: d-all, on: "*", `+do+`}
- {name: c-missed, on: [call_missed, call_ended], `+do+`}
- {name: b-acme, on: call_missed, account: acme, `+do+`}
- {name: a-off, on: call_missed, enabled: false, after: 5m, cancel_on: [call_answered], `+do+`}
- {name: e-other, on: "*", account: other, after: 5m, cancel_on: call_talking, `+do+`}
`)
	for _, c := range []struct {
		account, eventType string
		want               []string
	}{
		{"default", "call_missed", []string{"c-missed", "d-all"}},
		{"default", "call_ended", []string{"c-missed", "d-all"}},
		{"default", "call_talking", []string{"d-all"}},
		{"acme", "call_missed", []string{"b-acme", "c-missed", "d-all"}},
		{"acme", "call_talking", []string{"d-all"}},
		{"other", "call_missed", []string{"c-missed", "d-all", "e-other"}},
		{"other", "error", []string{"d-all", "e-other"}},
	} {
		require.Equal(t, c.want, names(set.Match(c.account, c.eventType)), "%s %s", c.account, c.eventType)
	}
	require.Equal(t, []string{"a-off", "b-acme", "c-missed", "d-all", "e-other"}, names(set.All()))
	require.True(t, set.CancelTypes("call_talking"))
	require.True(t, set.CancelTypes("call_answered"), "what is switched off may still have triggers that wait")
	require.False(t, set.CancelTypes("call_missed"))
	require.Equal(t, "a-off", set.ByName("default", "a-off").Handler().Name)
	require.Equal(t, "b-acme", set.ByName("acme", "b-acme").Handler().Name)
	require.Nil(t, set.ByName("default", "b-acme"))
	require.Nil(t, set.ByName("default", "nobody"))
}

func TestNothingMatchesWithoutHandlers(t *testing.T) {
	t.Parallel()
	for _, set := range []*trigger.Set{nil, trigger.NewSet(nil)} {
		require.Empty(t, set.Match("default", "call_missed"))
		require.False(t, set.CancelTypes("call_missed"))
		require.Nil(t, set.ByName("default", "a"))
		require.Empty(t, set.All())
	}
}

func TestTheLaterHandlerOfANameCounts(t *testing.T) {
	t.Parallel()
	var compiled []*trigger.Compiled
	for _, text := range []string{"first", "second"} {
		compiled = append(compiled, handler(t, "  on: call_missed\n  do: [{type: send_msg, text: "+text+"}]"))
	}
	set := trigger.NewSet(compiled)
	require.Len(t, set.All(), 1)
	require.Equal(t, "second", set.ByName("default", "h").Handler().Do[0]["text"])
}

// BenchmarkEvaluate evaluates 50 handlers over the events of a call: what an event costs before anything fires. Of the
// handlers, "matching" are for the event's type, and each of them has a condition.
func BenchmarkEvaluate(b *testing.B) {
	events := play(b, "outbound_consultant_hangs_up")
	for _, matching := range []int{0, 1, 5, 50} {
		var compiled []*trigger.Compiled
		for i := range 50 {
			on := "call_reopened"
			if i < matching {
				on = `"*"`
			}
			h, err := trigger.LoadFile(fmt.Appendf(nil, `handlers:
- name: h%d
  on: %s
  when: call.missed && call.external.number_e164 == "+48%09d"
  do: [{type: send_msg, text: a}]`, i, on, i), environment())
			require.NoError(b, err)
			compiled = append(compiled, h...)
		}
		set := trigger.NewSet(compiled)
		b.Run(fmt.Sprintf("matching=%d", matching), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				o := events[i%len(events)].occasion()
				i++
				for _, c := range set.Match(o.Account, o.Event.Type) {
					if wanted, err := c.Wants(o); err != nil || wanted {
						b.Fatal(wanted, err)
					}
				}
			}
		})
	}
}

// BenchmarkFire does the two actions of the missed-call handler.
func BenchmarkFire(b *testing.B) {
	o := missed(b)
	h := handler(b, `  on: call_missed
  do:
    - {type: send_msg, text: "Hello ${contact.name}, you called ${call.project.name}"}
    - {type: start_session, flow: callback}`)
	b.ReportAllocs()
	for b.Loop() {
		if fired := h.Fire(o, triggerID); fired.Failures > 0 {
			b.Fatal(fired)
		}
	}
}

// BenchmarkOccasion keeps an occasion and reads it again, as a trigger that waits does.
func BenchmarkOccasion(b *testing.B) {
	o := missed(b)
	b.ReportAllocs()
	for b.Loop() {
		data, err := o.Encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := trigger.DecodeOccasion(data); err != nil {
			b.Fatal(err)
		}
	}
}
