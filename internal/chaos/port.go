//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// given are the addresses that this process has handed out: what they are for may not listen yet, or not for the moment.
var given sync.Map

// freeAddress gives a loopback address that nobody listens on, and none twice. The port is below those that systems use for
// outgoing connections, so that nobody has it when a process that was killed comes back.
func freeAddress(ctx context.Context) (string, error) {
	const low, high, attempts = 20_000, 32_000, 100
	for range attempts {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(low+rand.IntN(high-low))) //nolint:gosec // it is no secret
		if _, twice := given.LoadOrStore(address, true); twice {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		return address, nil
	}
	return "", errors.New("find a free port: none found")
}
