package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/eventtest"
	"webhookd/internal/flow"
)

// message is one message as a reader gets it from the stream.
type message struct {
	subject string
	header  nats.Header
	body    []byte

	UUID            string    `json:"uuid"`
	Type            string    `json:"type"`
	CreatedOn       time.Time `json:"created_on"`
	AccountKey      string    `json:"account_key"`
	ConversationKey string    `json:"conversation_key"`
	Data            struct {
		Seq     *int64 `json:"seq"`
		Trigger *struct {
			UUID          string  `json:"uuid"`
			Handler       string  `json:"handler"`
			Action        int     `json:"action"`
			EventUUID     string  `json:"event_uuid"`
			EventType     string  `json:"event_type"`
			TransactionID *string `json:"transaction_id"`
			Depth         int     `json:"depth"`
		} `json:"trigger"`
		Call struct {
			CallUUID string `json:"call_uuid"`
			External struct {
				Number string `json:"number"`
			} `json:"external"`
		} `json:"call"`
		Payload json.RawMessage `json:"payload"`
	} `json:"event_data"`
}

// values gives goflow's keys of the message.
func (m *message) values(t *testing.T) map[string]any {
	t.Helper()
	var values map[string]any
	require.NoError(t, json.Unmarshal(m.body, &values))
	for _, key := range []string{
		"uuid", "type", "created_on", "account_key", "conversation_type", "conversation_key", "event_type", "event_data",
	} {
		require.Contains(t, values, key)
		delete(values, key)
	}
	return values
}

// streamed reads the stream from its beginning until there is enough, and holds every message against its schema and
// the rules of flow engines.
func streamed(t *testing.T, s *service, what string, enough func([]message) bool) []message {
	t.Helper()
	conn, err := nats.Connect(s.NATS)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, flow.StreamName, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	var all []message
	for !enough(all) {
		next, err := consumer.Next(jetstream.FetchContext(ctx))
		require.NoError(t, err, "%s does not come; there are %v", what, typesOf(all))
		m := message{subject: next.Subject(), header: next.Headers(), body: next.Data()}
		require.NoError(t, json.Unmarshal(m.body, &m))
		requireReadable(t, &m)
		all = append(all, m)
	}
	return all
}

func typesOf(messages []message) []string {
	var types []string
	for i := range messages {
		types = append(types, messages[i].Type)
	}
	return types
}

// actions gives the messages that handlers made.
func actions(messages []message) []message {
	return slices.DeleteFunc(slices.Clone(messages), func(m message) bool { return m.Data.Trigger == nil })
}

// count says how many messages have a type.
func count(messages []message, eventType string) int {
	n := 0
	for i := range messages {
		if messages[i].Type == eventType {
			n++
		}
	}
	return n
}

// requireReadable holds a message against what every reader is promised.
func requireReadable(t *testing.T, m *message) {
	t.Helper()
	require.NoError(t, eventtest.Published(m.body), "%s", m.body)
	require.Equal(t, flow.Subject(m.AccountKey, m.Type), m.subject)
	requireContract(t, m)
	require.Equal(t, m.Data.Trigger == nil, m.Data.Seq != nil, "an event of a call has a seq, one of a handler has none")
}

// requireReadableStream holds whatever the service has published against what every reader is promised: what a test does
// not ask for is there for readers all the same. A service that was ended tells nothing any more.
func (s *service) requireReadableStream() {
	s.t.Helper()
	conn, err := nats.Connect(s.NATS)
	if s.t.Failed() || err != nil {
		return
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(s.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := js.Stream(ctx, flow.StreamName)
	require.NoError(s.t, err)
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	require.NoError(s.t, err)
	for left := stream.CachedInfo().State.Msgs; left > 0; left-- {
		next, err := consumer.Next(jetstream.FetchContext(ctx))
		require.NoError(s.t, err)
		m := message{subject: next.Subject(), header: next.Headers(), body: next.Data()}
		require.NoError(s.t, json.Unmarshal(m.body, &m))
		requireReadable(s.t, &m)
	}
}

// handled is a service on the embedded store whose handlers file is in force.
func handled(t *testing.T, file string, args ...string) *service {
	t.Helper()
	return handledIn(t, nil, file, args...)
}

func handledIn(t *testing.T, environ []string, file string, args ...string) *service {
	t.Helper()
	s := startService(t, environ, append([]string{"--settle-delay", "1s", "--handlers", file}, args...)...)
	s.logged("handlers are loaded from the file")
	return s
}

// logged waits until the service has logged a text, be it before it served.
func (s *service) logged(text string) (line string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for line = range strings.Lines(s.stderr.text()) {
			if strings.Contains(line, text) {
				return true
			}
		}
		return false
	}, patience, time.Millisecond, "the service does not say %q", text)
	return line
}

// triggered is a trigger as GET …/triggers gives it.
type triggered struct {
	UUID      string     `json:"uuid"`
	Handler   string     `json:"handler"`
	State     string     `json:"state"`
	Reason    *string    `json:"reason"`
	CallUUID  *string    `json:"call_uuid"`
	EventType string     `json:"event_type"`
	CreatedAt time.Time  `json:"created_at"`
	FireAt    *time.Time `json:"fire_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// triggersOf gives what a handler has triggered, the oldest first.
func triggersOf(t *testing.T, s *service, handler string) []triggered {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/handlers/"+handler+"/triggers?limit=200", "")
	require.Equal(t, http.StatusOK, status, body)
	var answer struct {
		Triggers []triggered `json:"triggers"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	slices.Reverse(answer.Triggers)
	return answer.Triggers
}
