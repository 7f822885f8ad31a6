package asyncapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"webhookd/internal/asyncapi"
	"webhookd/internal/flow"
	"webhookd/internal/natsapi"
	"webhookd/internal/trigger"
)

var update = flag.Bool("update", false, "write asyncapi.json from the description in describe_test.go and docs/schemas")

func TestTheDocumentIsInStep(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	require.NoError(t, encoder.Encode(describe(t)))
	if *update {
		require.NoError(t, os.WriteFile("asyncapi.json", text.Bytes(), 0o600))
		return
	}
	require.Equal(t, text.String(), string(asyncapi.Document()), "go test ./internal/asyncapi -run TestTheDocumentIsInStep -update")
}

// read gives the embedded document.
func read(t *testing.T) (document struct {
	Channels map[string]struct {
		Address  *string
		Messages map[string]struct {
			Ref string `json:"$ref"`
		}
	}
	Operations map[string]struct {
		Action  string
		Channel struct {
			Ref string `json:"$ref"`
		}
	}
	Components struct {
		Messages map[string]struct{ Name string }
		Schemas  map[string]json.RawMessage
	}
},
) {
	t.Helper()
	require.NoError(t, json.Unmarshal(asyncapi.Document(), &document))
	return document
}

// noStats makes the service have the endpoint.
func noStats(context.Context, string, url.Values) (json.RawMessage, error) { return nil, nil }

// The channels are the subjects that the program uses, all of them and no others.
func TestTheChannelsAreTheSubjectsOfTheProgram(t *testing.T) {
	t.Parallel()
	want := map[string]bool{"$KV." + flow.BucketName + "." + flow.BucketKey("ACCOUNT", "CALL"): true}
	for _, kind := range trigger.EventTypes() {
		want[flow.Subject("ACCOUNT", kind)] = true
	}
	for _, endpoint := range natsapi.New(natsapi.Config{Stats: noStats}).Service().Endpoints {
		want[strings.Replace(endpoint.Subject, "*", "ACCOUNT", 1)] = true
	}
	found := map[string]bool{}
	for name, channel := range read(t).Channels {
		if channel.Address == nil { // answers: the client says where
			require.True(t, strings.HasSuffix(name, "Answer"), name)
			continue
		}
		found[strings.NewReplacer("{account}", "ACCOUNT", "{call_uuid}", "CALL").Replace(*channel.Address)] = true
	}
	require.Equal(t, want, found)
}

func TestEveryChannelHasItsMessageAndEveryReferenceLeadsSomewhere(t *testing.T) {
	t.Parallel()
	document := read(t)
	used := map[string]bool{}
	for name, channel := range document.Channels {
		require.NotEmpty(t, channel.Messages, name)
	}
	for _, operation := range document.Operations {
		used[strings.TrimPrefix(operation.Channel.Ref, "#/channels/")] = true
	}
	for name := range document.Channels {
		require.True(t, used[name] || strings.HasSuffix(name, "Answer"), "no operation uses channel %s", name)
	}
	var whole any
	require.NoError(t, json.Unmarshal(asyncapi.Document(), &whole))
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, ok := value["$ref"].(string); ok {
				require.NotNil(t, follow(t, whole, ref), ref)
			}
			for _, part := range value {
				walk(part)
			}
		case []any:
			for _, part := range value {
				walk(part)
			}
		}
	}
	walk(whole)
}

// follow gives what a reference stands for.
func follow(t *testing.T, whole any, ref string) any {
	t.Helper()
	path, local := strings.CutPrefix(ref, "#/")
	require.True(t, local, "%s leads out of the document", ref)
	for step := range strings.SplitSeq(path, "/") {
		object, ok := whole.(map[string]any)
		require.True(t, ok, ref)
		whole = object[step]
	}
	return whole
}

// The schemas hold what they are to hold: a recorded record, and no other thing.
func TestTheSchemasAreSchemas(t *testing.T) {
	t.Parallel()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asyncapi.Document()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("file:///asyncapi.json", document))
	for name := range read(t).Components.Schemas {
		_, err := compiler.Compile("file:///asyncapi.json#/components/schemas/" + name)
		require.NoError(t, err, name)
	}
	answer, err := compiler.Compile("file:///asyncapi.json#/components/schemas/active_answer")
	require.NoError(t, err)
	require.NoError(t, answer.Validate(map[string]any{"calls": []any{}, "next": nil}))
	require.Error(t, answer.Validate(map[string]any{"calls": []any{"x"}, "next": nil}))
	require.Error(t, answer.Validate(map[string]any{"calls": []any{}}))
}
