package callout

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tests call nobody else's machine, so what may be called is asked for here; the neighbours of every network that may not.
func TestPublicAddressesMayBeCalled(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
		"192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
		"198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"168.63.129.15", "168.63.129.17", // Azure's neighbours
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111",
		"3ffe::1", "3fff:1000::1",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	} {
		require.Empty(t, guard{}.refuses(netip.MustParseAddr(address)), address)
	}
}

func TestWhatIsNoAddressIsNotCalled(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, guard{all: true}.control(t.Context(), "unix", "/run/docker.sock", nil), "no IP address")
}
