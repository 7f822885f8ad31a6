package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"webhookd/internal/verify"
)

// Account is what is set up for one account alone.
type Account struct {
	WebhookAuth    []WebhookAuth  // any of which lets a webhook in; none: webhook_secret counts
	WebhookSources []netip.Prefix // networks that its webhooks may come from; none: webhook_sources alone decides
	PBXAPI         *PBXAPI        // where its PBX is asked for its own records; nil: it is not asked
	// Retention is what it has of its own of Config.Retention, by key (retention_calls …); see Config.RetentionOf.
	Retention map[string]time.Duration
}

// WebhookAuth is one way in which the sender of an account's webhooks proves who it is.
type WebhookAuth struct {
	Type     string // AuthHeader, AuthBearer, AuthBasic or AuthSignature
	Header   string // of AuthHeader; "": webhook_header
	Username string // of AuthBasic
	Secret   Secret // the password of AuthBasic
	origin   string // where Secret comes from, for printing: "secret", "secret_env: NAME" or "secret_file: PATH"
}

// The values of WebhookAuth.Type.
const (
	AuthHeader    = "header"
	AuthBearer    = "bearer"
	AuthBasic     = "basic"
	AuthSignature = "standard_webhooks"
)

var authTypes = []string{AuthHeader, AuthBearer, AuthBasic, AuthSignature}

const (
	keySecret     = "secret"
	keySecretEnv  = "secret_env"
	keySecretFile = "secret_file"
)

// maxSecretFile is the largest file that a secret is read from, in bytes.
const maxSecretFile = 64 << 10

func (c *Config) readAccounts(node *yaml.Node) error {
	accounts := map[string]Account{}
	err := eachPair(node, "accounts", func(name string, value *yaml.Node) error {
		if !accountName.MatchString(name) {
			return fmt.Errorf("%q is no account (1 to 64 of A-Z a-z 0-9 _ -)", name)
		}
		account, err := c.readAccount(value)
		if err != nil {
			return fmt.Errorf("account %s: %w", name, err)
		}
		accounts[name] = account
		return nil
	})
	if err == nil {
		c.Accounts = accounts
	}
	return err
}

