package callout_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
)

const metadata = "a cloud's metadata service, which hands out credentials"

// refusedAddresses are as they stand in a URL, with why they are not called.
var refusedAddresses = map[string]string{
	"0.0.0.0":         "unspecified",
	"0.1.2.3":         "unspecified",
	"10.0.0.1":        "private",
	"10.255.255.255":  "private",
	"100.64.0.1":      "shared by a provider (CGNAT)",
	"100.127.255.255": "shared by a provider (CGNAT)",
	"127.0.0.1":       "loopback",
	"127.255.255.254": "loopback",
	"169.254.1.1":     "link-local",
	"172.16.0.1":      "private",
	"172.31.255.255":  "private",
	"192.0.0.1":       "reserved for protocols",
	"192.0.2.1":       "for documentation",
	"192.88.99.1":     "a relay of 6to4",
	"192.168.0.1":     "private",
	"198.18.0.1":      "for benchmarks",
	"198.19.255.255":  "for benchmarks",
	"198.51.100.1":    "for documentation",
	"203.0.113.1":     "for documentation",
	"224.0.0.1":       "multicast",
	"239.255.255.255": "multicast",
	"240.0.0.1":       "reserved or broadcast",
	"255.255.255.255": "reserved or broadcast",

	"169.254.169.254":      metadata,
	"169.254.170.2":        metadata,
	"169.254.170.23":       metadata,
	"169.254.0.23":         metadata,
	"100.100.100.200":      metadata,
	"168.63.129.16":        metadata,
	"192.0.0.192":          metadata,
	"[fd00:ec2::254]":      metadata,
	"[fd00:ec2::23]":       metadata,
	"[fd20:ce::254]":       metadata,
	"[fe80::a9fe:a9fe]":    metadata,
	"[fd00:42::42]":        metadata,
	"[::ffff:a9fe:a9fe]":   metadata,
	"[64:ff9b::a9fe:a9fe]": metadata,

	"[::]":                "unspecified",
	"[::1]":               "loopback",
	"[::ffff:127.0.0.1]":  "loopback",
	"[::ffff:0:0]":        "unspecified",
	"[::ffff:c0a8:1]":     "private",
	"[::127.0.0.1]":       "outside of the public IPv6 addresses",
	"[64:ff9b::7f00:1]":   "loopback",
	"[64:ff9b::10.0.0.1]": "private",
	"[64:ff9b:1::7f00:1]": "for translation inside of a network (NAT64)",
	"[100::1]":            "outside of the public IPv6 addresses",
	"[2001::1]":           "reserved for protocols (Teredo and others)",
	"[2001:0:7f00:1::]":   "reserved for protocols (Teredo and others)",
	"[2001:db8::1]":       "for documentation",
	"[2002:7f00:1::]":     "an IPv4 address inside of IPv6 (6to4)",
	"[2002:808:808::]":    "an IPv4 address inside of IPv6 (6to4)",
	"[3fff::1]":           "for documentation",
	"[4000::1]":           "outside of the public IPv6 addresses",
	"[5f00::1]":           "outside of the public IPv6 addresses",
	"[fc00::1]":           "private",
	"[fdff:ffff::1]":      "private",
	"[fe80::1]":           "link-local",
	"[fe80::1%25lo]":      "link-local",
	"[febf::1]":           "link-local",
	"[fec0::1]":           "outside of the public IPv6 addresses",
	"[ff02::1]":           "multicast",
}

func TestAddressesThatAreNotPublicAreNotCalled(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(cfg *callout.Config) { cfg.AllowPrivate = nil })
	for host, kind := range refusedAddresses {
		result := client.Do(t.Context(), callout.Call{URL: "http://" + host + ":9/"})
		require.Equal(t, callout.ConnectionError, result.Status, host)
		require.Contains(t, result.Reason, "is not called: it is "+kind, host)
		require.False(t, result.Retry, host)
	}
}

