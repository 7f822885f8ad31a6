package openapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"webhookd/internal/openapi"
)

var update = flag.Bool("update", false, "write openapi.json from the description in describe_test.go, docs/schemas and the recorded call")

func TestTheDocumentIsInStep(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	require.NoError(t, encoder.Encode(describe(t)))
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", text.Bytes(), 0o600))
		return
	}
	require.Equal(t, text.String(), string(openapi.Document()), "go test ./internal/openapi -run TestTheDocumentIsInStep -update")
}

func whole(t *testing.T) object {
	t.Helper()
	var document object
	require.NoError(t, json.Unmarshal(openapi.Document(), &document))
	return document
}

// walk shows fn every object in a value, with the way to it.
func walk(value any, way []string, fn func(at []string, value object)) {
	switch value := value.(type) {
	case object:
		fn(way, value)
		for key, part := range value {
			walk(part, append(slices.Clone(way), key), fn)
		}
	case []any:
		for _, part := range value {
			walk(part, append(slices.Clone(way), "[]"), fn)
		}
	}
}

func TestEveryReferenceLeadsSomewhereAndEveryPartIsUsed(t *testing.T) {
	t.Parallel()
	document := whole(t)
	used := map[string]bool{}
	walk(document, nil, func(at []string, value object) {
		// In an example it would be data.
		if target, ok := value["$ref"].(string); ok && !slices.Contains(at, "value") {
			used[target] = true
		}
	})
	there := map[string]bool{}
	for kind, parts := range document["components"].(object) {
		for name := range parts.(object) {
			if kind != "securitySchemes" {
				there["#/components/"+kind+"/"+name] = true
			}
		}
	}
	require.Equal(t, there, used)
}

// Every example is what its schema says, in the form without further keys: a key that is misspelt would otherwise pass.
func TestTheExamplesAreAsTheirSchemasSay(t *testing.T) {
	t.Parallel()
	document := whole(t)
	compiled := compiler(t)
	shared := document["components"].(object)["examples"].(object)
	tried := 0
	walk(document["paths"], []string{"paths"}, func(at []string, content object) {
		schema, hasSchema := content["schema"]
		examples, _ := content["examples"].(object)
		if !hasSchema {
			return
		}
		if example, ok := content["example"]; ok { // of a parameter
			examples = object{"": object{"value": example}}
		}
		for name, one := range examples {
			example := one.(object)
			if target, ok := example["$ref"].(string); ok {
				example = shared[strings.TrimPrefix(target, "#/components/examples/")].(object)
			}
			require.NoError(t, compiled(schema).Validate(example["value"]), "%s %s", strings.Join(at, " "), name)
			tried++
		}
	})
	require.Greater(t, tried, 60)
}

// compiler gives what makes validators of schemas, which may refer to those of the document.
func compiler(t *testing.T) func(schema any) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Document()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("file:///openapi.json", document))
	return func(schema any) *jsonschema.Schema {
		text, err := json.Marshal(schema)
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte(`"#/components/`), []byte(`"file:///openapi.json#/components/`))
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		one := jsonschema.NewCompiler()
		one.AssertFormat()
		require.NoError(t, one.AddResource("file:///openapi.json", document))
		require.NoError(t, one.AddResource("file:///one.json", value))
		compiled, err := one.Compile("file:///one.json")
		require.NoError(t, err)
		return compiled
	}
}

// Ids, summaries and descriptions are there, and ids are not there twice.
func TestEveryOperationSaysWhatItIs(t *testing.T) {
	t.Parallel()
	document := whole(t)
	var tags []string
	for _, tag := range document["tags"].([]any) {
		tags = append(tags, tag.(object)["name"].(string))
	}
	seen := map[string]bool{}
	for path, item := range document["paths"].(object) {
		for method, one := range item.(object) {
			operation := one.(object)
			id := operation["operationId"].(string)
			require.False(t, seen[id], id)
			seen[id] = true
			require.NotEmpty(t, operation["summary"], "%s %s", method, path)
			require.Len(t, operation["tags"], 1)
			require.Contains(t, tags, operation["tags"].([]any)[0])
			for status, response := range operation["responses"].(object) {
				require.NotEmpty(t, response.(object)["description"], "%s %s %s", method, path, status)
			}
		}
	}
	require.Len(t, seen, 50)
}
