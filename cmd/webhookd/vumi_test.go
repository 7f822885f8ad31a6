package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
)

// vumiEvent is what Vumi's event dispatcher reads of a message.
type vumiEvent struct {
	UUID             string         `json:"uuid"`
	AccountKey       string         `json:"account_key"`
	ConversationType string         `json:"conversation_type"`
	ConversationKey  string         `json:"conversation_key"`
	EventType        string         `json:"event_type"`
	EventData        map[string]any `json:"event_data"`
}

// vumiRoute is where handlers are looked up: an account's source, and a type of event that it has.
type vumiRoute struct{ account, conversation, event string }

// vumiDispatcher looks up who is to hear of an event, and calls them in order. Whoever fails is asked again when the
// event comes again; the others have heard of it then.
type vumiDispatcher struct {
	handlers map[vumiRoute][]func(vumiEvent) error
	heard    map[string]bool
}

func (d *vumiDispatcher) dispatch(body []byte) error {
	var event vumiEvent
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}
	var failed []error
	for i, handler := range d.handlers[vumiRoute{event.AccountKey, event.ConversationKey, event.EventType}] {
		once := fmt.Sprint(event.UUID, " ", i)
		if d.heard[once] {
			continue
		}
		if err := handler(event); err != nil {
			failed = append(failed, err)
			continue
		}
		d.heard[once] = true
	}
	return errors.Join(failed...)
}

func (d *vumiDispatcher) run(ctx context.Context, consumer jetstream.Consumer, done func() bool) error {
	for !done() {
		message, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			return err
		}
		answer := message.Ack
		if err := d.dispatch(message.Data()); err != nil {
			answer = message.Nak // it comes again
		}
		if err := answer(); err != nil {
			return err
		}
	}
	return nil
}

// Vumi's way of routing finds what it needs in the events of calls and in those that handlers make.
func TestAVumiDispatcherFindsItsHandlers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "handlers.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
handlers:
  - name: missed
    on: call_missed
    account: acme
    do:
      - {type: send_msg, text: "Sorry."}
      - {type: set_contact_field, field: {key: missed}, value: "yes"}
`), 0o600))
	s := handled(t, file)
	for _, account := range []string{"acme", "default"} {
		for body := range strings.Lines(read(t, "../inbound_abandoned_while_ringing/webhooks.ndjson")) {
			status, answer := do(t, "POST", "http://"+s.HTTP+"/v1/webhooks/"+account, strings.TrimSpace(body))
			require.Equal(t, 200, status, answer)
		}
	}

	var heard []string
	failing := true
	note := func(who string) func(vumiEvent) error {
		return func(event vumiEvent) error {
			require.Equal(t, "pbx_project", event.ConversationType)
			call, ok := event.EventData["call"].(map[string]any)
			require.True(t, ok)
			require.Equal(t, "abandoned", call["disposition"])
			heard = append(heard, strings.Join([]string{who, event.AccountKey, event.EventType}, " "))
			return nil
		}
	}
	flaky := func(event vumiEvent) error {
		if failing {
			failing = false
			heard = append(heard, "flaky failed")
			return errors.New("not now")
		}
		return note("flaky")(event)
	}
	last := func(event vumiEvent) error { return note("last")(event) }
	d := &vumiDispatcher{heard: map[string]bool{}, handlers: map[vumiRoute][]func(vumiEvent) error{
		{"acme", "7", "call_missed"}:              {note("crm"), flaky, note("board")},
		{"acme", "7", "msg_created"}:              {note("audit")},
		{"acme", "8", "call_missed"}:              {note("another project's")},
		{"other", "7", "call_missed"}:             {note("another account's")},
		{"default", "7", "call_missed"}:           {note("board")},
		{"default", "7", "msg_created"}:           {note("of a handler that is acme's alone")},
		{"default", "7", "call_settled"}:          {last},
		{"acme", "7", "contact_field_changed"}:    {note("audit")},
		{"default", "7", "contact_field_changed"}: {note("of a handler that is acme's alone")},
	}}

	conn, err := nats.Connect(s.NATS)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	consumer, err := js.CreateConsumer(ctx, flow.StreamName, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	want := []string{
		"crm acme call_missed", "flaky failed", "board acme call_missed", "flaky acme call_missed", "audit acme msg_created",
		"audit acme contact_field_changed", "board default call_missed", "last default call_settled",
	}
	require.NoError(t, d.run(ctx, consumer, func() bool { return len(heard) >= len(want) }), "heard %v", heard)
	require.ElementsMatch(t, want, heard)
	require.Equal(t, want[:3], heard[:3], "in the order in which they are set up, past the one that fails")
}
