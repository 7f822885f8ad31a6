package main

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A service manager hears when webhooks are taken, not before, and how long the stop may take.
func TestTheServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })
	heard := func() string {
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(patience)))
		message := make([]byte, 4096)
		n, err := manager.Read(message)
		require.NoError(t, err)
		return string(message[:n])
	}

	s := startService(t, []string{"NOTIFY_SOCKET=" + socket}, "--stop-timeout", "7s")
	require.Equal(t, "READY=1", heard())
	r := start(t, nil, "healthcheck", "--url", "http://"+s.HTTP)
	require.Zero(t, r.wait(), r.stderr.text())

	s.signal(syscall.SIGTERM)
	require.Equal(t, "STOPPING=1\nEXTEND_TIMEOUT_USEC=9000000", heard())
	require.Zero(t, s.wait())
}
