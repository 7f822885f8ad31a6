package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"webhookd/internal/openapi"
)

// Operation is one route of the document.
type Operation struct {
	Method, Path string
	ID           string
	Statuses     []int    // that it may answer with, besides those that every route may
	Query        []string // the names of its query parameters
	Parameters   []Parameter
	Schemes      []string // the security schemes of which one is enough; none where it is open to everybody
	Reads        bool     // it takes a body
	// Codes are those of its problems, by status. Novu's errors have none.
	Codes map[int][]string

	pattern *regexp.Regexp
	spec    operationSpec
}

// Parameter is one of the query.
type Parameter struct {
	Name             string
	Enum             []string
	Minimum, Maximum *int
	Pattern          string
}

// Name is the method and the path.
func (o *Operation) Name() string { return o.Method + " " + o.Path }

// Contract is the document, ready to be held against what servers do.
type Contract struct {
	Operations []*Operation

	headers      map[string]headerSpec
	open, closed *jsonschema.Compiler
	mu           sync.Mutex // of the compilers, which remember
}

// General are the statuses that every route may answer with, as the document says in words.
func General() []int { return []int{404, 405, 408, 431, 500} }

// Errors that Check and CheckRequest give, with what is wrong.
var (
	ErrNoOperation = errors.New("the document has no such route")
	ErrUndescribed = errors.New("the document does not describe this answer")
	ErrContrary    = errors.New("it is not as the document says")
)

type documentSpec struct {
	Paths      map[string]map[string]operationSpec `json:"paths"`
	Components struct {
		Parameters map[string]parameterSpec `json:"parameters"`
		Headers    map[string]headerSpec    `json:"headers"`
	} `json:"components"`
}

type operationSpec struct {
	OperationID string                  `json:"operationId"` //nolint:tagliatelle // OpenAPI's name
	Security    []map[string][]string   `json:"security"`
	Parameters  []parameterSpec         `json:"parameters"`
	RequestBody *contentSpec            `json:"requestBody"` //nolint:tagliatelle // OpenAPI's name
	Responses   map[string]responseSpec `json:"responses"`
}

type parameterSpec struct {
	Ref    string `json:"$ref"`
	Name   string `json:"name"`
	In     string `json:"in"`
	Schema struct {
		Enum    []string `json:"enum"`
		Minimum *int     `json:"minimum"`
		Maximum *int     `json:"maximum"`
		Pattern string   `json:"pattern"`
	} `json:"schema"`
}

type headerSpec struct {
	Ref      string          `json:"$ref"`
	Required bool            `json:"required"`
	Schema   json.RawMessage `json:"schema"`
}

type contentSpec struct {
	Content map[string]struct {
		Schema struct {
			Properties struct {
				Type struct {
					Enum []string `json:"enum"`
				} `json:"type"`
			} `json:"properties"`
		} `json:"schema"`
	} `json:"content"`
}

type responseSpec struct {
	contentSpec

	Headers map[string]headerSpec `json:"headers"`
}

const (
	openAt   = "file:///openapi.json"
	closedAt = "file:///closed.json"
)

// Load reads the document of this program.
func Load() (*Contract, error) {
	var spec documentSpec
	if err := json.Unmarshal(openapi.Document(), &spec); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	c := &Contract{headers: spec.Components.Headers}
	var err error
	if c.open, err = compilerOf(openAt, func(any) {}); err != nil {
		return nil, err
	}
	if c.closed, err = compilerOf(closedAt, closeObjects); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(spec.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(spec.Paths[path])) {
			one := spec.Paths[path][method]
			o, err := operationOf(method, path, one, spec.Components.Parameters)
			if err != nil {
				return nil, err
			}
			c.Operations = append(c.Operations, o)
		}
	}
	// What is named goes before what is any.
	slices.SortStableFunc(c.Operations, func(a, b *Operation) int {
		return strings.Count(a.Path, "{") - strings.Count(b.Path, "{")
	})
	return c, nil
}

func operationOf(method, path string, spec operationSpec, shared map[string]parameterSpec) (*Operation, error) {
	o := &Operation{
		Method: strings.ToUpper(method), Path: path, ID: spec.OperationID, Reads: spec.RequestBody != nil,
		Codes: map[int][]string{}, pattern: patternOf(path), spec: spec,
	}
	for text, response := range spec.Responses {
		status, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("read statuses of %s: %w", o.Name(), err)
		}
		o.Statuses = append(o.Statuses, status)
		for _, kind := range response.Content["application/problem+json"].Schema.Properties.Type.Enum {
			o.Codes[status] = append(o.Codes[status], strings.TrimPrefix(kind, "urn:webhookd:problem:"))
		}
	}
	slices.Sort(o.Statuses)
	for _, parameter := range spec.Parameters {
		if known, ok := shared[after(parameter.Ref)]; ok {
			parameter = known
		}
		if parameter.In == "query" {
			o.Query = append(o.Query, parameter.Name)
			o.Parameters = append(o.Parameters, Parameter{
				parameter.Name, parameter.Schema.Enum, parameter.Schema.Minimum, parameter.Schema.Maximum, parameter.Schema.Pattern,
			})
		}
	}
	slices.Sort(o.Query)
	for _, way := range spec.Security {
		o.Schemes = slices.AppendSeq(o.Schemes, maps.Keys(way))
	}
	return o, nil
}

// after gives the name that a reference ends with.
func after(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

var placeholder = regexp.MustCompile(`\\\{\w+\\\}`)

// patternOf gives what the paths of a route look like. An id of a trigger may have slashes.
func patternOf(path string) *regexp.Regexp {
	if prefix, ok := strings.CutSuffix(path, "/trigger/{transactionId}"); ok {
		return regexp.MustCompile("^" + regexp.QuoteMeta(prefix+"/trigger/") + ".+$")
	}
	return regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
}

func compilerOf(at string, change func(any)) (*jsonschema.Compiler, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Document()))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	change(document)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(at, document); err != nil {
		return nil, fmt.Errorf("read schemas: %w", err)
	}
	return compiler, nil
}

// closeObjects allows no key beside those that are described, wherever keys are: what the document does not name must not
// go unnoticed.
func closeObjects(value any) {
	switch value := value.(type) {
	case map[string]any:
		_, described := value["properties"].(map[string]any)
		if _, said := value["additionalProperties"]; described && !said {
			value["unevaluatedProperties"] = false
		}
		for _, inner := range value {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range value {
			closeObjects(inner)
		}
	}
}

// Find gives the operation that a request is for; nil if there is none. HEAD is GET.
func (c *Contract) Find(method, target string) *Operation {
	path, _, _ := strings.Cut(target, "?")
	if method == "HEAD" {
		method = "GET"
	}
	for _, o := range c.Operations {
		if o.Method == method && o.pattern.MatchString(path) {
			return o
		}
	}
	return nil
}
