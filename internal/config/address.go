package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	schemePostgres   = "postgres"
	schemePostgreSQL = "postgresql"
	maxPort          = 65535
)

// Host names as RFC 1123 has them, and the underscore that container networks use.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

func parseAddress(text string) (string, error) {
	host, port, ok := splitAddress(text)
	if !ok {
		return "", fmt.Errorf("%q is no address; write host:port, as 127.0.0.1:8080 or [::1]:8080", text)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName.MatchString(host) {
		return "", fmt.Errorf("%q is neither an IP address nor a host name", host)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("port %q is no number", port)
	}
	if number < 0 || number > maxPort {
		return "", fmt.Errorf("port %d is not from 0 to %d", number, maxPort)
	}
	return text, nil
}

// parseOptionalAddress takes nothing, or an address.
func parseOptionalAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return parseAddress(text)
}

// parseDebugAddress takes nothing, or an address that only this machine reaches.
func parseDebugAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	text, err := parseAddress(text)
	if err == nil && !loopback(text) {
		return "", fmt.Errorf("%s is not on the loopback interface, and profiles show what is in memory", text)
	}
	return text, err
}

// parseOrigin reads the origin of a page, as a browser tells it.
func parseOrigin(text string) (string, error) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Scheme != schemeHTTP && parsed.Scheme != "https" || parsed.Hostname() == "":
		return "", fmt.Errorf("%q is no origin; write one as https://board.example.com or http://127.0.0.1:8000", text)
	case parsed.User != nil || parsed.Path != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		return "", fmt.Errorf("an origin is scheme, host and port only; did you mean %s://%s?", parsed.Scheme, parsed.Host)
	}
	return strings.ToLower(text), nil
}

// loopback says whether an address is sure to be reachable from this machine only. What a host name stands for can
// change, so of names only localhost counts.
func loopback(address string) bool {
	host, _, ok := splitAddress(address)
	if !ok {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
	}
	return ip.Unmap().IsLoopback()
}

// splitAddress is net.SplitHostPort without package net, and without its long errors.
func splitAddress(text string) (host, port string, ok bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return "", "", false
	}
	host, port = text[:colon], text[colon+1:]
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, closed := strings.CutSuffix(inner, "]")
		_, err := netip.ParseAddr(inner)
		return inner, port, closed && err == nil
	}
	return host, port, !strings.ContainsAny(host, ":[]") && port != ""
}

var errURL = errors.New("cannot be read as a URL (special characters in a password must be percent-encoded)")

func parseDatabaseURL(text string) (URL, error) {
	if text == "" {
		return NewURL(""), nil
	}
	// The parser's own error may quote parts of a password.
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Opaque != "":
		return URL{}, errURL
	case parsed.Scheme != schemePostgres && parsed.Scheme != schemePostgreSQL:
		return URL{}, errors.New("does not begin with postgres://")
	}
	return NewURL(text), checkSSLMode(parsed)
}

// checkSSLMode sees to it that somebody decided how what crosses a network is protected.
func checkSSLMode(database *url.URL) error {
	host := database.Host
	if given := database.Query().Get("host"); host == "" {
		host = given
	}
	mode := database.Query().Get("sslmode")
	switch mode {
	case "disable", "require", "verify-ca", "verify-full":
		return nil
	case "", "allow", "prefer":
	default:
		return fmt.Errorf("sslmode %q is none of disable, allow, prefer, require, verify-ca, verify-full", mode)
	}
	if host == "" || strings.HasPrefix(host, "/") || loopback(host) || loopback(host+":0") {
		return nil // it does not leave this machine
	}
	return errors.New("does not say how the connection to another machine is protected: add ?sslmode=verify-full, or " +
		"sslmode=disable where nobody else is on the network")
}

func parseNATSURL(text string) (URL, error) {
	if text == "" {
		return NewURL(""), nil
	}
	servers := strings.Split(text, ",")
	for i, server := range servers {
		servers[i] = strings.TrimSpace(server)
		parsed, err := url.Parse(servers[i])
		switch {
		case err != nil || parsed.Opaque != "":
			return URL{}, errURL
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, parsed.Scheme):
			return URL{}, errors.New("a server does not begin with nats://, tls://, ws:// or wss://")
		case parsed.Hostname() == "":
			return URL{}, errors.New("a server has no host")
		}
	}
	return NewURL(strings.Join(servers, ",")), nil
}
