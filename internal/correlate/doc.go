// Package correlate works out calls from webhooks (design §§1–5). A call is a pure function of the set of its webhooks:
//
//	Merge   a webhook into its leg; commutative, associative, idempotent   (leg.go, evidence.go)
//	Link    legs into calls                                                (link.go)
//	Derive  the call's record from its legs                                (derive.go and what it calls)
//	Diff    the call before and after into the steps to publish            (diff.go)
//
// Set does all four for one webhook after the other. Nothing here does I/O, reads a clock or draws a random number, so
// the order in which webhooks arrive changes when something is known, never what is known in the end.
package correlate
