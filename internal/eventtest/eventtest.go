// Package eventtest is, for tests, what every reader of a published event is promised: the rules of flow engines
// (goflowtest), and the schemas in docs/schemas. Only tests may import it.
package eventtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"webhookd/internal/flow/goflowtest"
)

// Published says what is wrong with the body of a message that was published: what a flow engine would refuse (see
// [goflowtest.Check]), and what is not as the schema of its type in docs/schemas has it. nil if nothing is.
func Published(body []byte) error { return errors.Join(goflowtest.Check(body), Schema(body)) }

// Schema says what in the body of a message is not as the schema of its type has it; nil if all is.
func Schema(body []byte) error {
	all, err := schemas()
	if err != nil {
		return err
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	schema := all[head.Type]
	if schema == nil {
		return fmt.Errorf("type %q has no schema", head.Type)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	return schema.Validate(value)
}

// schemas are those of docs/schemas, by type, in the repository that the test is run in.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	folder, err := schemaFolder()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no schemas in %s: %w", folder, errors.Join(err, os.ErrNotExist))
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	all := map[string]*jsonschema.Schema{}
	for _, file := range files {
		if all[strings.TrimSuffix(filepath.Base(file), ".json")], err = compiler.Compile(file); err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
	}
	return all, nil
})

func schemaFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find schemas: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "docs", "schemas"), nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("find schemas: %w", os.ErrNotExist)
		}
		dir = filepath.Dir(dir)
	}
}
