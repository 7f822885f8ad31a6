package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// NATSUser is somebody who may connect to the embedded NATS server.
type NATSUser struct {
	Name    string
	Account string // whose events and calls it sees; "": every account's
	Secret  Secret // its password; empty with Nkey
	Nkey    string // public key of an nkey user; empty with Secret
	origin  string // as in WebhookAuth
}

const (
	keyNATSListen          = "nats_listen"
	keyNATSWebSocketListen = "nats_websocket_listen"
)

// ownNATSUsers are users that the embedded server has by itself.
var ownNATSUsers = []string{"webhookd", "program", "page"}

// publicUser is the public key of an nkey user: base32 of a prefix, 32 bytes and a checksum.
var publicUser = regexp.MustCompile(`^U[A-Z2-7]{55}$`)

func (c *Config) readNATSUsers(node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		return errors.New("is no list")
	}
	users := make([]NATSUser, 0, len(node.Content))
	for i, element := range node.Content {
		user, err := c.readNATSUser(resolve(element))
		if err != nil {
			return fmt.Errorf("number %d (line %d): %w", i+1, element.Line, err)
		}
		for _, other := range users {
			if other.Name == user.Name {
				return fmt.Errorf("number %d (line %d): the name %s is there twice", i+1, element.Line, user.Name)
			}
			if user.Nkey != "" && other.Nkey == user.Nkey {
				return fmt.Errorf("number %d (line %d): the nkey of %s is there twice", i+1, element.Line, other.Name)
			}
		}
		users = append(users, user)
	}
	c.NATSUsers = users
	return nil
}

func (c *Config) readNATSUser(node *yaml.Node) (user NATSUser, err error) {
	texts := map[string]string{}
	if err := eachPair(node, "name and secret", withSecret(texts, "name", "account", "nkey")); err != nil {
		return NATSUser{}, err
	}
	user.Name, user.Account, user.Nkey = texts["name"], texts["account"], texts["nkey"]
	if !resthookName.MatchString(user.Name) {
		return NATSUser{}, errors.New("needs a name (1 to 64 of a-z 0-9 . _ -, a letter or digit first)")
	}
	if slices.Contains(ownNATSUsers, user.Name) {
		return NATSUser{}, fmt.Errorf("the name %s is webhookd's own; take another one", user.Name)
	}
	if user.Account != "" && !accountName.MatchString(user.Account) {
		return NATSUser{}, fmt.Errorf("%q is no account (1 to 64 of A-Z a-z 0-9 _ -)", user.Account)
	}
	if _, ok := texts["nkey"]; !ok {
		user.Secret, user.origin, err = c.findSecret(texts)
		return user, err
	}
	for _, key := range []string{keySecret, keySecretEnv, keySecretFile} {
		if _, both := texts[key]; both {
			return NATSUser{}, errors.New("has an nkey and a secret; one of them is enough")
		}
	}
	if !publicUser.MatchString(user.Nkey) {
		return NATSUser{}, errors.New("the nkey is no public key of a user (U and 55 letters and digits); " +
			"its seed stays with the client")
	}
	user.origin = "nkey: " + user.Nkey
	return user, nil
}

func showNATSUsers(c Config) string {
	rows := make([]string, 0, len(c.NATSUsers))
	for _, user := range c.NATSUsers {
		parts := []string{"name: " + user.Name}
		if user.Account != "" {
			parts = append(parts, "account: "+quoteInside(user.Account))
		}
		rows = append(rows, "{"+strings.Join(append(parts, user.origin), ", ")+"}")
	}
	return "[" + strings.Join(rows, ", ") + "]"
}

// checkNATS looks at what holds between the keys of NATS.
func (c Config) checkNATS() error {
	if err := checkPair("nats_cert_file", "nats_key_file", c.NATSCertFile, c.NATSKeyFile, c); err != nil {
		return err
	}
	if err := checkPair("nats_listen_cert_file", "nats_listen_key_file", c.NATSListenCertFile, c.NATSListenKeyFile, c); err != nil {
		return err
	}
	if c.NATSCredentials != "" && c.NATSNkey != "" {
		return errorf("nats_nkey", c.origin("nats_nkey"), "nats_credentials is set, too; one of them is enough")
	}
	if !c.NATSURL.Empty() {
		return nil
	}
	for _, one := range []struct{ key, file string }{
		{"nats_credentials", c.NATSCredentials},
		{"nats_nkey", c.NATSNkey},
		{"nats_ca_file", c.NATSCAFile},
		{"nats_cert_file", c.NATSCertFile},
	} {
		if one.file != "" {
			return errorf(one.key, c.origin(one.key), "it is for NATS servers, and the embedded one is used: set nats_url, too")
		}
	}
	for _, one := range []struct{ key, address string }{
		{keyNATSListen, c.NATSListen}, {keyNATSWebSocketListen, c.NATSWebSocketListen},
	} {
		if one.address == "" || loopback(one.address) {
			continue
		}
		if len(c.NATSUsers) == 0 || c.NATSListenCertFile == "" {
			return errorf(one.key, c.origin(one.key), "%s is not on the loopback interface: that takes nats_users, or everybody would "+
				"be let in, and nats_listen_cert_file, or passwords and numbers could be read on the way", one.address)
		}
	}
	return nil
}
