package natsbus

import (
	"crypto/tls"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
)

// Login gives how a client logs in to the servers of URL, and checks them. Files that cannot be used are an error now, and
// are not taken for a cluster that is away.
func (c Config) Login() ([]nats.Option, error) {
	var options []nats.Option
	if c.Credentials != "" {
		if _, err := os.Stat(c.Credentials); err != nil {
			return nil, fmt.Errorf("read nats credentials: %w", err)
		}
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.Nkey != "" {
		option, err := nats.NkeyOptionFromSeed(c.Nkey)
		if err != nil {
			return nil, fmt.Errorf("read nats nkey %s: %w", c.Nkey, err)
		}
		options = append(options, option)
	}
	if c.Trust != nil {
		options = append(options, nats.Secure(c.Trust))
	}
	if c.RootCA != "" {
		options = append(options, nats.RootCAs(c.RootCA))
	}
	if c.ClientCert != "" {
		if _, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey); err != nil {
			return nil, fmt.Errorf("read nats certificate %s: %w", c.ClientCert, err)
		}
		options = append(options, nats.ClientCert(c.ClientCert, c.ClientKey))
	}
	return options, nil
}
