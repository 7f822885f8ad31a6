package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// applyFile puts the keys of a YAML file into the set-up.
func (c *Config) applyFile(path, origin string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		problem := err
		if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
			problem = pathError.Err
		}
		return errorf("config", origin, "cannot read %s: %v", path, problem)
	}
	c.file = path
	root, err := parseDocument(data)
	if err != nil {
		return errorf("", "file "+path, "%v", err)
	}
	if root == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		if err := c.applyKey(name.Value, value, at(path, name), seen); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) applyKey(key string, value *yaml.Node, origin string, seen map[string]bool) error {
	opt, ok := find(key)
	if !ok {
		return errorf("", origin, "%q is no key of webhookd%s", key, nearest(key, "", keys()))
	}
	if seen[key] {
		return errorf(key, origin, "is there twice")
	}
	seen[key] = true
	value = resolve(value)
	if opt.fileOnly {
		if err := opt.read(c, value); err != nil {
			return errorf(key, origin, "%v", err)
		}
		c.origins[key] = origin
		return nil
	}
	if opt.mapping {
		value = pairs(value)
	}
	values, err := scalars(value, opt.list)
	if err != nil {
		return errorf(key, origin, "%v", err)
	}
	return c.apply(opt, values, origin)
}

// parseDocument gives the top mapping of a YAML file; nil if the file says nothing.
func parseDocument(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file is fine and has no document
	} else if err != nil {
		return nil, errors.New(problemOfYAML(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one YAML document")
	}
	root := document.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.Tag == tagNull:
		return nil, nil //nolint:nilnil // as above
	case root.Kind != yaml.MappingNode:
		return nil, errors.New("is no mapping of keys to values")
	}
	return root, nil
}

// problemOfYAML gives what the library says is wrong, on one line. A name that it quotes may be a secret that was not quoted.
func problemOfYAML(err error) string {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
	if strings.Contains(text, "anchor '") {
		return "a value begins with *, which in YAML names another value, and there is none of that name: put it into quotes"
	}
	return text
}

const tagNull = "!!null"

// scalars gives the texts of a value; more than one only where a list is allowed.
func scalars(node *yaml.Node, list bool) ([]string, error) {
	if node.Kind != yaml.SequenceNode || !list {
		text, err := scalar(node)
		return []string{text}, err
	}
	texts := make([]string, 0, len(node.Content))
	for _, element := range node.Content {
		text, err := scalar(resolve(element))
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func scalar(node *yaml.Node) (string, error) {
	switch {
	case node.Kind != yaml.ScalarNode:
		return "", errors.New("is not a single value")
	case node.Tag == tagNull:
		return "", errors.New(`has no value; leave the line out, or write "" for an empty one`)
	}
	return node.Value, nil
}

// pairs gives a mapping of single values as the list of name=value that it stands for; anything else as it is.
func pairs(node *yaml.Node) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return node
	}
	texts := &yaml.Node{Kind: yaml.SequenceNode}
	for i := 0; i < len(node.Content); i += 2 {
		value := *resolve(node.Content[i+1])
		if value.Kind == yaml.ScalarNode && value.Tag != tagNull {
			value.Value = node.Content[i].Value + "=" + value.Value
		}
		texts.Content = append(texts.Content, &value)
	}
	return texts
}

func (c *Config) readCloseCauses(node *yaml.Node) error {
	causes, err := readCloseCauses(node)
	if err == nil {
		c.CloseCauses = causes
	}
	return err
}

func readCloseCauses(node *yaml.Node) (map[string]CloseCause, error) {
	if node.Kind != yaml.MappingNode {
		return nil, errors.New("is no mapping of causes")
	}
	causes := map[string]CloseCause{}
	for i := 0; i < len(node.Content); i += 2 {
		name := strings.ToUpper(strings.TrimSpace(node.Content[i].Value))
		if name == "" {
			return nil, errors.New("a cause is empty")
		}
		if _, ok := causes[name]; ok {
			return nil, fmt.Errorf("cause %s is there twice", name)
		}
		cause, err := readCloseCause(resolve(node.Content[i+1]))
		if err != nil {
			return nil, fmt.Errorf("cause %s: %w", name, err)
		}
		causes[name] = cause
	}
	return causes, nil
}

func readCloseCause(node *yaml.Node) (CloseCause, error) {
	cause := CloseCause{Class: classes[0], Vote: votes[0]}
	if node.Kind != yaml.MappingNode {
		return cause, errors.New("is no mapping of class and vote")
	}
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i].Value
		text, err := scalar(resolve(node.Content[i+1]))
		if err != nil {
			return cause, fmt.Errorf("%s %w", name, err)
		}
		switch {
		case name == "class" && slices.Contains(classes, text):
			cause.Class = text
		case name == "vote" && slices.Contains(votes, text):
			cause.Vote = text
		case name == "class":
			return cause, fmt.Errorf("class %q is none of %s", text, strings.Join(classes, ", "))
		case name == "vote":
			return cause, fmt.Errorf("vote %q is none of %s", text, strings.Join(votes, ", "))
		default:
			return cause, fmt.Errorf("%q is neither class nor vote", name)
		}
	}
	return cause, nil
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func at(path string, node *yaml.Node) string { return fmt.Sprintf("file %s:%d", path, node.Line) }

func keys() []string {
	names := make([]string, 0, len(table))
	for _, opt := range table {
		names = append(names, opt.key)
	}
	return names
}
