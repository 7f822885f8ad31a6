package openapitest

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Answer is what a server said.
type Answer struct {
	Status int
	Header func(name string) string
	Body   []byte
	// NoSchema leaves out whether the body is as its schema says: for tests that keep records of their own making.
	NoSchema bool
}

// Check says what is wrong with an answer, by the document; nil if all is well.
func (c *Contract) Check(method, target string, answer Answer) error {
	o := c.Find(method, target)
	if o == nil {
		return fmt.Errorf("%w: %s %s", ErrNoOperation, method, target)
	}
	response, described := o.spec.Responses[strconv.Itoa(answer.Status)]
	if !described {
		if !slices.Contains(General(), answer.Status) {
			return fmt.Errorf("%w: %s: %d: %s", ErrUndescribed, o.Name(), answer.Status, answer.Body)
		}
		return c.checkGeneral(o, answer)
	}
	if err := c.checkHeaders(o, response, answer); err != nil {
		return err
	}
	if method == "HEAD" {
		return nil
	}
	if len(response.Content) == 0 {
		if len(answer.Body) > 0 {
			return fmt.Errorf("%w: %s: %d: there is a body: %s", ErrContrary, o.Name(), answer.Status, answer.Body)
		}
		return nil
	}
	kind := mediaType(answer)
	if _, described = response.Content[kind]; !described {
		return fmt.Errorf("%w: %s: %d: as %s", ErrUndescribed, o.Name(), answer.Status, kind)
	}
	if answer.NoSchema || !speaksJSON(kind) {
		return nil
	}
	at := pointer("paths", o.Path, strings.ToLower(o.Method), "responses", strconv.Itoa(answer.Status), "content", kind, "schema")
	return c.validate(o, at, answer.Body, true)
}

// checkGeneral checks an answer that any route may give.
func (c *Contract) checkGeneral(o *Operation, answer Answer) error {
	schema := "problem"
	if kind := mediaType(answer); kind == "application/json" {
		schema = "novu_error"
	} else if kind != "application/problem+json" {
		return fmt.Errorf("%w: %s: %d: as %s", ErrUndescribed, o.Name(), answer.Status, kind)
	}
	return c.validate(o, pointer("components", "schemas", schema), answer.Body, true)
}

func (c *Contract) checkHeaders(o *Operation, response responseSpec, answer Answer) error {
	for name, header := range response.Headers {
		if shared, ok := c.headers[after(header.Ref)]; ok {
			header = shared
		}
		value := answer.Header(name)
		if value == "" && !header.Required {
			continue
		}
		schema, err := c.compile(c.open, openAt+pointer("components", "headers", after(response.Headers[name].Ref), "schema"))
		if err != nil {
			return err
		}
		if err := schema.Validate(value); err != nil || value == "" {
			return fmt.Errorf("%w: %s: %d: header %s is %q: %w", ErrContrary, o.Name(), answer.Status, name, value, err)
		}
	}
	return nil
}

// CheckRequest says what is wrong with a request that a server took; nil if the document allows it.
func (c *Contract) CheckRequest(method, target string, body []byte) error {
	o := c.Find(method, target)
	switch {
	case o == nil:
		return fmt.Errorf("%w: %s %s", ErrNoOperation, method, target)
	case o.spec.RequestBody == nil && len(body) > 0:
		return fmt.Errorf("%w: %s takes no body", ErrContrary, o.Name())
	case o.spec.RequestBody == nil:
		return nil
	}
	at := pointer("paths", o.Path, strings.ToLower(o.Method), "requestBody", "content", "application/json", "schema")
	return c.validate(o, at, body, false)
}

// validate holds a body against the schema at a place of the document: as it is, and closed where answers are looked at.
func (c *Contract) validate(o *Operation, at string, body []byte, closed bool) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %s: no JSON: %w: %s", ErrContrary, o.Name(), err, body)
	}
	forms := map[string]*jsonschema.Compiler{openAt: c.open}
	if closed {
		forms[closedAt] = c.closed
	}
	for document, compiler := range forms {
		schema, err := c.compile(compiler, document+at)
		if err != nil {
			return err
		}
		if err := schema.Validate(value); err != nil {
			return fmt.Errorf("%w: %s: %w: %s", ErrContrary, o.Name(), err, body)
		}
	}
	return nil
}

func (c *Contract) compile(compiler *jsonschema.Compiler, at string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	schema, err := compiler.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return schema, nil
}

// pointer gives the fragment of a URL that leads to a place of the document.
func pointer(steps ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	for i, step := range steps {
		steps[i] = escape.Replace(step)
	}
	return "#/" + strings.Join(steps, "/")
}

func mediaType(answer Answer) string {
	kind, _, err := mime.ParseMediaType(answer.Header("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

func speaksJSON(kind string) bool { return strings.HasSuffix(kind, "json") }
