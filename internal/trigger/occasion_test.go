package trigger_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/trigger"
)

// everyAction is the handler that has them all.
func everyAction(t testing.TB) *trigger.Compiled {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "good", "every_key.yaml"))
	require.NoError(t, err)
	compiled, err := trigger.LoadFile(data, environment())
	require.NoError(t, err)
	return compiled[0]
}

// The same occasion gives the same bytes, however often it is evaluated, and also when it was kept in between.
func TestFiringIsDeterministic(t *testing.T) {
	t.Parallel()
	h := everyAction(t)
	for _, o := range append(lastOccasions(t), asked()) {
		first, err := json.Marshal(h.Fire(o, triggerID))
		require.NoError(t, err)
		second, err := json.Marshal(h.Fire(o, triggerID))
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))

		data, err := o.Encode()
		require.NoError(t, err)
		kept, err := trigger.DecodeOccasion(data)
		require.NoError(t, err)
		third, err := json.Marshal(h.Fire(kept, triggerID))
		require.NoError(t, err)
		require.Equal(t, string(first), string(third))
		again, err := kept.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	}
}

// lastOccasions gives an occasion of the last event of every scenario.
func lastOccasions(t testing.TB) []*trigger.Occasion {
	t.Helper()
	var last []*trigger.Occasion
	for _, scenario := range scenarios(t) {
		events := play(t, scenario)
		last = append(last, events[len(events)-1].occasion())
	}
	return last
}

// goflow and Vumi take every event that there is of the recorded calls.
func TestEveryRecordedEventIsTaken(t *testing.T) {
	t.Parallel()
	for _, scenario := range scenarios(t) {
		for _, r := range play(t, scenario) {
			bodies(t, r.occasion(), []flowEvent{r.event})
		}
	}
}

// They take every event that handlers make of these, and no two of one trigger have one id.
func TestEveryActionOverEveryScenarioIsTaken(t *testing.T) {
	t.Parallel()
	h := everyAction(t)
	for _, o := range lastOccasions(t) {
		fired := h.Fire(o, triggerID)
		require.Zero(t, fired.Failures)
		bodies(t, o, fired.Events)
		ids := map[string]bool{}
		for _, event := range fired.Events {
			require.NotContains(t, ids, event.UUID)
			ids[event.UUID] = true
		}
		for _, request := range fired.Requests {
			made := request.Events(o, trigger.Outcome{Status: trigger.StatusConnectionError, Elapsed: -1})
			bodies(t, o, made)
			for _, event := range made {
				require.NotContains(t, ids, event.UUID)
				ids[event.UUID] = true
			}
		}
	}
}

func TestOccasionsAreKeptWhole(t *testing.T) {
	t.Parallel()
	for _, o := range []*trigger.Occasion{missed(t), answered(t), asked(), {Account: "a", At: at}} {
		data, err := o.Encode()
		require.NoError(t, err)
		kept, err := trigger.DecodeOccasion(data)
		require.NoError(t, err)
		require.Equal(t, o, kept)
	}
	// Without a record one is made of the call.
	o := missed(t)
	o.Record = nil
	data, err := o.Encode()
	require.NoError(t, err)
	kept, err := trigger.DecodeOccasion(data)
	require.NoError(t, err)
	require.Equal(t, o.Call, kept.Call)
	require.Equal(t, o.Seq, kept.Seq)
	require.JSONEq(t, string(flow.EncodeRecord(o.Call, o.Seq, 0, at)), string(kept.Record))

	for _, bad := range []string{"", "7", `{"call":7}`, `{"event":[]}`} {
		_, err := trigger.DecodeOccasion([]byte(bad))
		require.Error(t, err, bad)
	}
	o.Payload = map[string]any{"a": func() {}}
	_, err = o.Encode()
	require.Error(t, err)
}

// What fires after a delay tells of the call as it is then.
func TestWithCall(t *testing.T) {
	t.Parallel()
	before := one(t, "inbound_abandoned_in_queue", "call_started").occasion()
	require.Equal(t, "ringing", filled(t, before, "${call.state}"))
	now := missed(t)
	after := before.WithCall(now.Call, flow.EncodeRecord(now.Call, 9, 2, at)).WithTime(at.Add(time.Minute))
	require.Equal(t, "ended 9 2 2026-02-02T11:07:31Z", filled(t, after, "${call.state} ${call.seq} ${call.revision} ${now}"))
	require.Equal(t, "call_started", filled(t, after, "${event.type}"))
	require.Equal(t, "ringing", filled(t, before, "${call.state}"), "the one before is as it was")
	require.Empty(t, filled(t, before.WithCall(nil, nil), "${call.state}"))
}

// The events of one change are evaluated over one call.
func TestBeside(t *testing.T) {
	t.Parallel()
	o := missed(t)
	require.Equal(t, "call_missed ended ", filled(t, o, "${event.type} ${call.state} ${dialog.state}"))
	closed := one(t, "inbound_abandoned_in_queue", "dialog_closed").event
	require.Equal(t, "dialog_closed ended closed",
		filled(t, o.Beside(closed), "${event.type} ${call.state} ${dialog.state}"))
	require.Equal(t, "call_missed", filled(t, o, "${event.type}"))
}

