package trigger_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

// update writes the schemas of docs/schemas anew.
var update = flag.Bool("update", false, "write docs/schemas from the description in schemas_test.go")

const schemaFolder = "../../docs/schemas"

// The files are what schemas_test.go describes; there is one for every type of event, and no other one.
func TestTheSchemasAreInStep(t *testing.T) {
	t.Parallel()
	described := describe()
	types := slices.Sorted(maps.Keys(described))
	require.Equal(t, append(trigger.EventTypes(), partsName), append(slices.DeleteFunc(types, func(name string) bool {
		return name == partsName
	}), partsName), "every type has a schema")
	for name, schema := range described {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		require.NoError(t, encoder.Encode(schema))
		path := filepath.Join(schemaFolder, name+".json")
		if *update {
			require.NoError(t, os.MkdirAll(schemaFolder, 0o750))
			require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text.String(), string(data), "go test ./internal/trigger -run TestTheSchemasAreInStep -update")
	}
	found, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	require.NoError(t, err)
	require.Len(t, found, len(described), "a schema for what is no event")
	readme, err := os.ReadFile(filepath.Join(schemaFolder, "README.md"))
	require.NoError(t, err)
	for _, name := range trigger.EventTypes() {
		require.Contains(t, string(readme), "["+name+"]("+name+".json)")
	}
}

// valid holds the body of a message against the schema of its type: against the one that readers have, and against one
// that allows no key beside those that are described.
func valid(t testing.TB, body []byte) {
	t.Helper()
	var head struct{ Type string }
	require.NoError(t, json.Unmarshal(body, &head))
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	for _, schemas := range []map[string]*jsonschema.Schema{published(), strict()} {
		schema, known := schemas[head.Type]
		require.True(t, known, "there is no schema of %s", head.Type)
		require.NoError(t, schema.Validate(value), "%s", body)
	}
}

// published are the schemas as they are in docs, by type.
var published = sync.OnceValue(func() map[string]*jsonschema.Schema { return compileSchemas(func(any) {}) })

// strict are the same, closed.
var strict = sync.OnceValue(func() map[string]*jsonschema.Schema { return compileSchemas(closeObjects) })

func compileSchemas(change func(any)) map[string]*jsonschema.Schema {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	paths, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	if err != nil {
		panic(err)
	}
	const at = "file:///schemas/"
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			panic(err)
		}
		change(schema)
		if err := compiler.AddResource(at+filepath.Base(path), schema); err != nil {
			panic(err)
		}
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".json"); name != partsName {
			schemas[name] = compiler.MustCompile(at + filepath.Base(path))
		}
	}
	return schemas
}

// closeObjects allows no key beside those that are described, wherever keys are.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, described := s["properties"]; described {
			s["additionalProperties"] = false
		}
		for _, inner := range s {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range s {
			closeObjects(inner)
		}
	}
}

// A schema refuses what is not as it says.
func TestTheSchemasBite(t *testing.T) {
	t.Parallel()
	o := missed(t)
	fired := handler(t, `  on: call_missed
  do: [{type: send_msg, text: a}, {type: start_session, flow: callback}]`).Fire(o, triggerID)
	bad := map[string]func(map[string]any){
		"no uuid":       func(b map[string]any) { delete(b, "uuid") },
		"a bad uuid":    func(b map[string]any) { b["uuid"] = "7" },
		"another type":  func(b map[string]any) { b["type"] = "call_ended" },
		"a bad time":    func(b map[string]any) { b["created_on"] = "2026-01-02 03:04:05" },
		"no account":    func(b map[string]any) { delete(b, "account_key") },
		"no event data": func(b map[string]any) { b["event_data"] = nil },
		"no trigger":    func(b map[string]any) { delete(b["event_data"].(map[string]any), "trigger") },
		"half a call": func(b map[string]any) {
			delete(b["event_data"].(map[string]any)["call"].(map[string]any), "hangup_by")
		},
		"half a leg": func(b map[string]any) {
			legs := b["event_data"].(map[string]any)["call"].(map[string]any)["legs"].([]any)
			legs[0].(map[string]any)["state"] = "gone"
		},
	}
	for i, body := range bodies(t, o, fired.Events) {
		own := maps.Clone(bad)
		if i == 0 {
			own["a bad URN"] = func(b map[string]any) { b["msg"].(map[string]any)["urn"] = "48501502503" }
			own["no text"] = func(b map[string]any) { delete(b["msg"].(map[string]any), "text") }
		} else {
			own["no flow"] = func(b map[string]any) { b["flow"] = "callback" }
			own["half a summary"] = func(b map[string]any) { delete(b["run_summary"].(map[string]any), "status") }
		}
		for name, spoil := range own {
			data, err := json.Marshal(body)
			require.NoError(t, err)
			var spoilt map[string]any
			require.NoError(t, json.Unmarshal(data, &spoilt))
			spoil(spoilt)
			data, err = json.Marshal(spoilt)
			require.NoError(t, err)
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			require.NoError(t, err)
			kind, ok := body["type"].(string)
			require.True(t, ok)
			require.Error(t, published()[kind].Validate(value), name)
		}
	}
}

// Every type of event was held against its schema: call events of the recorded calls, and what handlers make.
func TestEveryTypeIsTried(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	try := func(o *trigger.Occasion, events []flowEvent) {
		for _, body := range bodies(t, o, events) {
			kind, ok := body["type"].(string)
			require.True(t, ok)
			tried[kind] = true
		}
	}
	for _, scenario := range scenarios(t) {
		for _, r := range play(t, scenario) {
			if !tried[r.event.Type] {
				try(r.occasion(), []flowEvent{r.event})
			}
		}
	}
	o := missed(t)
	h := everyAction(t)
	fired := h.Fire(o, triggerID)
	try(o, fired.Events)
	try(o, fired.Requests[0].Events(o, trigger.Outcome{Status: trigger.StatusConnectionError}))
	try(o, []flowEvent{h.TooDeep(o, triggerID)})
	require.Equal(t, trigger.EventTypes(), slices.Sorted(maps.Keys(tried)))
}
