package config

import (
	"errors"
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

// parseAPIKey reads KEY or ACCOUNT:KEY. Its errors quote nothing: what stands where an account should may be a key.
func parseAPIKey(text string) (APIKey, error) {
	account, key, ok := strings.Cut(text, ":")
	if !ok {
		account, key = "", text
	} else if !accountName.MatchString(account) {
		return APIKey{}, errors.New("what stands before the colon of a key is no account (1 to 64 of A-Z a-z 0-9 _ -)")
	}
	switch {
	case key == "":
		return APIKey{}, errors.New("a key is empty")
	case strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0:
		return APIKey{}, errors.New("a key holds a blank, or a character that is not printable ASCII")
	case strings.Contains(key, ":"):
		return APIKey{}, errors.New("a key holds a colon; only the one between account and key may be there")
	}
	return APIKey{Account: account, Key: NewSecret(key)}, nil
}
