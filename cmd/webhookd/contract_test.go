package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/asyncapi"
	"webhookd/internal/flow"
)

// contract compiles parts of the AsyncAPI document.
var contract = sync.OnceValue(func() func(path string) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asyncapi.Document()))
	if err != nil {
		panic(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///asyncapi.json", document); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	return func(path string) (*jsonschema.Schema, error) {
		mu.Lock()
		defer mu.Unlock()
		return compiler.Compile("file:///asyncapi.json#/components/" + path)
	}
})

// requirePart holds a value against a part of the AsyncAPI document.
func requirePart(t *testing.T, path string, body []byte) {
	t.Helper()
	schema, err := contract()(path)
	require.NoError(t, err, path)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(value), "%s", body)
}

// requireContract holds a message against what the AsyncAPI document says of its channel.
func requireContract(t *testing.T, m *message) {
	t.Helper()
	requirePart(t, "messages/"+m.Type+"/payload", m.body)
	headers := map[string]string{}
	for name := range m.header {
		headers[name] = m.header[name][0]
	}
	text, err := json.Marshal(headers)
	require.NoError(t, err)
	requirePart(t, "messages/"+m.Type+"/headers", text)
}

// What the AsyncAPI document says of live calls and of answers is so; of events, every test that reads the stream holds
// them against it.
func TestTheAsyncAPIDocumentIsTrue(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--settle-delay", "1h", "--data-dir", t.TempDir())
	response, err := http.Get("http://" + s.HTTP + "/asyncapi.json")
	require.NoError(t, err)
	defer response.Body.Close()
	served, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.Equal(t, string(asyncapi.Document()), string(served))

	conn, err := nats.Connect(s.NATS)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	calls, err := js.KeyValue(t.Context(), flow.BucketName)
	require.NoError(t, err)
	watcher, err := calls.Watch(t.Context(), "default.*")
	require.NoError(t, err)
	require.Nil(t, <-watcher.Updates(), "there is no call yet")
	first, _, _ := strings.Cut(read(t, "webhooks.ndjson"), "\n")
	posted, err := http.Post("http://"+s.HTTP+"/v1/webhooks", "application/json", strings.NewReader(first))
	require.NoError(t, err)
	require.NoError(t, posted.Body.Close())
	select {
	case entry := <-watcher.Updates():
		requirePart(t, "messages/live_call/payload", entry.Value())
	case <-time.After(patience):
		require.FailNow(t, "the call is not shown")
	}

	for _, c := range []struct{ subject, request, message string }{
		{"webhookd.calls.get", `{"call_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef"}`, "get"},
		{"webhookd.calls.active", `{"account":"default","limit":1}`, "active"},
		{"webhookd.calls.active.default", `{}`, "active"},
		{"webhookd.calls.stats", `{"account":"default","from":"2026-01-15T00:00:00Z","to":"2026-01-16T00:00:00Z"}`, "stats"},
		{"webhookd.calls.stats.default", `{"group_by":"project","answer_within":"20s"}`, "stats"},
	} {
		requirePart(t, "messages/"+c.message+"_request/payload", []byte(c.request))
		reply, err := conn.Request(c.subject, []byte(c.request), patience)
		require.NoError(t, err)
		require.Empty(t, reply.Header, "no error")
		requirePart(t, "messages/"+c.message+"_answer/payload", reply.Data)
	}
	for _, request := range []string{`{"interval":"year"}`, `{"colour":"red"}`} {
		reply, err := conn.Request("webhookd.calls.stats", []byte(request), patience)
		require.NoError(t, err)
		require.Equal(t, "400", reply.Header.Get("Nats-Service-Error-Code"), "%s: %s", request, reply.Data)
	}
}
