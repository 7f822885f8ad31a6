package callout

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// guard decides which addresses may be connected to. It is asked when a connection is made, with the address that is
// really dialled, so a name that is looked up twice with two answers gains nothing.
type guard struct {
	allow []netip.Prefix
	all   bool
}

// refusal is the error of an address that may not be connected to.
type refusal struct {
	address string
	kind    string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the address %s is not called: it is %s", r.address, r.kind)
}

// refused says whether an error is a refusal, which no further attempt would get round.
func refused(err error) bool {
	var refusal *refusal
	return errors.As(err, &refusal)
}

// control is for net.Dialer.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusal{address, "no IP address"}
	}
	if kind := g.refuses(target.Addr()); kind != "" {
		return &refusal{target.Addr().String(), kind}
	}
	return nil
}

// refuses says what is wrong with an address; "" for nothing.
func (g guard) refuses(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if slices.Contains(metadata, addr) {
		if slices.Contains(g.allow, netip.PrefixFrom(addr, addr.BitLen())) {
			return ""
		}
		return kindMetadata
	}
	if g.all || slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return g.inside(addr)
	}
	for _, network := range special {
		if network.prefix.Contains(addr) {
			return network.kind
		}
	}
	if wellKnownNAT64.Contains(addr) {
		return g.inside(addr)
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return "outside of the public IPv6 addresses"
	}
	return ""
}

// inside judges the IPv4 address that a translator would take out of an IPv6 address, if it is one for that.
func (g guard) inside(addr netip.Addr) string {
	if !wellKnownNAT64.Contains(addr) {
		return ""
	}
	bytes := addr.As16()
	return g.refuses(netip.AddrFrom4([4]byte(bytes[12:])))
}

const (
	kindDocument = "for documentation"
	kindMetadata = "a cloud's metadata service, which hands out credentials"
	kindPrivate  = "private"
)

// metadata are the addresses at which clouds tell a machine its credentials. Nearly all of them are in a refused network
// anyhow; they are apart because allowing that network must not give them away.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // most of them
	netip.MustParseAddr("169.254.170.2"),   // AWS, containers
	netip.MustParseAddr("169.254.170.23"),  // AWS, pods
	netip.MustParseAddr("169.254.0.23"),    // Tencent
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure; a public address by its number
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS, pods
	netip.MustParseAddr("fd20:ce::254"),    // Google
	netip.MustParseAddr("fe80::a9fe:a9fe"), // OpenStack
	netip.MustParseAddr("fd00:42::42"),     // Scaleway
}

var (
	globalUnicast  = netip.MustParsePrefix("2000::/3")
	wellKnownNAT64 = netip.MustParsePrefix("64:ff9b::/96")
)

// special are the networks of the IANA's registries of special-purpose addresses that are not for calling. IPv4 addresses
// written as IPv6 (::ffff:0:0/96) are judged as what they are.
var special = []struct {
	prefix netip.Prefix
	kind   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), kindPrivate},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by a provider (CGNAT)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), kindPrivate},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), kindDocument},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay of 6to4"},
	{netip.MustParsePrefix("192.168.0.0/16"), kindPrivate},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), kindDocument},
	{netip.MustParsePrefix("203.0.113.0/24"), kindDocument},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast"},

	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "for translation inside of a network (NAT64)"},
	{netip.MustParsePrefix("2001::/23"), "reserved for protocols (Teredo and others)"},
	{netip.MustParsePrefix("2001:db8::/32"), kindDocument},
	{netip.MustParsePrefix("2002::/16"), "an IPv4 address inside of IPv6 (6to4)"},
	{netip.MustParsePrefix("3fff::/20"), kindDocument},
	{netip.MustParsePrefix("fc00::/7"), kindPrivate},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}
