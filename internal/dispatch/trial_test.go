package dispatch_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/eventtest"
	"webhookd/internal/flow/goflowtest"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// try tries a handler, and holds what it would publish against what readers are promised.
func (in *installation) try(t *testing.T, name string, trial triggerapi.Trial) triggerapi.Tried {
	t.Helper()
	trial.Account = account
	tried, err := in.service.TryHandler(t.Context(), "", name, trial)
	require.NoError(t, err)
	look := eventtest.Published
	if len(trial.Event) > 0 && eventtest.Schema(trial.Event) != nil {
		look = goflowtest.Check // the record in it is as little whole as the sample's
	}
	for _, body := range tried.Events {
		require.NoError(t, look(body), string(body))
	}
	return tried
}

func TestAHandlerIsTriedOnAStoredCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: sorry, on: call_missed, enabled: false, after: 5m, when: call.missed, do: [{type: send_msg, text: "Sorry, ${contact.name}."}]}
  - {name: legs, on: [dialog_ringing, dialog_closed], when: event.type == "dialog_closed", do: [{type: set_run_result, name: leg, value: "${dialog.state}"}]}
  - {name: fails, on: call_missed, when: 'call.legs[7].state == "closed"', do: [{type: send_msg, text: "never"}]}
  - {name: calls, on: call_missed, do: [{type: call_webhook, method: GET, url: "https://crm.example.com/?token=a-token-of-this-handler"}]}
  - {name: sends, on: call_missed, do: [{type: send_msg, text: "Sorry."}]}
  - {name: chained, on: msg_created, do: [{type: start_session, flow: callback}, {type: set_run_result, name: said, value: "${event.data.msg.text}"}]}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		before := len(in.published(t))
		rows := len(in.triggers(t, "sorry"))
		of := triggerapi.Trial{CallUUID: missed.id()}

		tried := in.try(t, "sorry", of) // also one that is off
		require.True(t, tried.Matches)
		require.Equal(t, noon.Add(5*time.Minute), tried.FireAt)
		require.Len(t, tried.Events, 1)
		require.Contains(t, string(tried.Events[0]), "Sorry, Jan Kowalski.")

		tried = in.try(t, "legs", of)
		require.True(t, tried.Matches)
		require.Contains(t, string(tried.Events[0]), `"value":"closed"`)
		require.Zero(t, tried.FireAt)
		ringing := of
		ringing.EventType = "dialog_ringing"
		tried = in.try(t, "legs", ringing)
		require.False(t, tried.Matches)
		require.Equal(t, "project or when does not hold for dialog_ringing", tried.Reason)
		ringing.EventType = "call_missed"
		require.Equal(t, "the call has had no event that the handler is for", in.try(t, "legs", ringing).Reason)

		tried = in.try(t, "fails", of)
		require.False(t, tried.Matches)
		require.Contains(t, tried.Reason, "when failed: handler fails, when: ")

		tried = in.try(t, "calls", of)
		require.Empty(t, tried.Events)
		require.Len(t, tried.Requests, 1)
		require.Contains(t, string(tried.Requests[0]), "https://crm.example.com/")
		require.NotContains(t, string(tried.Requests[0]), "a-token-of-this-handler")

		tried = in.try(t, "chained", of) // on what another handler made of the call
		require.True(t, tried.Matches)
		require.Len(t, tried.Events, 2)
		require.Contains(t, string(tried.Events[0]), `"ancestors":1`)
		require.Contains(t, string(tried.Events[0]), `"depth":2`)
		require.Contains(t, string(tried.Events[1]), `"value":"Sorry."`)

		require.Len(t, in.published(t), before, "nothing is published")
		require.Len(t, in.triggers(t, "sorry"), rows)
		in.pass(t, time.Hour)

		_, err := in.service.TryHandler(t.Context(), "", "nothing", of)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestAHandlerIsTriedOnASample(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry+`
  - {name: all, on: "*", when: 'event.type != "call_ended"', do: [{type: set_run_result, name: saw, value: "${event.type} ${call.disposition} ${dialog.state} ${call.seq}"}]}
  - {name: chained, on: msg_created, do: [{type: start_session, flow: callback}, {type: set_run_result, name: said, value: "${event.data.msg.text}, ${payload.what}"}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.trigger(t, requestOf("sorry", "t1", to("anna")))
		// Whatever was published can be tried on.
		for _, event := range in.published(t) {
			tried := in.try(t, "all", triggerapi.Trial{Event: json.RawMessage(event.body)})
			require.Equal(t, event.Type != "call_ended", tried.Matches, event.Type)
			if event.Type == "call_missed" {
				require.Contains(t, string(tried.Events[0]), `"value":"call_missed abandoned  6"`)
				require.Contains(t, string(tried.Events[0]), event.UUID)
			}
			if event.Type == "msg_created" && event.Data.Trigger.TransactionID == "t1" {
				tried = in.try(t, "chained", triggerapi.Trial{Event: json.RawMessage(event.body)})
				require.Len(t, tried.Events, 2)
				require.Contains(t, string(tried.Events[1]), `"value":"We are sorry., it is us"`)
				require.Contains(t, string(tried.Events[1]), `"depth":2`)
			}
		}
		tried := in.try(t, "sorry", triggerapi.Trial{Event: json.RawMessage(`{"type":"call_ended"}`)})
		require.False(t, tried.Matches)
		require.Equal(t, "the handler is not for call_ended", tried.Reason)
		tried = in.try(t, "all", triggerapi.Trial{Event: json.RawMessage(`{"type":"call_missed","event_data":{"call":null}}`)})
		require.True(t, tried.Matches, "as little as this will do")
		tried = in.try(t, "sorry", triggerapi.Trial{Event: json.RawMessage(
			`{"type":"call_missed","event_data":{"call":{"external":{"number":"48503200104","number_e164":"+48503200104"}}}}`)})
		require.Contains(t, string(tried.Events[0]), "tel:+48503200104")

		for body, field := range map[string]string{
			`[]`: "event", `{}`: "event.type", `{"type":"call_mist"}`: "event.type", `{"type":7}`: "event",
			`{"type":"call_missed","created_on":"noon"}`:          "event",
			`{"type":"call_missed","event_data":7}`:               "event",
			`{"type":"call_missed","event_data":{"call":[]}}`:     "event.event_data.call",
			`{"type":"call_missed","event_data":{"payload":"x"}}`: "event",
		} {
			_, err := in.service.TryHandler(t.Context(), "", "all", triggerapi.Trial{Account: account, Event: json.RawMessage(body)})
			var invalid *triggerapi.InvalidError
			require.ErrorAs(t, err, &invalid, body)
			require.Equal(t, field, invalid.Faults[0].Field, body)
		}
	})
}

// A definition is tried before it is kept; the handler of that name, if there is one, is not asked.
func TestADefinitionIsTriedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: sorry, on: call_missed, do: [{type: send_msg, text: "The one that is kept."}]}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		of := triggerapi.Trial{CallUUID: missed.id()}
		for _, name := range []string{"sorry", "not-kept"} {
			of.Definition = json.RawMessage(`{"name":"` + name + `","on":"call_missed","do":[{"type":"send_msg","text":"The new one."}]}`)
			tried := in.try(t, name, of)
			require.True(t, tried.Matches)
			require.Len(t, tried.Events, 1)
			require.Contains(t, string(tried.Events[0]), "The new one.")
		}
		_, err := in.service.Store.Handler(t.Context(), "not-kept")
		require.ErrorIs(t, err, store.ErrNotFound)

		of.Account, of.Definition = account, json.RawMessage(`{"name":"wrong","on":"call_mised","do":[]}`)
		_, err = in.service.TryHandler(t.Context(), "", "wrong", of)
		var wrong *trigger.DefinitionError
		require.ErrorAs(t, err, &wrong)
		of.Definition = json.RawMessage(`{"name":"theirs","account":"acme","on":"call_missed","do":[{"type":"send_msg","text":"x"}]}`)
		_, err = in.service.TryHandler(t.Context(), account, "theirs", of)
		require.ErrorIs(t, err, triggerapi.ErrForeign)
	})
}
