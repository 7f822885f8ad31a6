//go:build race

package correlate_test

// Under the race detector, which makes everything ten times slower and has nothing to find in single-threaded code,
// fewer orders are tried. make test tries them all.
const (
	exhaustive   = 6
	randomOrders = 200
)
