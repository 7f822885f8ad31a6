package trigger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/flow/goflowtest"
	"webhookd/internal/trigger"
)

const (
	fixtures = "../../fixtures"
	account  = "default"
	flowUUID = "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"

	triggerID = "0c6d0f0e-6f5d-5b0a-9d52-9b1b7f8a2c11"
)

// at is when everything fires.
var at = time.Date(2026, 2, 2, 11, 6, 31, 250_000_000, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() flow.Options {
	return flow.Options{RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour}
}

// environment is what configuration names in these tests.
func environment() trigger.Environment {
	return trigger.Environment{
		Flows: map[string]string{"callback": flowUUID},
		Resthooks: map[string][]string{
			"new-lead": {"https://a.example.com/lead", "https://b.example.com/lead"}, "nobody": {},
		},
	}
}

// recorded is one event of a scenario of fixtures/, with the call's record when it was made.
type recorded struct {
	scenario string
	event    flow.Event
	call     *correlate.Call
	seq      int64
	record   json.RawMessage
}

func (r recorded) occasion() *trigger.Occasion {
	return &trigger.Occasion{
		Account: account, Event: r.event, Call: r.call, Seq: r.seq, Record: r.record, At: at,
	}
}

// scenarios gives the names of all scenarios of fixtures/.
func scenarios(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(fixtures, "*", "webhooks.ndjson"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	names := make([]string, 0, len(found))
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names
}

// play gives the events of a scenario in order of delivery, with call_settled at the end of every call that ended.
func play(t testing.TB, scenario string) []recorded {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	set := correlate.NewSet(correlate.DefaultRules(), account)
	ledgers := map[string]*flow.Ledger{}
	var order []string
	var events []recorded
	enter := func(call *correlate.Call, steps []correlate.Step) {
		ledger := ledgers[call.CallUUID]
		if ledger == nil {
			ledger = &flow.Ledger{}
			ledgers[call.CallUUID] = ledger
			order = append(order, call.CallUUID)
		}
		entered := ledger.Enter(account, steps)
		record := flow.EncodeRecord(call, ledger.Seq, 0, at)
		for _, event := range entered {
			events = append(events, recorded{scenario, event, call, ledger.Seq, record})
		}
	}
	for line := range bytes.Lines(data) {
		w, err := dialog.Decode(bytes.TrimRight(line, "\n"))
		require.NoError(t, err)
		if w.Kind == dialog.Other {
			continue
		}
		evidence := correlate.NewLeg(&w)
		for missing := set.Missing(evidence); len(missing) > 0; missing = set.Missing(evidence) {
			set.Load(missing, nil)
		}
		for _, effect := range set.Apply(evidence).Effects {
			if effect.After != nil {
				enter(effect.After, effect.Steps)
			}
		}
	}
	for _, id := range order {
		if call := set.Call(id); call != nil && call.State == correlate.StateEnded {
			enter(call, []correlate.Step{{Kind: correlate.CallSettled, CallUUID: id, At: call.EndedAt}})
		}
	}
	require.NotEmpty(t, events, scenario)
	return events
}

// one gives the first event of a type in a scenario.
func one(t testing.TB, scenario, eventType string) recorded {
	t.Helper()
	for _, r := range play(t, scenario) {
		if r.event.Type == eventType {
			return r
		}
	}
	require.Fail(t, "no such event", "%s in %s", eventType, scenario)
	return recorded{}
}

// missed is the occasion of an inbound call that a customer abandoned in the queue: +48502200103, "Klient 103", without
// a project, 91 s long.
func missed(t testing.TB) *trigger.Occasion {
	t.Helper()
	return one(t, "inbound_abandoned_in_queue", "call_missed").occasion()
}

// answered is the occasion of the end of an outbound call.
func answered(t testing.TB) *trigger.Occasion {
	t.Helper()
	return one(t, "outbound_consultant_hangs_up", "call_settled").occasion()
}

// asked is the occasion of a trigger of the API.
func asked() *trigger.Occasion {
	return &trigger.Occasion{
		Account: account, At: at, TransactionID: "order 7",
		Event:   flow.Event{Type: trigger.TypeAPI, UUID: trigger.TransactionUUID(account, "order 7"), CreatedOn: dialog.TimeOf(at)},
		Payload: map[string]any{"order": map[string]any{"id": float64(7)}, "amount": 12.5, "paid": true, "note": "a \"b\""},
		Subscriber: &trigger.Subscriber{
			ID: "42", Phone: "+48 501 502 503", Email: "Anna@Example.com", FirstName: "Anna", LastName: "Nowak",
			Data: json.RawMessage(`{"vip":true}`),
		},
	}
}

// handler compiles the one handler of a YAML text without its name.
func handler(t testing.TB, yaml string) *trigger.Compiled {
	t.Helper()
	compiled, err := trigger.LoadFile([]byte("handlers:\n- name: h\n"+yaml), environment())
	require.NoError(t, err)
	require.Len(t, compiled, 1)
	return compiled[0]
}

// action compiles a handler with one action, given as JSON.
func action(t testing.TB, text string) *trigger.Compiled {
	t.Helper()
	h, err := trigger.ReadJSON([]byte(`{"name":"h","on":"*","do":[` + text + `]}`))
	require.NoError(t, err)
	compiled, err := trigger.Compile(h, environment())
	require.NoError(t, err)
	return compiled
}

// bodies makes messages of events as they are published, and lets goflow's rules judge every one.
func bodies(t testing.TB, o *trigger.Occasion, events []flow.Event) []map[string]any {
	t.Helper()
	change := flow.Change{Account: o.Account, CallUUID: triggerID, Events: events}
	if o.Call != nil {
		change.CallUUID, change.Record = o.Call.CallUUID, flow.EncodeRecord(o.Call, o.Seq, o.Revision, o.At)
	}
	messages, err := flow.Messages(change, options())
	require.NoError(t, err)
	made := make([]map[string]any, 0, len(messages))
	for _, message := range messages {
		require.NoError(t, goflowtest.Check(message.Body), "%s", message.Body)
		valid(t, message.Body)
		require.Equal(t, change.CallUUID, message.Header["ce-subject"])
		var body map[string]any
		require.NoError(t, json.Unmarshal(message.Body, &body))
		made = append(made, body)
	}
	return made
}

// keys gives the JSON of goflow's keys of a body: all but those that every event has.
func keys(t testing.TB, body map[string]any) string {
	t.Helper()
	own := map[string]any{}
	for key, value := range body {
		switch key {
		case "uuid", "type", "created_on", "account_key", "conversation_type", "conversation_key", "event_type", "event_data":
		default:
			own[key] = value
		}
	}
	data, err := json.Marshal(own)
	require.NoError(t, err)
	return string(data)
}

type flowEvent = flow.Event
