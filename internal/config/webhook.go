package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A header name is a token of RFC 9110, section 5.6.2.
var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func parseHeader(text string) (string, error) {
	if !token.MatchString(text) {
		return "", fmt.Errorf("%q is no header name (letters, digits and - are; RFC 9110 allows a few more)", text)
	}
	return text, nil
}

// parseSecret refuses what could never match, because HTTP does not carry it or trims it away.
func parseSecret(text string) (Secret, error) {
	switch {
	case text == "":
		return Secret{}, errors.New("a secret is empty")
	case strings.TrimSpace(text) != text:
		return Secret{}, errors.New("a secret begins or ends with white space, which HTTP takes away")
	case strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0:
		return Secret{}, errors.New("a secret holds a character that is not printable ASCII, which HTTP headers do not carry")
	}
	return NewSecret(text), nil
}
