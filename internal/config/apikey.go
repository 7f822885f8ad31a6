package config

import (
	"fmt"
	"regexp"
	"strings"
)

// APIKey is what a client of the trigger API sends, and what it may do with it.
type APIKey struct {
	Account string // the account that it is for; "": the default account
	Key     Secret
}

// String gives the account; the key is hidden.
func (k APIKey) String() string {
	if k.Account == "" {
		return k.Key.String()
	}
	return k.Account + ":" + k.Key.String()
}

// accountName is what an account is called, as it stands in URLs and in subjects of NATS.
var accountName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// parseAPIKey reads KEY or ACCOUNT:KEY.
func parseAPIKey(text string) (APIKey, error) {
	account, key, err := parseOfAccount(text, "key")
	return APIKey{Account: account, Key: key}, err
}

// parseOfAccount reads a secret that an account may stand before. Its errors quote nothing: what stands where an account
// should may be a secret.
func parseOfAccount(text, what string) (account string, secret Secret, err error) {
	account, rest, ok := strings.Cut(text, ":")
	if !ok {
		account, rest = "", text
	} else if !accountName.MatchString(account) {
		return "", Secret{}, fmt.Errorf("what stands before the colon of a %s is no account (1 to 64 of A-Z a-z 0-9 _ -)", what)
	}
	switch {
	case rest == "":
		return "", Secret{}, fmt.Errorf("a %s is empty", what)
	case strings.IndexFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0:
		return "", Secret{}, fmt.Errorf("a %s holds a blank, or a character that is not printable ASCII", what)
	case strings.Contains(rest, ":"):
		return "", Secret{}, fmt.Errorf("a %s holds a colon; only the one between account and %s may be there", what, what)
	}
	return account, NewSecret(rest), nil
}
