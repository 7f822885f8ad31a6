package config

import (
	"maps"
	"slices"
	"strings"
)

// Listener is an address that the service listens on, and the key that says so.
type Listener struct{ Key, Address string }

// Listeners are the addresses that a service of this set-up listens on; "" for one that it does not have.
func (c Config) Listeners() []Listener {
	listeners := []Listener{{"listen", c.Listen}, {"internal_listen", c.InternalListen}, {"pprof_listen", c.PprofListen}}
	if c.NATSURL.Empty() {
		listeners = append(listeners, Listener{keyNATSListen, c.NATSListen}, Listener{keyNATSWebSocketListen, c.NATSWebSocketListen})
	}
	return listeners
}

// Loopback says whether only this machine is sure to reach the HTTP API.
func (c Config) Loopback() bool { return loopback(c.Listen) }

const accountsKey = "accounts"

// secretKeys are the keys of which the value in the configuration file may be, or hold, a secret.
var secretKeys = []string{
	"webhook_secret", "api_keys", "read_tokens", "tokens", accountsKey, "database_url", "nats_url", "resthooks", "nats_users",
}

// accountsHoldSecrets says whether a secret of an account is written where the account is.
func (c Config) accountsHoldSecrets() bool {
	for _, account := range c.Accounts {
		if account.PBXAPI != nil && account.PBXAPI.origin == keySecret {
			return true
		}
		for _, auth := range account.WebhookAuth {
			if auth.origin == keySecret {
				return true
			}
		}
	}
	return false
}

// SecretFiles gives the files that secrets were read from, sorted: the configuration file, if it sets a key that holds
// secrets, every secret_file, and the keys of certificates and log-ins.
func (c Config) SecretFiles() []string {
	files := maps.Clone(c.secretFiles)
	if files == nil {
		files = map[string]bool{}
	}
	for _, key := range secretKeys {
		if strings.HasPrefix(c.origins[key], "file ") && (key != accountsKey || c.accountsHoldSecrets()) {
			files[c.file] = true
		}
	}
	for _, file := range []string{
		c.TLSKeyFile, c.NATSKeyFile, c.NATSListenKeyFile, c.NATSNkey, c.NATSCredentials,
	} {
		if file != "" {
			files[file] = true
		}
	}
	return slices.Sorted(maps.Keys(files))
}
