package simulate

import (
	"math"
	"math/rand/v2"
)

// dice is a source of chance that costs no memory. The same two numbers give the same throws.
type dice struct{ pcg rand.PCG }

// seed begins anew; n is a number that is not negative.
func (d *dice) seed(seed uint64, n int) { d.pcg.Seed(seed, uint64(n)) } //nolint:gosec // no overflow, see above

// below gives a number from 0 to n-1.
func (d *dice) below(n int) int {
	const half = 32
	return int((d.pcg.Uint64() >> half) * uint64(n) >> half) //nolint:gosec // n is small and not negative
}

// from gives a number from low to high, both included.
func (d *dice) from(low, high int) int { return low + d.below(high-low+1) }

// fraction gives a number from 0 up to, but not including, 1.
func (d *dice) fraction() float64 {
	const bits = 53
	return float64(d.pcg.Uint64()>>(64-bits)) / (1 << bits)
}

// chance is true as often as p says.
func (d *dice) chance(p float64) bool { return p > 0 && d.fraction() < p }

// spread gives an exponentially distributed number of this mean, cut off at most.
func (d *dice) spread(mean, most float64) float64 { return min(-mean*math.Log(1-d.fraction()), most) }

// mix makes one well-stirred number of two (the finalizer of SplitMix64).
func mix(a, b uint64) uint64 {
	z := a + 0x9e3779b97f4a7c15*(b+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
