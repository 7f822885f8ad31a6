package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const shortSecret = 16

const noSecret = "neither webhook_secret nor an account's webhook_auth is set: set one, or listen on 127.0.0.1"

// Check looks at the rules that hold between keys; what one key can say by itself was checked when it was read. It
// returns an *Error.
func (c Config) Check() error {
	open := len(c.WebhookSecrets) == 0 && !c.Guarded()
	if open && c.InternalListen != "" && !loopback(c.InternalListen) {
		return errorf("internal_listen", c.origin("internal_listen"),
			"%s can be reached from other machines, takes webhooks, too, and "+noSecret, c.InternalListen)
	}
	if open && !loopback(c.Listen) {
		return errorf("listen", c.origin("listen"), "%s can be reached from other machines, and "+noSecret, c.Listen)
	}
	if err := c.checkInternal(); err != nil {
		return err
	}
	if err := checkPair("tls_cert_file", "tls_key_file", c.TLSCertFile, c.TLSKeyFile, c); err != nil {
		return err
	}
	if err := c.checkNATS(); err != nil {
		return err
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
	if err := c.checkTokens(); err != nil {
		return err
	}
	return c.checkWebhookSecrets()
}

// checkInternal sees to it that strangers cannot read what is at internal_listen.
func (c Config) checkInternal() error {
	if c.InternalListen == "" {
		return nil
	}
	if c.InternalListen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
		return errorf("internal_listen", c.origin("internal_listen"), "%s is also listen: give each an address of its own", c.Listen)
	}
	if !loopback(c.InternalListen) && !c.Readable() {
		return errorf("internal_listen", c.origin("internal_listen"), "%s can be reached from other machines, and nothing says who "+
			"may read: set read_tokens, or listen on 127.0.0.1", c.InternalListen)
	}
	return nil
}

// InternalOnLoopback says whether only this machine can reach InternalListen.
func (c Config) InternalOnLoopback() bool { return loopback(c.InternalListen) }

// Readable says whether there is a token that reads.
func (c Config) Readable() bool {
	return len(c.ReadTokens) > 0 || slices.ContainsFunc(c.Tokens, func(token Token) bool { return token.Has(ScopeRead) })
}

// checkPair sees to it that a certificate has its key, and a key its certificate.
func checkPair(certKey, keyKey, cert, key string, c Config) error {
	switch {
	case cert == "" && key != "":
		return errorf(keyKey, c.origin(keyKey), "it is the key of a certificate: set %s, too", certKey)
	case cert != "" && key == "":
		return errorf(certKey, c.origin(certKey), "a certificate needs its key: set %s, too", keyKey)
	}
	return nil
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

// TakesFromElsewhere says whether webhooks are set up to come from other machines. Where listen is on loopback, they then come
// by a proxy, and whatever else is there can be reached by it, too.
func (c Config) TakesFromElsewhere() bool {
	return len(c.WebhookSecrets) > 0 || c.Guarded() || len(c.TrustedProxies) > 0
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
	warnings := slices.Concat(c.exposed(), guessable("webhook_secret", c.WebhookSecrets), guessable("api_keys", keys),
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
	return slices.Concat(warnings, c.sharedSecrets(), c.plainPBXAPIs())
}

// exposed warns of what goes over networks, or is shown, without protection.
func (c Config) exposed() []string {
	var warnings []string
	if !loopback(c.Listen) && c.TLSCertFile == "" && len(c.TrustedProxies) == 0 {
		warnings = append(warnings, "listen: "+c.Listen+" is not encrypted, and webhooks hold secrets, numbers and names: set "+
			"tls_cert_file, or put a proxy with TLS before it and name it in trusted_proxies")
	}
	if !loopback(c.InternalListen) && c.InternalListen != "" && c.TLSCertFile == "" {
		warnings = append(warnings, "internal_listen: "+c.InternalListen+" is not encrypted, and tokens, numbers and names go over "+
			"it: set tls_cert_file, unless nobody else is on that network")
	}
	return warnings
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
