// Package stats says what the figures of a call centre are: which calls count for what, and how the figures come of them.
// Each is defined here and nowhere else; docs/statistics.md explains them, and a test holds its example against this
// package.
//
// An ended call gives facts (FactsOf): one of its own, and one for each consultant that it came to. A store keeps facts
// and adds them up to tallies; it knows no figure. Figures come of tallies (NewFigures), and a Report shows them.
//
// It does no I/O, and knows no clock and no zone by name: both are handed in.
package stats
