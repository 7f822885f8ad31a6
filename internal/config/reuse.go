package config

import (
	"maps"
	"slices"
	"strconv"
)

const webhookSecretKey = "webhook_secret"

// webhookSecret is a secret that senders of webhooks know.
type webhookSecret struct {
	text  string
	key   string // of the configuration
	place string // in words
	owner string // the account that has it for itself; "" for webhook_secret
}

// webhookSecrets gives those of the installation, then those of accounts by name.
func (c Config) webhookSecrets() []webhookSecret {
	var all []webhookSecret
	for i, secret := range c.WebhookSecrets {
		all = append(all, webhookSecret{secret.Reveal(), webhookSecretKey, "number " + strconv.Itoa(i+1) + " of webhook_secret", ""})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		for i, auth := range c.Accounts[name].WebhookAuth {
			place := "number " + strconv.Itoa(i+1) + " of webhook_auth of account " + name
			all = append(all, webhookSecret{auth.Secret.Reveal(), accountsKey, place, name})
		}
	}
	return all
}

// checkWebhookSecrets sees to it that what the PBX knows neither reads nor changes anything. A token that has the scope
// webhooks, among others, is for those who are to have them all.
func (c Config) checkWebhookSecrets() error {
	others := map[string]string{}
	for i, token := range c.ReadTokens {
		others[token.Token.Reveal()] = "number " + strconv.Itoa(i+1) + " of read_tokens"
	}
	for i, key := range c.APIKeys {
		others[key.Key.Reveal()] = "number " + strconv.Itoa(i+1) + " of api_keys"
	}
	for _, token := range c.Tokens {
		others[token.Secret.Reveal()] = token.Name + " of tokens"
	}
	for _, secret := range c.webhookSecrets() {
		if other, twice := others[secret.text]; twice {
			return errorf(secret.key, c.origin(secret.key), "%s is also %s, so whoever sends webhooks could do that, too: "+
				"give each a secret of its own", secret.place, other)
		}
	}
	return nil
}

// sharedSecrets warns of secrets with which one account's webhooks are taken for another.
func (c Config) sharedSecrets() []string {
	var warnings []string
	seen := map[string]webhookSecret{}
	for _, secret := range c.webhookSecrets() {
		first, twice := seen[secret.text]
		if !twice {
			seen[secret.text] = secret
		} else if first.owner != secret.owner {
			warnings = append(warnings, secret.key+": "+secret.place+" is also "+first.place+
				": who knows it for one can hand in webhooks for the other")
		}
	}
	return warnings
}
