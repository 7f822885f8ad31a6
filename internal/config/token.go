package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Token is a secret with a name, and what it may be used for.
type Token struct {
	Name    string
	Account string   // whose data; "": every account's, for ScopeRead alone
	Scopes  []string // of ScopeWebhooks, ScopeRead, ScopeTriggers and ScopeAdmin
	Secret  Secret
	origin  string // as WebhookAuth's
}

// The values of Token.Scopes.
const (
	ScopeWebhooks = "webhooks"
	ScopeRead     = "read"
	ScopeTriggers = "triggers"
	ScopeAdmin    = "admin"
)

const keyScopes = "scopes"

var scopes = []string{ScopeWebhooks, ScopeRead, ScopeTriggers, ScopeAdmin}

func (c *Config) readTokensOfFile(node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		return errors.New("is no list of tokens")
	}
	tokens := make([]Token, 0, len(node.Content))
	for i, element := range node.Content {
		token, err := c.readToken(resolve(element))
		if err != nil {
			return fmt.Errorf("number %d (line %d): %w", i+1, element.Line, err)
		}
		if slices.ContainsFunc(tokens, func(other Token) bool { return other.Name == token.Name }) {
			return fmt.Errorf("number %d (line %d): the name %s is there twice", i+1, element.Line, token.Name)
		}
		tokens = append(tokens, token)
	}
	c.Tokens = tokens
	return nil
}

func (c *Config) readToken(node *yaml.Node) (token Token, err error) {
	texts := map[string]string{}
	rest := withSecret(texts, "name", "account", keyScopes)
	err = eachPair(node, "name, scopes and secret", func(name string, value *yaml.Node) (err error) {
		if name != keyScopes {
			return rest(name, value)
		}
		if token.Scopes, err = scalars(value, true); err != nil {
			return fmt.Errorf("scopes: a scope %w", err)
		}
		return nil
	})
	if err != nil {
		return Token{}, err
	}
	token.Name, token.Account = texts["name"], texts["account"]
	if !resthookName.MatchString(token.Name) {
		return Token{}, errors.New("needs a name (1 to 64 of a-z 0-9 . _ -, a letter or digit first)")
	}
	if err := token.checkScopes(); err != nil {
		return Token{}, err
	}
	if token.Secret, token.origin, err = c.findSecret(texts); err != nil {
		return Token{}, err
	}
	if strings.Contains(token.Secret.Reveal(), " ") {
		return Token{}, errors.New("a token holds a blank")
	}
	return token, nil
}

func (t Token) checkScopes() error {
	if len(t.Scopes) == 0 {
		return fmt.Errorf("needs scopes: some of %s", strings.Join(scopes, ", "))
	}
	for i, scope := range t.Scopes {
		if !slices.Contains(scopes, scope) {
			return fmt.Errorf("scope %q is none of %s", scope, strings.Join(scopes, ", "))
		}
		if slices.Contains(t.Scopes[:i], scope) {
			return fmt.Errorf("scope %s is there twice", scope)
		}
	}
	if t.Account != "" && !accountName.MatchString(t.Account) {
		return fmt.Errorf("%q is no account (1 to 64 of A-Z a-z 0-9 _ -)", t.Account)
	}
	if t.Account == "" && (len(t.Scopes) > 1 || t.Scopes[0] != ScopeRead) {
		return errors.New("needs an account: only a token whose one scope is read may be for every account")
	}
	return nil
}

// Has says whether a token has a scope.
func (t Token) Has(scope string) bool { return slices.Contains(t.Scopes, scope) }

func showTokens(c Config) string {
	rows := make([]string, 0, len(c.Tokens))
	for _, token := range c.Tokens {
		parts := []string{"name: " + token.Name}
		if token.Account != "" {
			parts = append(parts, "account: "+quoteInside(token.Account))
		}
		parts = append(parts, "scopes: ["+strings.Join(token.Scopes, ", ")+"]", token.origin)
		rows = append(rows, "{"+strings.Join(parts, ", ")+"}")
	}
	return "[" + strings.Join(rows, ", ") + "]"
}

// AccountsWithTokens gives Accounts, and in it each token of the scope webhooks as a way in of its account.
func (c Config) AccountsWithTokens() map[string]Account {
	all := make(map[string]Account, len(c.Accounts))
	for name, account := range c.Accounts {
		account.WebhookAuth = slices.Clone(account.WebhookAuth)
		all[name] = account
	}
	for _, token := range c.Tokens {
		if token.Has(ScopeWebhooks) {
			account := all[token.Account]
			account.WebhookAuth = append(account.WebhookAuth, WebhookAuth{Type: AuthBearer, Secret: token.Secret, origin: token.origin})
			all[token.Account] = account
		}
	}
	return all
}
