package trigger_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/flow/goflowtest"
	"webhookd/internal/trigger"
)

// FuzzDefinitions: whatever stands in a file, it is refused with its problems or gives handlers that fire over anything
// without a panic, and whose events goflow takes.
func FuzzDefinitions(f *testing.F) {
	for _, folder := range []string{"testdata/good", "testdata/bad"} {
		for _, path := range files(f, folder) {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			if len(data) < 2000 {
				f.Add(data)
			}
		}
	}
	occasions := []*trigger.Occasion{missed(f), answered(f), asked(), {Account: account, Event: missed(f).Event, At: at}}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDefinitions(t, data, occasions)
	})
}

func checkDefinitions(t require.TestingT, data []byte, occasions []*trigger.Occasion) {
	compiled, err := trigger.LoadFile(data, environment())
	if err != nil {
		var definition *trigger.DefinitionError
		require.ErrorAs(t, err, &definition)
		require.NotEmpty(t, definition.Problems)
		return
	}
	for _, c := range compiled {
		kept, err := c.Handler().Encode()
		require.NoError(t, err)
		read, err := trigger.ReadJSON(kept)
		require.NoError(t, err)
		_, err = trigger.Compile(read, environment())
		require.NoError(t, err)
		for _, o := range occasions {
			_, _ = c.Wants(o)
			fired := c.Fire(o, triggerID)
			taken(t, o, fired.Events)
			for _, request := range fired.Requests {
				taken(t, o, request.Events(o, trigger.Outcome{Status: trigger.StatusSuccess, StatusCode: 200, Body: data}))
			}
		}
	}
}

// taken lets goflow's rules judge the messages of events.
func taken(t require.TestingT, o *trigger.Occasion, events []flow.Event) {
	change := flow.Change{Account: o.Account, CallUUID: triggerID, Events: events}
	if o.Call != nil {
		change.CallUUID, change.Record = o.Call.CallUUID, flow.EncodeRecord(o.Call, o.Seq, o.Revision, o.At)
	}
	messages, err := flow.Messages(change, options())
	require.NoError(t, err)
	for _, message := range messages {
		require.NoError(t, goflowtest.Check(message.Body), "%s", message.Body)
	}
}

// FuzzExpressions: whatever a template holds, it is refused or evaluated without a panic.
func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{
		"${contact.name}", "$${", "${ {'a': 1}['a'] }", "${map(call.legs, .state)}", "${date(now) - date(call.ended_at)}",
		"${payload.order.id + 1}", "${let a = 1; a}", "${keys(payload)}", "${now}}", "${'", "${[1, 2] | sum()}", "${#}",
	} {
		f.Add(seed)
	}
	occasions := []*trigger.Occasion{missed(f), asked()}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := trigger.Compile(trigger.Handler{
			Name: "a", On: []string{"*"}, Do: []trigger.Action{{"type": "set_contact_name", "name": text}},
		}, environment())
		if err != nil {
			return
		}
		for _, o := range occasions {
			first, err := json.Marshal(c.Fire(o, triggerID))
			require.NoError(t, err)
			second, err := json.Marshal(c.Fire(o, triggerID))
			require.NoError(t, err)
			require.Equal(t, string(first), string(second))
			taken(t, o, c.Fire(o, triggerID).Events)
		}
	})
}

// FuzzOccasions: whatever was kept as an occasion, it is refused or evaluated without a panic.
func FuzzOccasions(f *testing.F) {
	for _, o := range []*trigger.Occasion{missed(f), answered(f), asked()} {
		data, err := o.Encode()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"at":"2026-01-02T03:04:05Z","subscriber":{"id":"","data":[1]},"payload":{"":null}}`))
	h := everyAction(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := trigger.DecodeOccasion(data)
		if err != nil {
			return
		}
		h.Fire(o, triggerID)
		_ = o.Contact()
		_, err = o.Encode()
		require.NoError(t, err)
	})
}

// Any actions, made of any values in any places, over any payload: refused or fired, and what comes out is taken.
func TestAnyHandlerOverAnyOccasion(t *testing.T) {
	t.Parallel()
	call := missed(t)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]any{
			"", "a", "${contact.urn}", "${payload.a}", "${payload.a.b}", "${call.legs[9].state}", "tel:+48501502503", flowUUID,
			"pol", "https://example.com/${payload.a}", "POST", "callback", "new-lead", "nobody", true, false, nil, json.Number("1"),
			map[string]any{"uuid": flowUUID, "name": "${payload.a}"},
			[]any{map[string]any{"uuid": "${payload.a}"}},
			[]any{"${contact.urn}", "${payload.a}"},
			map[string]any{"key": "a", "in_a_flow": true},
		})
		actions := make([]trigger.Action, 0, 3)
		for range rapid.IntRange(1, 3).Draw(t, "actions") {
			a := trigger.Action{"type": rapid.SampledFrom(trigger.ActionTypes()).Draw(t, "type")}
			for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{
				"text", "attachments", "quick_replies", "all_urns", "urns", "contacts", "groups", "addresses", "subject", "body",
				"flow", "create_contact", "exclusions", "method", "url", "headers", "result_name", "resthook", "field", "value",
				"name", "language", "timezone", "channel", "all_groups", "scheme", "path", "labels", "category", "terminal",
			}), 0, 5).Draw(t, "keys") {
				a[key] = value.Draw(t, key)
			}
			actions = append(actions, a)
		}
		c, err := trigger.Compile(trigger.Handler{Name: "a", On: []string{"*"}, Do: actions}, environment())
		if err != nil {
			return
		}
		o := asked()
		if rapid.Bool().Draw(t, "of a call") {
			o = &trigger.Occasion{Account: account, Event: call.Event, Call: call.Call, Seq: call.Seq, At: at}
		}
		o.Payload = map[string]any{"a": rapid.SampledFrom([]any{
			nil, "a", "", flowUUID, "\x00\xff", 1.5, true, []any{"a"}, map[string]any{"b": "tel:112"}, "tel:+48501502503", "sip:a",
		}).Draw(t, "payload")}
		o.Event.CreatedOn = dialog.TimeOf(at)
		fired := c.Fire(o, triggerID)
		taken(t, o, fired.Events)
		for _, request := range fired.Requests {
			taken(t, o, request.Events(o, trigger.Outcome{Status: trigger.StatusConnectionError}))
		}
	})
}
