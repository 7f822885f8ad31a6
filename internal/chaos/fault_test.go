//go:build unix

package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSeedDecidesThePlan(t *testing.T) {
	t.Parallel()
	first := plan(1, time.Minute)
	assert.Equal(t, first, plan(1, time.Minute))
	assert.NotEqual(t, plan(1, time.Minute), plan(2, time.Minute))
}

func TestAPlanHasEveryFaultAndLeavesTheEndsAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		for _, length := range []time.Duration{30 * time.Second, 2 * time.Minute} {
			faults := plan(seed, length)
			kinds := map[faultKind]int{}
			last := time.Duration(0)
			for _, f := range faults {
				kinds[f.kind]++
				require.GreaterOrEqual(t, f.at, quietEnds)
				require.Less(t, f.at, length-quietEnds)
				require.GreaterOrEqual(t, f.at, last)
				last = f.at
				require.Positive(t, f.last)
				require.LessOrEqual(t, f.last, 8*time.Second)
				require.NotEmpty(t, f.String())
			}
			require.Len(t, kinds, len(faultKinds))
			require.LessOrEqual(t, len(faults), int(length/time.Second))
		}
	}
	assert.Empty(t, plan(1, time.Second))
}
