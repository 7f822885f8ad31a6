//go:build !race

package correlate_test

// Bounds of TestEveryOrderGivesTheSameRecords.
const (
	exhaustive   = 8    // webhooks up to which every order is tried
	randomOrders = 2000 // orders tried above that
)