// eachPair goes through a mapping in which nothing may be twice.
func eachPair(node *yaml.Node, what string, each func(name string, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("is no mapping of %s", what)
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i].Value
		if seen[name] {
			return fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if err := each(name, resolve(node.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) readAccount(node *yaml.Node) (account Account, err error) {
	return account, eachPair(node, "what is set up for it", func(name string, value *yaml.Node) error {
		switch name {
		case "webhook_auth":
			account.WebhookAuth, err = c.readWebhookAuths(value)
			return err
		case "webhook_sources":
			account.WebhookSources, err = readSources(value)
			return err
		case "pbx_api":
			account.PBXAPI, err = c.readPBXAPI(value)
			if err != nil {
				return fmt.Errorf("pbx_api: %w", err)
			}
			return nil
		}
		if ok, err := account.readKeep(name, value); ok || err != nil {
			return err
		}
		return fmt.Errorf("%q is none of webhook_auth, webhook_sources, pbx_api and the keys of retention", name)
	})
}

func (c *Config) readWebhookAuths(node *yaml.Node) ([]WebhookAuth, error) {
	if node.Kind != yaml.SequenceNode {
		return nil, errors.New("webhook_auth is no list")
	}
	ways := make([]WebhookAuth, 0, len(node.Content))
	for i, element := range node.Content {
		auth, err := c.readWebhookAuth(resolve(element))
		if err != nil {
			return nil, fmt.Errorf("webhook_auth number %d (line %d): %w", i+1, element.Line, err)
		}
		ways = append(ways, auth)
	}
	if len(ways) == 0 {
		return nil, errors.New("webhook_auth is empty; leave it out, and webhook_secret counts")
	}
	return ways, nil
}

func readSources(node *yaml.Node) ([]netip.Prefix, error) {
	texts, err := scalars(node, true)
	if err != nil {
		return nil, fmt.Errorf("webhook_sources %w", err)
	}
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := parseSource(text)
		if err != nil {
			return nil, fmt.Errorf("webhook_sources: %w", err)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func (c *Config) readWebhookAuth(node *yaml.Node) (WebhookAuth, error) {
	texts := map[string]string{}
	err := eachPair(node, "type and secret", withSecret(texts, "type", "header", "username"))
	if err != nil {
		return WebhookAuth{}, err
	}
	auth := WebhookAuth{Type: texts["type"], Username: texts["username"]}
	if !slices.Contains(authTypes, auth.Type) {
		return WebhookAuth{}, fmt.Errorf("type %q is none of %s", auth.Type, strings.Join(authTypes, ", "))
	}
	if header, ok := texts["header"]; ok {
		if auth.Type != AuthHeader {
			return WebhookAuth{}, fmt.Errorf("header does not belong to the type %s", auth.Type)
		}
		parsed, err := parseHeader(header)
		if err != nil {
			return WebhookAuth{}, fmt.Errorf("header: %w", err)
		}
		auth.Header = parsed
	}
	if (auth.Type == AuthBasic) != (auth.Username != "") || strings.Contains(auth.Username, ":") {
		return WebhookAuth{}, errors.New("the type basic, and no other, has a username, without a colon")
	}
	if auth.Secret, auth.origin, err = c.findSecret(texts); err != nil {
		return WebhookAuth{}, err
	}
	if _, err := auth.Verifier(""); err != nil {
		return WebhookAuth{}, fmt.Errorf("the secret %w", err)
	}
	return auth, nil
}

// withSecret gives what puts the keys of a mapping into texts: those that are named, and where the secret is.
func withSecret(texts map[string]string, keys ...string) func(name string, value *yaml.Node) error {
	keys = append(keys, keySecret, keySecretEnv, keySecretFile)
	return func(name string, value *yaml.Node) error {
		if !slices.Contains(keys, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(keys, ", "))
		}
		text, err := scalar(value)
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		texts[name] = text
		return nil
	}
}

// findSecret reads a secret from the one place that is given, and says for printing which one. Its errors do not quote it.
func (c *Config) findSecret(texts map[string]string) (secret Secret, origin string, err error) {
	var given []string
	for _, key := range []string{keySecret, keySecretEnv, keySecretFile} {
		if _, ok := texts[key]; ok {
			given = append(given, key)
		}
	}
	if len(given) != 1 {
		return Secret{}, "", errors.New("needs one of secret, secret_env and secret_file, and no two of them")
	}
	where, text := given[0], texts[given[0]]
	origin = where + ": " + quoteInside(text)
	switch where {
	case keySecretEnv:
		value, ok := lookup(c.environ, text)
		if !ok {
			return Secret{}, "", fmt.Errorf("the variable %s (secret_env) is not set", text)
		}
		text = value
	case keySecretFile:
		data, err := os.ReadFile(text)
		if err != nil {
			return Secret{}, "", fmt.Errorf("cannot read secret_file: %w", err)
		}
		if len(data) > maxSecretFile {
			return Secret{}, "", fmt.Errorf("secret_file is larger than %d bytes", maxSecretFile)
		}
		if c.secretFiles == nil {
			c.secretFiles = map[string]bool{}
		}
		c.secretFiles[text] = true
		text = strings.TrimRight(string(data), "\r\n")
	default:
		origin = where + ": " + redacted
	}
	secret, err = parseSecret(text)
	return secret, origin, err
}

// lookup gives the value of a variable in an environment as os.Environ gives it.
func lookup(environ []string, name string) (string, bool) {
	for _, variable := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(variable, name+"="); ok && name != "" {
			return value, true
		}
	}
	return "", false
}

// Verifier gives what checks it. header is the name of the header that AuthHeader means where it names none.
func (a WebhookAuth) Verifier(header string) (verify.Verifier, error) {
	switch a.Type {
	case AuthHeader:
		if a.Header != "" {
			header = a.Header
		}
		return verify.Header(header, a.Secret.Reveal()), nil
	case AuthBearer:
		return verify.Bearer(a.Secret.Reveal()), nil
	case AuthBasic:
		return verify.Basic(a.Username, a.Secret.Reveal()), nil
	case AuthSignature:
		return verify.Signature(a.Secret.Reveal()) //nolint:wrapcheck // it is told as part of the configuration
	}
	return nil, fmt.Errorf("is of the type %q, which there is not", a.Type)
}

// parseSource reads a network, or a single address, that webhooks may come from.
func parseSource(text string) (netip.Prefix, error) {
	if strings.EqualFold(text, everyNetwork) {
		return netip.Prefix{}, errors.New(`"all" is no network; leave the key out, and webhooks may come from everywhere`)
	}
	return parseNetwork(text)
}

func showAccounts(c Config) string {
	rows := make([]string, 0, len(c.Accounts))
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		account := c.Accounts[name]
		var parts []string
		if len(account.WebhookAuth) > 0 {
			ways := make([]string, 0, len(account.WebhookAuth))
			for _, auth := range account.WebhookAuth {
				ways = append(ways, auth.show())
			}
			parts = append(parts, "webhook_auth: ["+strings.Join(ways, ", ")+"]")
		}
		if len(account.WebhookSources) > 0 {
			parts = append(parts, "webhook_sources: "+showNetworks(account.WebhookSources))
		}
		if account.PBXAPI != nil {
			parts = append(parts, "pbx_api: "+account.PBXAPI.show())
		}
		parts = append(parts, account.showKeeps()...)
		rows = append(rows, quoteInside(name)+": {"+strings.Join(parts, ", ")+"}")
	}
	return "{" + strings.Join(rows, ", ") + "}"
}

func (a WebhookAuth) show() string {
	parts := []string{"type: " + a.Type}
	if a.Header != "" {
		parts = append(parts, "header: "+quoteInside(a.Header))
	}
	if a.Username != "" {
		parts = append(parts, "username: "+quoteInside(a.Username))
	}
	return "{" + strings.Join(append(parts, a.origin), ", ") + "}"
}

func showNetworks(networks []netip.Prefix) string {
	shown := make([]string, 0, len(networks))
	for _, network := range networks {
		shown = append(shown, quoteInside(network.String()))
	}
	return "[" + strings.Join(shown, ", ") + "]"
}