func TestWhatIsAllowedIsCalled(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		allow []string
		all   bool
		host  string
		want  string // "": it is called
	}{
		"the address":                         {[]string{"127.0.0.1/32"}, false, "127.0.0.1", ""},
		"its network":                         {[]string{"10.0.0.0/8", "127.0.0.0/8"}, false, "127.0.0.1", ""},
		"the address, as IPv6":                {[]string{"127.0.0.1/32"}, false, "[::ffff:127.0.0.1]", ""},
		"by name":                             {[]string{"127.0.0.1/32", "::1/128"}, false, "localhost", ""},
		"everything":                          {nil, true, "127.0.0.1", ""},
		"another address":                     {[]string{"127.0.0.2/32"}, false, "127.0.0.1", "loopback"},
		"another network":                     {[]string{"10.0.0.0/8", "::/0"}, false, "127.0.0.1", "loopback"},
		"a network with the metadata":         {[]string{"169.254.0.0/16"}, false, "169.254.169.254", metadata},
		"everything, and the metadata":        {[]string{"0.0.0.0/0", "::/0"}, true, "169.254.169.254", metadata},
		"everything, and Azure's metadata":    {nil, true, "168.63.129.16", metadata},
		"everything, and translated metadata": {nil, true, "[64:ff9b::a9fe:a9fe]", metadata},
		"a translator, but not what it leads to": {
			[]string{"64:ff9b::/96"}, false, "[64:ff9b::7f00:1]", "loopback",
		},
	} {
		client := newClient(t, func(cfg *callout.Config) {
			cfg.AllowPrivate, cfg.AllowAllPrivate = nil, c.all
			for _, text := range c.allow {
				cfg.AllowPrivate = append(cfg.AllowPrivate, netip.MustParsePrefix(text))
			}
		})
		result := client.Do(t.Context(), callout.Call{URL: "http://" + c.host + ":" + port})
		if c.want == "" {
			require.Equal(t, "here", string(result.Body), name)
			continue
		}
		require.Equal(t, callout.ConnectionError, result.Status, name)
		require.Contains(t, result.Reason, "it is "+c.want, name)
	}
}

// A name is looked up when it is connected to, and what it stands for then is what is checked.
func TestANameThatChangesItsAddressGainsNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Connection", "close")
	})
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	client := newClient(t, func(cfg *callout.Config) {
		cfg.Resolver = newResolver(t, "127.0.0.1", "127.0.0.2", "10.0.0.1", "127.0.0.1")
	})
	call := callout.Call{URL: "http://rebind.example.:" + port}
	require.Equal(t, callout.Success, client.Do(t.Context(), call).Status)
	for _, want := range []string{"127.0.0.2 is not called: it is loopback", "10.0.0.1 is not called: it is private"} {
		result := client.Do(t.Context(), call)
		require.Contains(t, result.Reason, want)
		require.False(t, result.Retry)
	}
	require.EqualValues(t, 1, calls.Load())
	require.Equal(t, callout.Success, client.Do(t.Context(), call).Status)
}

func TestANameThatIsNotKnownIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(cfg *callout.Config) { cfg.Resolver = newResolver(t, "") })
	result := client.Do(t.Context(), callout.Call{URL: "http://nobody.example."})
	require.Equal(t, callout.ConnectionError, result.Status)
	require.Contains(t, result.Reason, "no such host")
	require.True(t, result.Retry)
}

// A proxy would connect to what we may not. (The environment is everybody's, so this test is alone.)
func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := newServer(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	client := newClient(t, func(cfg *callout.Config) { cfg.Resolver = newResolver(t, "127.0.0.1") })
	result := client.Do(t.Context(), callout.Call{URL: "http://public.example.:" + port})
	require.Equal(t, "here", string(result.Body))
	require.Zero(t, asked.Load())
}

// newResolver asks a name server of this test that knows one IPv4 address at a time, for whatever name: the first for the
// first question, and so on; the last one stays. An empty one is no address.
func newResolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() { _ = server.Close(); <-ended })
	go func() {
		defer close(ended)
		packet := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			var address string
			if isQuestionForIPv4(packet[:n]) {
				address = addresses[0]
				addresses = addresses[min(1, len(addresses)-1):]
			}
			_, _ = server.WriteTo(answer(packet[:n], address), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// The parts of a DNS message (RFC 1035, section 4) that are needed here: a header of 12 bytes, and one question, which is
// a name that ends with a zero byte, two bytes of type and two of class.
func question(message []byte) []byte {
	end := 12 + bytes.IndexByte(message[12:], 0) + 5
	return message[12:end]
}

func isQuestionForIPv4(message []byte) bool {
	q := question(message)
	return binary.BigEndian.Uint16(q[len(q)-4:]) == 1
}

func answer(message []byte, address string) []byte {
	reply := append([]byte{}, message[:2]...)
	reply = append(reply, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0) // an answer without an error: one question, nothing else
	reply = append(reply, question(message)...)
	if address != "" {
		reply[7] = 1
		ip := netip.MustParseAddr(address).As4()
		// The name of the question, type A, class IN, for no time, four bytes.
		reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
	}
	return reply
}
