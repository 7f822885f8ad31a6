//go:build unix

package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What listens comes and goes, so an address that is free now may be another one's that has not started yet.
func TestNoAddressIsGivenTwice(t *testing.T) {
	t.Parallel()
	given := map[string]bool{}
	for range 1000 {
		address, err := freeAddress(t.Context())
		require.NoError(t, err)
		require.False(t, given[address], "%s was given before", address)
		given[address] = true
	}
}
