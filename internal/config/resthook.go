package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// resthookName is what a resthook is called, as handlers name it.
var resthookName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (c *Config) readResthooks(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return errors.New("is no mapping of names to URLs")
	}
	hooks := map[string][]URL{}
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i].Value
		if !resthookName.MatchString(name) {
			return fmt.Errorf("%q is no name of a resthook (1 to 64 of a-z 0-9 . _ -, a letter or digit first)", name)
		}
		if _, ok := hooks[name]; ok {
			return fmt.Errorf("resthook %s is there twice", name)
		}
		texts, err := scalars(resolve(node.Content[i+1]), true)
		if err != nil {
			return fmt.Errorf("resthook %s: a URL %w", name, err)
		}
		hooks[name] = []URL{}
		for _, text := range texts {
			target, err := parseTarget(text)
			if err != nil {
				return fmt.Errorf("resthook %s: a URL %w", name, err)
			}
			hooks[name] = append(hooks[name], target)
		}
	}
	c.Resthooks = hooks
	return nil
}

// ResthookURLs gives whom each resthook calls, with credentials. What it gives must not be logged.
func (c Config) ResthookURLs() map[string][]string {
	urls := make(map[string][]string, len(c.Resthooks))
	for name, targets := range c.Resthooks {
		urls[name] = make([]string, 0, len(targets))
		for _, target := range targets {
			urls[name] = append(urls[name], target.Reveal())
		}
	}
	return urls
}

// parseTarget reads the URL of a call-out. Its errors do not quote it.
func parseTarget(text string) (URL, error) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Opaque != "":
		return URL{}, errURL
	case parsed.Scheme != schemeHTTP && parsed.Scheme != "https":
		return URL{}, errors.New("does not begin with http:// or https://")
	case parsed.Hostname() == "":
		return URL{}, errors.New("has no host")
	}
	return NewURL(text), nil
}

func showResthooks(c Config) string {
	rows := make([]string, 0, len(c.Resthooks))
	for _, name := range slices.Sorted(maps.Keys(c.Resthooks)) {
		targets := make([]string, 0, len(c.Resthooks[name]))
		for _, target := range c.Resthooks[name] {
			targets = append(targets, quoteInside(target.String()))
		}
		rows = append(rows, quoteInside(name)+": ["+strings.Join(targets, ", ")+"]")
	}
	return "{" + strings.Join(rows, ", ") + "}"
}
