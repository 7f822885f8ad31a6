package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// everyNetwork stands for all of them.
const everyNetwork = "all"

// allowPrivate completes the option of the networks that call-outs may reach.
func allowPrivate(opt option) option {
	opt.list = true
	opt.set = func(c *Config, texts []string) error {
		all, networks := false, make([]netip.Prefix, 0, len(texts))
		for _, text := range texts {
			if strings.EqualFold(text, everyNetwork) {
				all = true
				continue
			}
			network, err := parseNetwork(text)
			if err != nil {
				return err
			}
			networks = append(networks, network)
		}
		c.CalloutAllowAll, c.CalloutAllowPrivate = all, networks
		return nil
	}
	opt.show = func(c Config) string {
		var shown []string
		if c.CalloutAllowAll {
			shown = append(shown, everyNetwork)
		}
		for _, network := range c.CalloutAllowPrivate {
			shown = append(shown, quoteInside(network.String()))
		}
		return "[" + strings.Join(shown, ", ") + "]"
	}
	return opt
}

// networks completes an option that holds any number of networks.
func networks(opt option, at func(*Config) *[]netip.Prefix) option {
	return list(opt, at, parseSource, func(network netip.Prefix) string { return quoteInside(network.String()) })
}

// parseNetwork reads a network, or a single address.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if addr, single := netip.ParseAddr(text); single == nil && addr.Zone() == "" {
		network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network; write one as 10.0.0.0/8 or fd00::/8, an address, or all", text)
	case network.Addr().Is4In6():
		return netip.Prefix{}, errors.New("IPv4 networks are written as IPv4, as 10.0.0.0/8")
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("%s is not the beginning of its network; did you mean %s?", text, network.Masked())
	}
	return network, nil
}
