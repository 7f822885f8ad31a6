package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Contract is the document in the form that a page for people is made of: everything in the order in which it is read, and
// schemas in words.
type Contract struct {
	Title, Version, Summary string
	Description             []Prose // paragraphs
	Schemes                 []Scheme
	Groups                  []Group
	Schemas                 []Schema // those that have a name and parts of their own
}

// Scheme is a way to say who one is.
type Scheme struct {
	Name, Where string
	Description Prose
}

// Group are the operations that are about one thing.
type Group struct {
	Name        string
	Description Prose
	Operations  []Operation
}

// Operation is one route.
type Operation struct {
	ID, Method, Path string
	Summary          string
	Description      Prose
	Schemes          []string // of which one is enough; none where it is open to everybody
	Parameters       []Parameter
	Body             *Body
	Answers          []Answer
}

// Parameter is one of the query, the path or the headers.
type Parameter struct {
	Name, Where string
	Required    bool
	Description Prose
	Shape       []Word
	Example     string // "" for none
}

// Body is what an operation reads.
type Body struct {
	Description Prose
	Contents    []Content
}

// Answer is what an operation may answer with.
type Answer struct {
	Status      int
	Description Prose
	Headers     []string
	Contents    []Content
}

// Good says that it is no error.
func (a Answer) Good() bool { return a.Status < 400 }

// Content is a body in one media type.
type Content struct {
	Type     string
	Shape    []Word
	Fields   []Field // of an object that has no name
	Examples []Example
}

// Example is a body that might be so.
type Example struct{ Name, Text string }

// Schema is an object that has a name.
type Schema struct {
	Name        string
	Description Prose
	Shape       []Word // of one that has no fields itself
	Fields      []Field
}

// Read gives the document for people. Nobody may change it.
var Read = sync.OnceValue(func() *Contract {
	var whole map[string]any
	if err := json.Unmarshal(document, &whole); err != nil {
		panic("read OpenAPI document: " + err.Error()) // it is part of the program
	}
	return reader{whole}.contract()
})

// reader reads a document that is known to be whole: the tests have seen it.
type reader struct{ document map[string]any }

func object(value any) map[string]any {
	found, _ := value.(map[string]any)
	return found
}

func text(value any) string {
	found, _ := value.(string)
	return found
}

func list(value any) []any {
	found, _ := value.([]any)
	return found
}

// part gives a part of the components, or all of a kind.
func (r reader) part(kind string) map[string]any {
	return object(object(r.document["components"])[kind])
}

// follow gives what a reference stands for; anything else is given back.
func (r reader) follow(kind string, value any) map[string]any {
	if name, ok := strings.CutPrefix(text(object(value)["$ref"]), "#/components/"+kind+"/"); ok {
		return object(r.part(kind)[name])
	}
	return object(value)
}

func (r reader) contract() *Contract {
	info := object(r.document["info"])
	c := &Contract{Title: text(info["title"]), Version: text(info["version"]), Summary: text(info["summary"])}
	for paragraph := range strings.SplitSeq(text(info["description"]), "\n\n") {
		c.Description = append(c.Description, proseOf(paragraph))
	}
	for _, name := range slices.Sorted(maps.Keys(r.part("securitySchemes"))) {
		c.Schemes = append(c.Schemes, schemeOf(name, object(r.part("securitySchemes")[name])))
	}
	for _, tag := range list(r.document["tags"]) {
		group := Group{Name: text(object(tag)["name"]), Description: proseOf(text(object(tag)["description"]))}
		group.Operations = r.operations(group.Name)
		c.Groups = append(c.Groups, group)
	}
	schemas := r.part("schemas")
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		if schema := object(schemas[name]); r.named(schema) {
			c.Schemas = append(c.Schemas, Schema{
				Name: name, Description: proseOf(text(schema["description"])), Fields: r.fields(schema), Shape: r.shapeOfParts(schema),
			})
		}
	}
	return c
}

func schemeOf(name string, scheme map[string]any) Scheme {
	where := "Authorization: Bearer TOKEN"
	if text(scheme["scheme"]) == "basic" {
		where = "Authorization: Basic USER:PASSWORD (in base64)"
	}
	switch text(scheme["in"]) {
	case "header":
		where = "header " + text(scheme["name"])
	case "cookie":
		where = "cookie " + text(scheme["name"])
	}
	return Scheme{Name: name, Where: where, Description: proseOf(text(scheme["description"]))}
}

// methods are in the order in which they are shown.
var methods = []string{"get", "post", "put", "patch", "delete"}

func (r reader) operations(tag string) []Operation {
	var found []Operation
	paths := object(r.document["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range methods {
			one, there := object(paths[path])[method].(map[string]any)
			if there && slices.Contains(list(one["tags"]), any(tag)) {
				found = append(found, r.operation(method, path, one))
			}
		}
	}
	return found
}

func (r reader) operation(method, path string, one map[string]any) Operation {
	o := Operation{
		ID: text(one["operationId"]), Method: strings.ToUpper(method), Path: path, Summary: text(one["summary"]),
		Description: proseOf(text(one["description"])),
	}
	for _, way := range list(one["security"]) {
		o.Schemes = slices.AppendSeq(o.Schemes, maps.Keys(object(way)))
	}
	for _, given := range list(one["parameters"]) {
		parameter := r.follow("parameters", given)
		told := Parameter{
			Name: text(parameter["name"]), Where: text(parameter["in"]), Required: parameter["required"] == true,
			Description: proseOf(text(parameter["description"])), Shape: r.shape(object(parameter["schema"])),
		}
		if example, there := parameter["example"]; there {
			told.Example = shown(example)
		}
		o.Parameters = append(o.Parameters, told)
	}
	if body, there := one["requestBody"]; there {
		o.Body = &Body{proseOf(text(object(body)["description"])), r.contents(object(body))}
	}
	responses := object(one["responses"])
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		response := object(responses[status])
		number, _ := strconv.Atoi(status) // the tests have seen it
		o.Answers = append(o.Answers, Answer{
			Status: number, Description: proseOf(text(response["description"])),
			Headers: slices.Sorted(maps.Keys(object(response["headers"]))), Contents: r.contents(response),
		})
	}
	return o
}

// contents gives what a body may be, JSON first.
func (r reader) contents(body map[string]any) []Content {
	content := object(body["content"])
	types := slices.SortedFunc(maps.Keys(content), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(b, "json"), strings.Count(a, "json")), cmp.Compare(a, b))
	})
	found := make([]Content, 0, len(types))
	for _, kind := range types {
		media := object(content[kind])
		schema := object(media["schema"])
		told := Content{Type: kind, Shape: r.shape(schema)}
		if _, refers := schema["$ref"]; !refers {
			told.Fields = r.fields(schema)
		}
		examples := object(media["examples"])
		for _, name := range slices.Sorted(maps.Keys(examples)) {
			told.Examples = append(told.Examples, Example{name, shown(r.follow("examples", examples[name])["value"])})
		}
		found = append(found, told)
	}
	return found
}

// shown writes a value of an example: a text as it stands, all else as JSON.
func shown(value any) string {
	if plain, ok := value.(string); ok {
		return plain
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(buf.String())
}
