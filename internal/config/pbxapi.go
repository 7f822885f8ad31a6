package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// PBXAPI is where the PBX of an account is asked for its own records of calls.
type PBXAPI struct {
	URL    URL    // what stands before /cdr_dialog; http or https
	Key    Secret // sent as Authorization, as it is
	Rate   int    // requests a second at most
	origin string // where Key comes from, as with WebhookAuth
}

const schemeHTTP = "http"

const (
	defaultPBXRate = 1
	maxPBXRate     = 50
)

// readPBXAPI reads pbx_api of an account. Its errors do not quote the URL, which may hold credentials.
func (c *Config) readPBXAPI(node *yaml.Node) (*PBXAPI, error) {
	texts := map[string]string{}
	if err := eachPair(node, "url, rate and secret", withSecret(texts, "url", "rate")); err != nil {
		return nil, err
	}
	api := &PBXAPI{Rate: defaultPBXRate}
	target, err := parseTarget(texts["url"])
	if err != nil {
		return nil, fmt.Errorf("url %w", err)
	}
	parsed, err := url.Parse(target.Reveal())
	if err != nil || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, errors.New("url holds a user, a query or a fragment; it is only what stands before /cdr_dialog")
	}
	api.URL = NewURL(strings.TrimRight(target.Reveal(), "/"))
	if text, ok := texts["rate"]; ok {
		if api.Rate, err = strconv.Atoi(text); err != nil || api.Rate < 1 || api.Rate > maxPBXRate {
			return nil, fmt.Errorf("rate is no number of requests a second from 1 to %d", maxPBXRate)
		}
	}
	if api.Key, api.origin, err = c.findSecret(texts); err != nil {
		return nil, err
	}
	if !printable(api.Key.Reveal()) {
		return nil, errors.New("the secret holds what cannot stand in a header")
	}
	return api, nil
}

// printable says whether a text can be the value of a header.
func printable(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func (a *PBXAPI) show() string {
	parts := []string{"url: " + quoteInside(a.URL.String()), a.origin}
	if a.Rate != defaultPBXRate {
		parts = append(parts, "rate: "+strconv.Itoa(a.Rate))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// plainPBXAPIs warns of keys that go over the network without encryption.
func (c Config) plainPBXAPIs() []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		api := c.Accounts[name].PBXAPI
		if api == nil {
			continue
		}
		parsed, err := url.Parse(api.URL.Reveal())
		if err != nil || parsed.Scheme != schemeHTTP {
			continue
		}
		address, err := netip.ParseAddr(parsed.Hostname())
		if parsed.Hostname() == "localhost" || err == nil && address.IsLoopback() {
			continue
		}
		warnings = append(warnings,
			"accounts: "+name+": pbx_api: the url begins with http://, so the key can be read on its way")
	}
	return warnings
}
