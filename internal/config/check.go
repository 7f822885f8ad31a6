package config

import (
	"maps"
	"slices"
	"strconv"
)

const shortSecret = 16

// Check looks at the rules that hold between keys; what one key can say by itself was checked when it was read. It
// returns an *Error.
func (c Config) Check() error {
	if len(c.WebhookSecrets) == 0 && !c.Guarded() && !loopback(c.Listen) {
		return errorf("listen", c.origin("listen"),
			"%s can be reached from other machines, and no webhook_secret is set: set one, or listen on 127.0.0.1", c.Listen)
	}
	if c.NATSReplicas > 1 && c.NATSURL.Empty() {
		return errorf("nats_replicas", c.origin("nats_replicas"),
			"%d copies need a NATS cluster: set nats_url, or leave it at 1", c.NATSReplicas)
	}
	for i, key := range c.APIKeys {
		for j, other := range c.APIKeys[:i] {
			if key.Key.Reveal() == other.Key.Reveal() {
				return errorf("api_keys", c.origin("api_keys"), "number %d and number %d are the same key", j+1, i+1)
			}
		}
	}
	if err := c.checkReadTokens(); err != nil {
		return err
	}
	return c.checkTokens()
}

// checkTokens sees to it that no secret is in two places, where it would mean two things.
func (c Config) checkTokens() error {
	seen := map[string]string{}
	for i, token := range c.ReadTokens {
		seen[token.Token.Reveal()] = "number " + strconv.Itoa(i+1) + " of read_tokens"
	}
	for i, key := range c.APIKeys {
		seen[key.Key.Reveal()] = "number " + strconv.Itoa(i+1) + " of api_keys"
	}
	for _, token := range c.Tokens {
		if other, twice := seen[token.Secret.Reveal()]; twice {
			return errorf("tokens", c.origin("tokens"), "%s is also %s: give each a secret of its own", token.Name, other)
		}
		seen[token.Secret.Reveal()] = token.Name + " of tokens"
	}
	return nil
}

// checkReadTokens sees to it that a token means one thing, wherever it is sent or logged in with.
func (c Config) checkReadTokens() error {
	for i, token := range c.ReadTokens {
		for j, other := range c.ReadTokens[:i] {
			if token.Token.Reveal() == other.Token.Reveal() {
				return errorf("read_tokens", c.origin("read_tokens"), "number %d and number %d are the same token", j+1, i+1)
			}
		}
		for j, key := range c.APIKeys {
			if token.Token.Reveal() == key.Key.Reveal() {
				return errorf("read_tokens", c.origin("read_tokens"),
					"number %d is also number %d of api_keys: what shows and what changes must differ", i+1, j+1)
			}
		}
	}
	return nil
}

// Guarded says whether at least one account has secrets of its own. Then an account that has none takes webhooks only with
// one of webhook_secret, and none at all where there is none.
func (c Config) Guarded() bool {
	for _, account := range c.AccountsWithTokens() {
		if len(account.WebhookAuth) > 0 {
			return true
		}
	}
	return false
}

// Warnings gives what is allowed and not wise, one line each, without secrets.
func (c Config) Warnings() []string {
	keys := make([]Secret, 0, len(c.APIKeys))
	for _, key := range c.APIKeys {
		keys = append(keys, key.Key)
	}
	tokens := make([]Secret, 0, len(c.ReadTokens))
	for _, token := range c.ReadTokens {
		tokens = append(tokens, token.Token)
	}
	warnings := slices.Concat(guessable("webhook_secret", c.WebhookSecrets), guessable("api_keys", keys),
		guessable("read_tokens", tokens))
	for _, token := range c.Tokens {
		if len(token.Secret.Reveal()) < shortSecret {
			warnings = append(warnings, "tokens: "+token.Name+" has fewer than "+strconv.Itoa(shortSecret)+
				" characters and can be guessed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		own := make([]Secret, 0, len(c.Accounts[name].WebhookAuth))
		for _, auth := range c.Accounts[name].WebhookAuth {
			own = append(own, auth.Secret)
		}
		warnings = append(warnings, guessable("accounts: "+name+": webhook_auth", own)...)
	}
	return append(warnings, c.plainPBXAPIs()...)
}

func guessable(key string, secrets []Secret) []string {
	var warnings []string
	for i, secret := range secrets {
		if len(secret.Reveal()) < shortSecret {
			warnings = append(warnings, key+": number "+strconv.Itoa(i+1)+" has fewer than "+
				strconv.Itoa(shortSecret)+" characters and can be guessed")
		}
	}
	return warnings
}

// origin is Origin for messages, where a default needs no mention.
func (c Config) origin(key string) string {
	if origin := c.origins[key]; origin != originDefault {
		return origin
	}
	return ""
}
