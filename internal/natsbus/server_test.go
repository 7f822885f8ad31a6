package natsbus_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/natsbus"
)

func TestABadAddressIsToldAsSuch(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for _, test := range []struct {
		name, listen string
		want         error
	}{
		{"a port that is taken", taken.Addr().String(), natsbus.ErrListen},
		{"no port", "127.0.0.1", natsbus.ErrListen},
		{"a bad port", "127.0.0.1:x", natsbus.ErrListen},
		{"a port out of range", "127.0.0.1:70000", natsbus.ErrListen},
		{"every address", "0.0.0.0:0", natsbus.ErrNotLoopback},
		{"no host", ":4222", natsbus.ErrNotLoopback},
		{"a public address", "192.0.2.1:4222", natsbus.ErrNotLoopback},
		{"a name", "example.com:4222", natsbus.ErrNotLoopback},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: t.TempDir(), Listen: test.listen})
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestAStoreThatCannotBeUsedIsTold(t *testing.T) {
	t.Parallel()
	_, err := natsbus.Open(testContext(t), natsbus.Config{StoreDir: "/dev/null/nats", Listen: "127.0.0.1:0"})
	require.ErrorContains(t, err, "start nats")
	require.NotErrorIs(t, err, natsbus.ErrListen)
	_, err = natsbus.Open(testContext(t), natsbus.Config{Listen: "127.0.0.1:0"})
	require.ErrorContains(t, err, "no store directory")
}