func TestContact(t *testing.T) {
	t.Parallel()
	call := func(number, e164 correlate.Word) *trigger.Occasion {
		return &trigger.Occasion{Call: &correlate.Call{
			CallUUID: "c", External: correlate.External{Number: number, NumberE164: e164},
		}}
	}
	to := func(s trigger.Subscriber) *trigger.Occasion { return &trigger.Occasion{Subscriber: &s} }
	for _, c := range []struct {
		o             *trigger.Occasion
		contact, once string
	}{
		{call("501 502 503", "+48501502503"), "+48501502503", "contact:+48501502503"},
		{call("48xxxxxxxxx", ""), "48xxxxxxxxx", "contact:48xxxxxxxxx"},
		{call("", ""), "", "call:c"},
		{&trigger.Occasion{}, "", ""},
		{to(trigger.Subscriber{ID: "42", Phone: "+48 501 502 503"}), "+48501502503", "contact:+48501502503"},
		{to(trigger.Subscriber{ID: "42", Phone: "501"}), "501", "contact:501"},
		{to(trigger.Subscriber{ID: "42"}), "42", "contact:42"},
	} {
		require.Equal(t, c.contact, c.o.Contact())
		perContact := handler(t, "  on: call_missed\n  once_per: {scope: contact, window: 1h}\n  do: [{type: send_msg, text: a}]")
		require.Equal(t, c.once, perContact.OnceKey(c.o))
		perCall := handler(t, "  on: call_missed\n  once_per: {scope: call}\n  do: [{type: send_msg, text: a}]")
		want := ""
		if c.o.Call != nil {
			want = "call:c"
		}
		require.Equal(t, want, perCall.OnceKey(c.o))
		require.Empty(t, action(t, `{"type":"send_msg","text":"a"}`).OnceKey(c.o))
	}
}

// Whom a message goes to.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    trigger.Subscriber
		want string
	}{
		{trigger.Subscriber{ID: "42", Phone: "+48501502503", Email: "a@example.com"}, "tel:+48501502503"},
		{trigger.Subscriber{ID: "42", Phone: "501502503"}, "tel:501502503"},
		{trigger.Subscriber{ID: "42", Email: "A@example.com"}, "mailto:a@example.com"},
		{trigger.Subscriber{ID: "4 2", Email: "nobody"}, "ext:4%202"},
		{trigger.Subscriber{}, ""},
	} {
		o := &trigger.Occasion{Account: account, At: at, Subscriber: &c.s}
		require.Equal(t, c.want, filled(t, o, "${contact.urn}"))
	}
}

// The ids are those that the design gives, worked out here from the names.
func TestIDs(t *testing.T) {
	t.Parallel()
	h := handler(t, "  on: call_missed\n  do: [{type: send_msg, text: a}]")
	o := missed(t)
	require.Equal(t, v5("webhookd:trigger:default:h:"+o.Event.UUID), h.TriggerID(o))
	require.Equal(t, v5("webhookd:trigger:default:api:order 7:42"), h.TriggerID(asked()))
	toAll := asked()
	toAll.Subscriber = nil
	require.Equal(t, v5("webhookd:trigger:default:api:order 7:"), h.TriggerID(toAll))
	require.Equal(t, v5("webhookd:action:default:"+triggerID+":1"), h.Fire(o, triggerID).Events[0].UUID)
}

// The handler that fixtures/ has for missed calls.
func TestTheMissedCallHandler(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(fixtures, "handlers", "missed-call.yaml"))
	require.NoError(t, err)
	compiled, err := trigger.LoadFile(data, trigger.Environment{})
	require.NoError(t, err, "it needs no configuration")
	set := trigger.NewSet(compiled)
	for _, scenario := range []string{"inbound_abandoned_in_queue", "inbound_no_answer", "inbound_ring_all_caller_left"} {
		o := one(t, scenario, "call_missed").occasion()
		handlers := set.Match(account, o.Event.Type)
		require.Len(t, handlers, 1)
		wanted, err := handlers[0].Wants(o)
		require.NoError(t, err)
		require.True(t, wanted)
		made := bodies(t, o, handlers[0].Fire(o, triggerID).Events)
		require.Len(t, made, 2)
		require.Equal(t, "msg_created", made[0]["type"])
		require.Equal(t, "session_triggered", made[1]["type"])
	}
	// A consultant who calls back, and a customer who calls again and is talked to, call it off; a missed call does not.
	for scenario, want := range map[string]bool{
		"outbound_consultant_hangs_up": true, "outbound_no_answer": false, "inbound_answered": true,
		"inbound_no_answer": false, "inbound_lost_talking": true, "bot_then_abandoned": false,
	} {
		called := false
		for _, r := range play(t, scenario) {
			called = called || set.CancelTypes(r.event.Type)
		}
		require.Equal(t, want, called, scenario)
	}
}
